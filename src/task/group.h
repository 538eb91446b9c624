/*
 * What a group consists of: its record, and one for each child.
 *
 * Both lie in pools, so that neither is lost with a frame.  A member is in the
 * group's list of children until the turn after its task's end, when `done` runs;
 * then it is freed, or, if the task failed, kept in `failed` for the group's end.
 *
 * Invariant: a group whose record is given back has no member and no one waiting
 * for a place, for its end waits until `running` is 0; but for one that is dropped
 * with its abandoned task, which cuts what is left loose.
 */
#ifndef AIO_TASK_GROUP_H
#define AIO_TASK_GROUP_H

#include <aio/group.h>

#include "base/list.h"
#include "task/scope.h"
#include "task/wait.h"

typedef struct aio__group aio__group;
typedef struct aio__starting aio__starting;

struct aio__group {
    aio__scope scope;
    aio__list children; /* members, in order of creation */
    aio__list failed;   /* members, in the order in which they ended */
    aio__list places;   /* tasks that wait for a place */
    size_t running;     /* children, and places that were given and not yet taken */
    size_t limit;       /* of running; 0: none */
    aio__wait *ending;  /* the parent's wait for the last child; NULL unless it is parked in it */
    int cancelling;     /* the parent's requests to be cancelled when it began */
    bool exiting;       /* the parent is in aio_group_end() */
    bool aborting;      /* the children were cancelled: no new ones */
    bool cancelled;     /* ... by aio_group_cancel() */
    bool parent_cancel_requested; /* the group has cancelled its parent ... */
    aio__own_request request; /* ... so; valid then */
    aio_group_error *errors; /* the caller's: written only by aio_group_end() */
    size_t capacity;
    size_t *count; /* NULL: the caller does not want them */
};

struct aio__member {
    aio__handle done; /* in its task's waiters, or queued */
    aio__link link;
    aio__group *group;
    aio__task *task;         /* a share */
    aio__starting *starting; /* who waits for it to be ready, or NULL */
};

/* The group's record; NULL if it is not open. */
aio__group *aio__group_find(const aio_group *group);
/* Cancels the children, and refuses new ones. */
void aio__group_abort(aio__group *group);
/* A child less, or a place given up: who waits for it, for a place or for the end, is woken. */
void aio__group_leave(aio__group *group);

/* Takes a place for a child; may wait for it.  0, and errors as aio_group_spawn(). */
int aio__group_enter(const aio_group *group, aio__group **out_group);
/*
 * Starts a child on a place that was taken; the group has the one share in it.  NULL with errno,
 * and the place is free again.
 */
aio__member *aio__group_add(const char *place, aio__group *group,
                            const aio_spawn_options *options, aio_function function, void *arg);
/* What becomes of a member when its task has ended: its handle's run. */
void aio__member_done(aio__handle *handle);
/* Gives free places to those who wait; refuses them all. */
void aio__group_give_places(aio__group *group);
void aio__group_refuse_places(aio__group *group);

/* A child that somebody waits for has ended, and has not said that it is ready. */
void aio__starting_failed(aio__member *member);

#endif
