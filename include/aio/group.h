/*
 * aio/group.h: tasks that end together, asyncio's TaskGroup.
 *
 * A group is a scope in a function: tasks that are started in it have ended when
 * the function is past its end, whatever happens, so they may use the function's
 * variables.
 *
 *     aio_group group;                             // async with TaskGroup() as group:
 *     int rc = aio_group_begin(&group);
 *     if (rc < 0)
 *         return rc;
 *     rc = aio_group_spawn(&group, fetch, &a);     //     group.create_task(fetch(a))
 *     if (rc == 0)
 *         rc = aio_group_spawn(&group, fetch, &b);
 *     rc = aio_group_end(&group, rc);              // waits for both
 *
 * If a child fails, or the body between begin and end does, the other children
 * are cancelled, and so is the body; the group ends when all have, with the first
 * error.  A child that is cancelled has not failed.  If the task that the group
 * belongs to is cancelled, so are the children.
 *
 * Scopes nest strictly.  A group that is left open, because the function returned
 * between the two, is closed and reported when the scope around it or the task
 * ends: its children are cancelled, and awaited there.  AIO_SCOPED(aio_group)
 * does so where the function is left.
 *
 * Thread-safety: a group belongs to its loop's thread.
 */
#ifndef AIO_GROUP_H
#define AIO_GROUP_H

#include <aio/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A group; the caller's storage, its fields are private. */
typedef struct aio_group {
    struct aio__scope *scope; /* NULL while not open */
    const void *parent;       /* the task that opened it; only to compare with */
    bool ended;
} aio_group;

#define AIO_GROUP_INIT {0, 0, false}

/* What happens in a group between its begin and its end. */
typedef int (*aio_group_body)(aio_group *group, void *arg);

/* One of a group's errors, and whose it was. */
typedef struct aio_group_error {
    int error;
    char task[32]; /* the task's name, cut to fit: a child's, or for the body's error its own */
} aio_group_error;

/* ---- a group's life -------------------------------------------------------------------------- */

/*
 * Runs body(group, arg), here and now, in a group: begin, the body, end.  The children go on when
 * body has returned, so they must not use its variables; those of its caller, by way of arg, they
 * may.
 *
 * Returns    as aio_group_end(); -EPERM outside a task; -EINVAL for no body; -ENOMEM.
 * Suspends   as body does, and while there are children.
 * Owns       nothing.
 */
AIO_API int aio_group_run(aio_group_body body, void *arg) AIO_MUST_USE;

/*
 * Begins.  The same task must end it.
 *
 * Returns    0; -ENOMEM; -EPERM outside a task; -EINVAL for NULL.
 * Suspends   never.
 * Owns       borrows group until it ends.
 */
AIO_API int aio_group_begin(aio_group *group) AIO_MUST_USE;

/*
 * Ends: waits until all children have ended.  `result` is what came of the body; if that is an
 * error, or the task is cancelled while it waits, the children are cancelled first.
 *
 * Returns    the first error: children's as they ended, the body's last; -ECANCELED, if there is
 *            none and the task was cancelled (by somebody else than the group); else `result`, or 0
 *            for the -ECANCELED of a group that aio_group_cancel() ended.  A task that was
 *            cancelled while others failed is cancelled again at its next wait.  -EPERM outside a
 *            task; -EINVAL if it is not open, or not this task's.
 * Suspends   while there are children.
 * Owns       gives group, and what the children borrowed, back to the caller.
 */
AIO_API int aio_group_end(aio_group *group, int result) AIO_MUST_USE;

/*
 * Cancels the children, and the body if the group has not come to its end.  The group then ends
 * without an error, unless there is one besides.  Any task or callback may call it, again too, and
 * when the group has ended.
 *
 * Returns    0; -EINVAL if it was never begun.
 * Suspends   never.
 * Owns       nothing.
 */
AIO_API int aio_group_cancel(aio_group *group);

/*
 * Says where aio_group_end() shall put all errors, in their order: the first `capacity` of them to
 * `errors`, and to *out_count how many there were in all.  Only the group's own task may.
 *
 * Returns    0; -EINVAL if it is not open, or not this task's.
 * Suspends   never.
 * Owns       borrows errors and out_count until the group has ended.
 */
AIO_API int aio_group_errors(aio_group *group, aio_group_error *errors, size_t capacity,
                             size_t *out_count);

/* ---- children -------------------------------------------------------------------------------- */

/*
 * Starts a child that runs function(arg), as aio_spawn() does; aio_spawn_copy(), aio_spawn_with()
 * for the forms of that name.  Any task or callback may, while the group is open; children of a
 * group that waits for its end, too.  `arg` must live until the child has ended.
 *
 * Returns    0; -ESHUTDOWN if the group is ending and no child is left, or if it is being
 *            cancelled, for instance since a child failed; -ENOMEM; -EINVAL if it is not open, or
 *            for options that make no sense.  In a group with a limit: -ECANCELED if the caller was
 *            cancelled while it waited, and nothing was started; -EAGAIN for a callback where a
 *            task would wait.
 * Suspends   only in a group with a limit, and as many children as that.
 * Owns       nothing; the group owns the child.
 */
AIO_API int aio_group_spawn(aio_group *group, aio_function function, void *arg) AIO_MUST_USE;
AIO_API int aio_group_spawn_copy(aio_group *group, aio_function function, const void *args,
                                 size_t size) AIO_MUST_USE;
