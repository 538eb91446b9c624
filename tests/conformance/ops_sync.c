/*
 * Ops on locks, events, conditions, semaphores and barriers.
 *
 * `acquire`, `release`, `locked` and the block `with` take a lock, a condition or
 * a semaphore; so an object here says which it is.
 */
#include "conformance/ops.h"

enum kind { LOCK, EVENT, CONDITION, SEMAPHORE, BARRIER };

struct object {
    enum kind kind;
    union {
        aio_lock lock;
        aio_event event;
        aio_condition condition;
        aio_semaphore semaphore;
        aio_barrier barrier;
    } as;
};

/* What the library has one code for, asyncio has RuntimeError and ValueError for. */
static int failure(int rc)
{
    return rc == -EPERM ? FAILURE_RUNTIME : rc == -EINVAL ? FAILURE_VALUE : rc;
}

/* ---- declarations --------------------------------------------------------------------------- */

static struct object *declare(struct step *step, enum kind kind)
{
    struct object *object = arena_take(&step->scenario->arena, sizeof *object);
    object->kind = kind;
    scenario_name(step->scenario, step->words[0], object, NULL);
    return object;
}

int declare_lock(struct step *step)
{
    declare(step, LOCK);
    return 0;
}

int declare_event(struct step *step)
{
    declare(step, EVENT);
    return 0;
}

int declare_condition(struct step *step)
{
    step->scenario->conditions = true;
    struct object *shared =
        step->word_count > 1 ? scenario_find(step->scenario, step->words[1]) : NULL;
    struct object *object = declare(step, CONDITION);
    aio_condition_init(&object->as.condition, shared != NULL ? &shared->as.lock : NULL);
    return 0;
}

int declare_semaphore(struct step *step)
{
    int value = (int)step_number(step, 1);
    return aio_semaphore_init(&declare(step, SEMAPHORE)->as.semaphore, value);
}

int declare_bounded_semaphore(struct step *step)
{
    int value = (int)step_number(step, 1);
    return aio_semaphore_init_bounded(&declare(step, SEMAPHORE)->as.semaphore, value);
}

int declare_barrier(struct step *step)
{
    int parties = (int)step_number(step, 1);
    return aio_barrier_init(&declare(step, BARRIER)->as.barrier, parties);
}

/* ---- what can be held ----------------------------------------------------------------------- */

int op_acquire(struct step *step)
{
    struct object *object = step->object;
    if (object->kind == LOCK)
        return aio_lock_acquire(&object->as.lock);
    if (object->kind == CONDITION)
        return aio_condition_acquire(&object->as.condition);
    return aio_semaphore_acquire(&object->as.semaphore);
}

int op_release(struct step *step)
{
    struct object *object = step->object;
    if (object->kind == LOCK)
        return failure(aio_lock_release(&object->as.lock));
    if (object->kind == CONDITION)
        return failure(aio_condition_release(&object->as.condition));
    return failure(aio_semaphore_release(&object->as.semaphore));
}

int op_locked(struct step *step)
{
    struct object *object = step->object;
    if (object->kind == LOCK)
        return aio_lock_locked(&object->as.lock);
    if (object->kind == CONDITION)
        return aio_condition_locked(&object->as.condition);
    return aio_semaphore_locked(&object->as.semaphore);
}

/* A release that fails is the block's result, as an exception in __aexit__() is. */
int op_with(struct step *step)
{
    int rc = op_acquire(step);
    if (rc < 0)
        return rc;
    rc = step_block(step, step->scope);
    int released = op_release(step);
    return released < 0 ? released : rc;
}

/* ---- events, conditions, barriers ----------------------------------------------------------- */

int op_eset(struct step *step)
{
    struct object *object = step->object;
    aio_event_set(&object->as.event);
    return 0;
}

int op_eclear(struct step *step)
{
    struct object *object = step->object;
    aio_event_clear(&object->as.event);
    return 0;
}

int op_ewait(struct step *step)
{
    struct object *object = step->object;
    return aio_event_wait(&object->as.event);
}

int op_cwait(struct step *step)
{
    struct object *object = step->object;
    return failure(aio_condition_wait(&object->as.condition));
}

int op_notify(struct step *step)
{
    struct object *object = step->object;
    size_t count = (size_t)step_number(step, 1);
    return failure(aio_condition_notify(&object->as.condition, count));
}

int op_bwait(struct step *step)
{
    struct object *object = step->object;
    return aio_barrier_wait(&object->as.barrier);
}

int op_breset(struct step *step)
{
    struct object *object = step->object;
    return aio_barrier_reset(&object->as.barrier);
}

int op_babort(struct step *step)
{
    struct object *object = step->object;
    return aio_barrier_abort(&object->as.barrier);
}
