/*
 * aio/generator.h: functions that give one item after the other, and may wait
 * between: asyncio's asynchronous generators and `async for`.
 *
 *     static int count_down(void *from) {
 *         int rc = 0;
 *         for (int i = *(int *)from; i > 0 && rc == 0; i--)
 *             rc = aio_generator_yield(&i);    // < 0: it is being closed
 *         return rc;
 *     }
 *
 *     int rc, three = 3;
 *     AIO_FOREACH (int, i, aio_generator_new(count_down, &three, sizeof(int)), rc)
 *         printf("%d\n", i);                   // 3, 2, 1
 *
 * The body has a stack of its own, but runs in the task that asks for the next
 * item: that is aio_task_current() there, what the body waits for that task waits
 * for, and its cancellation and its timeouts arrive in the body.  Asking costs two
 * switches and no turn of the loop.  Different tasks may ask, one after the other.
 *
 * Who stops early closes the generator: the yield that the body is in returns
 * -AIO_ECLOSED, and the body cleans up, for which it may wait, and returns.
 *
 * Thread-safety: a generator belongs to its loop's thread.
 */
#ifndef AIO_GENERATOR_H
#define AIO_GENERATOR_H

#include <aio/task.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aio_generator aio_generator;

/* What a generator can be told.  Begin with AIO_GENERATOR_OPTIONS_INIT. */
typedef struct aio_generator_options {
    size_t size;       /* sizeof(aio_generator_options) */
    size_t stack_size; /* bytes; 0: the loop's default; at least 16 KiB */
    const void *copy;  /* not NULL: the body gets, instead of arg, a copy of these bytes ... */
    size_t copy_size;  /* ... so many, on its own stack */
} aio_generator_options;

#define AIO_GENERATOR_OPTIONS_INIT                                                                 \
    {                                                                                              \
        sizeof(aio_generator_options), 0, 0, 0                                                     \
    }

/* ---- making and closing one ------------------------------------------------------------------ */

/*
 * Makes a generator of items of `item_size` bytes; it runs body(arg) from the first
 * aio_generator_next() on.  `arg` must live as long, unless it is copied: the second form hands the
 * body a copy of `size` bytes at `args`.
 *
 * Returns    the generator; NULL with errno: ENOMEM no memory, or no room for another stack; EPERM
 *            no loop runs here; EINVAL no body, or options that make no sense.
 * Suspends   never; no step of the body runs inside.
 * Owns       gives the caller the generator, release with aio_generator_close(); one that was not
 *            closed lives until the loop's end, which closes it.
 */
AIO_API aio_generator *aio_generator_new(aio_function body, void *arg,
                                         size_t item_size) AIO_MUST_USE;
AIO_API aio_generator *aio_generator_new_copy(aio_function body, const void *args, size_t size,
                                              size_t item_size) AIO_MUST_USE;
AIO_API aio_generator *aio_generator_new_with(const aio_generator_options *options,
                                              aio_function body, void *arg,
                                              size_t item_size) AIO_MUST_USE;

/*
 * Closes a generator: if its body is in a yield, that returns -AIO_ECLOSED, and the body runs to
 * its end, in the caller's task.  A body that never began does not begin.
 *
 * Returns    0, also for NULL; what the body returned, if it failed with anything else than
 *            -AIO_ECLOSED; -EINVAL if it went on yielding (each such yield returns -AIO_ECLOSED,
 *            and after ten its stack goes as it is); -EPERM outside a task, -EBUSY while a task is
 *            in its body: then it stays.
 * Suspends   as the body does.
 * Owns       takes the generator, unless it returns -EPERM or -EBUSY.
 */
AIO_API int aio_generator_close(aio_generator *generator) AIO_MUST_USE;

/* ---- asking for items ------------------------------------------------------------------------ */

/*
 * Runs the body up to its next yield.
 *
 * Returns    1 with an item; 0 when the body has ended, now or before; once, what it returned if it
 *            failed; -EBUSY while a task is in the body; -EPERM outside a task; -EINVAL for another
 *            loop's, or no out_item for items that have a size; -ENOMEM for NULL.
 * Suspends   as the body does.
 * Owns       nothing; the item is the caller's copy.
 */
AIO_API int aio_generator_next(aio_generator *generator, void *out_item) AIO_MUST_USE;

/*
 * The same, but the yield that the body is in returns `error`, a negative result.  A body that has
 * not begun never does; its generator ends with that error.
 *
 * Returns    as aio_generator_next(); -EINVAL too if `error` is not negative.
 * Suspends   as the body does.
 * Owns       nothing.
 */
AIO_API int aio_generator_throw(aio_generator *generator, int error, void *out_item) AIO_MUST_USE;

/* The size of its items, in bytes; 0 for NULL. */
AIO_API size_t aio_generator_item_size(const aio_generator *generator);

/* ---- in the body ----------------------------------------------------------------------------- */

/*
 * Gives an item to whoever asked for it; goes on when the next is asked for.  To be called by the
 * body of a generator, in whatever depth.
 *
 * Returns    0; -AIO_ECLOSED if the generator is being closed; what aio_generator_throw() gave;
 *            -EPERM outside a body, and after aio_noswitch_begin(); -EINVAL for no item, and in a
 *            scope (a timeout, a group) that the body has begun and not ended, for the consumer is
 *            not inside that.
 * Suspends   the body, always, unless it fails; never the task.
 * Owns       borrows item for the call.
 */
AIO_API int aio_generator_yield(const void *item) AIO_MUST_USE;

/* ---- async for ------------------------------------------------------------------------------- */

/*
 *     AIO_FOREACH (type, item, generator, rc)
 *         statement
 *
 * Runs the statement for each item, in a variable of that type and name, and then closes the
 * generator, which it takes: also after a `break`, and on gcc and clang after a `return` or `goto`
 * out of it, too (elsewhere the generator then lives until the loop's end).  `rc`, a variable of
 * type int, is 0 then, or what failed: the generator, or its closing; -EINVAL if its items have
 * another size than the type.  What fails after a `return` is only seen there.
 */
#define AIO_FOREACH(type, item, generator, rc)                                                     \
    for (AIO__FOREACH_CLEANUP aio__foreach aio__foreach_##item = {(generator), &(rc), true};       \
         aio__foreach_##item.open; aio__foreach_end(&aio__foreach_##item))                         \
        for (type item; aio__foreach_next(&aio__foreach_##item, &item, sizeof item);)

/* Private: an AIO_FOREACH that has begun. */
typedef struct aio__foreach {
    aio_generator *generator;
    int *result;
    bool open;
} aio__foreach;

static inline bool aio__foreach_next(aio__foreach *loop, void *out_item, size_t size)
{
    bool sizes_differ = loop->generator != 0 && aio_generator_item_size(loop->generator) != size;
    *loop->result = sizes_differ ? -EINVAL : aio_generator_next(loop->generator, out_item);
    return *loop->result > 0;
}

static inline void aio__foreach_end(aio__foreach *loop)
{
    if (!loop->open)
        return;
    loop->open = false;
    int rc = aio_generator_close(loop->generator);
    if (*loop->result >= 0)
        *loop->result = rc;
}

#if defined(__GNUC__)
#define AIO__FOREACH_CLEANUP __attribute__((cleanup(aio__foreach_end)))
#else
#define AIO__FOREACH_CLEANUP
#endif

#ifdef __cplusplus
}
#endif

#endif