AIO_API int aio_group_spawn_with(aio_group *group, const aio_spawn_options *options,
                                 aio_function function, void *arg) AIO_MUST_USE;

/* aio_group_spawn_copy() of arguments written in place, as AIO_SPAWN(). */
#define AIO_GROUP_SPAWN(group, function, type, ...)                                                \
    aio_group_spawn_copy((group), (function), &(type){__VA_ARGS__}, sizeof(type))

/*
 * The same, for a child whose result is wanted, or that shall be cancelled alone.
 *
 * Returns    the child; NULL with errno as aio_group_spawn().
 * Suspends   as aio_group_spawn().
 * Owns       gives the caller a share in the child, release with aio_join(), aio_task_stop() or
 *            aio_release().
 */
AIO_API aio_task *aio_group_task(aio_group *group, aio_function function, void *arg) AIO_MUST_USE;
AIO_API aio_task *aio_group_task_with(aio_group *group, const aio_spawn_options *options,
                                      aio_function function, void *arg) AIO_MUST_USE;

/*
 * Starts a child and waits until it is ready: until it calls aio_group_started().  If it fails
 * before, that is the caller's error and not the group's.  If the caller is cancelled meanwhile,
 * the child is cancelled, ready or not, and from then on a child as any other.
 *
 * Returns    0; the child's error; -AIO_ESTATE if it returned without having said that it is ready;
 *            -ESHUTDOWN if the group was cancelled meanwhile; -ECANCELED if the caller, or the
 *            child, was; -EPERM outside a task; and as aio_group_spawn().  An eager start makes no
 *            sense here.
 * Suspends   always, unless it fails before there is a child.
 * Owns       nothing; the value, in *out_value unless that is NULL, is as the child says.
 */
AIO_API int aio_group_start(aio_group *group, aio_function function, void *arg,
                            void **out_value) AIO_MUST_USE;
AIO_API int aio_group_start_with(aio_group *group, const aio_spawn_options *options,
                                 aio_function function, void *arg, void **out_value) AIO_MUST_USE;

/*
 * These on behalf of another place in the source, as aio_spawn_at(): what the macros below call, so
 * that reports and dumps can say where a child was spawned.  `place` is a text that outlives the
 * child, or NULL; so may `options` be.
 *
 * Returns    as aio_group_spawn(); as aio_group_task(); as aio_group_start().
 * Suspends   as those.
 * Owns       as those; borrows place as long as there is the child.
 */
AIO_API int aio_group_spawn_at(const char *place, aio_group *group,
                               const aio_spawn_options *options, aio_function function,
                               void *arg) AIO_MUST_USE;
AIO_API int aio_group_spawn_copy_at(const char *place, aio_group *group, aio_function function,
                                    const void *args, size_t size) AIO_MUST_USE;
AIO_API aio_task *aio_group_task_at(const char *place, aio_group *group,
                                    const aio_spawn_options *options, aio_function function,
                                    void *arg) AIO_MUST_USE;
AIO_API int aio_group_start_at(const char *place, aio_group *group,
                               const aio_spawn_options *options, aio_function function, void *arg,
                               void **out_value) AIO_MUST_USE;
#define aio_group_spawn(group, ...)                                                                \
    aio_group_spawn_at(AIO_HERE, (group), (const aio_spawn_options *)0, __VA_ARGS__)
#define aio_group_spawn_with(...) aio_group_spawn_at(AIO_HERE, __VA_ARGS__)
#define aio_group_spawn_copy(...) aio_group_spawn_copy_at(AIO_HERE, __VA_ARGS__)
#define aio_group_task(group, ...)                                                                 \
    aio_group_task_at(AIO_HERE, (group), (const aio_spawn_options *)0, __VA_ARGS__)
#define aio_group_task_with(...) aio_group_task_at(AIO_HERE, __VA_ARGS__)
#define aio_group_start(group, ...)                                                                \
    aio_group_start_at(AIO_HERE, (group), (const aio_spawn_options *)0, __VA_ARGS__)
#define aio_group_start_with(...) aio_group_start_at(AIO_HERE, __VA_ARGS__)

/*
 * A child says that it is ready.  Of one that was not started by aio_group_start(), or said so
 * before, nothing comes: so a function may be started either way.
 *
 * Returns    0; -EPERM outside a task.
 * Suspends   never.
 * Owns       nothing.
 */
AIO_API int aio_group_started(void *value);

/*
 * Sets how many children there may be at a time; 0: any number, as in a new group.  With as many,
 * a spawn waits for its turn; so a loop that spawns for each of a million things has never more
 * tasks than that.  (If children spawn into their own group and all wait for each other's place,
 * nothing moves.)
 *
 * Returns    0; -EINVAL if it is not open.
 * Suspends   never.
 * Owns       nothing.
 */
AIO_API int aio_group_set_limit(aio_group *group, size_t limit);

/*
 * For AIO_SCOPED(aio_group) g = AIO_GROUP_INIT; does nothing unless the group is open: then it has
 * not come to its end, and its children are cancelled and awaited.  Failures are reported; a
 * cancellation of the task meanwhile comes with its next wait.
 */
AIO_API void aio_group_cleanup(aio_group *group);

#ifdef __cplusplus
}
#endif

#endif
