/*
 * Locks with their conditions, events and semaphores, in random programs.
 *
 * A lock is one task's at a time, and nobody overtakes.  A condition's wait ends with the lock
 * held, and not without a notification.  An event's ends only if it was set meanwhile; no more
 * tasks have a semaphore's permits than there are.
 */
#include <string.h>

#include "conformance/random_subject.h"

/* ---- locks and conditions ------------------------------------------------------------------- */

static struct lock_model {
    aio_lock lock;
    aio_condition condition;
    const struct actor *holder;
    unsigned tickets, served;
    unsigned waiting; /* in the condition: those who wait, and who have not come back */
    unsigned tokens;  /* notifications that may be on their way */
    unsigned alls;    /* how often all were notified */
    bool cancelled;   /* a wait was, some time: less is known of tokens */
} locks[OBJECTS];

/* Who waits in a condition; since when. */
static struct {
    bool waits, keeps; /* the lock, when it is over */
    unsigned object, alls;
} conditions[TASKS];

static void begin_locks(struct world *world)
{
    (void)world;
    memset(locks, 0, sizeof locks);
    memset(conditions, 0, sizeof conditions);
    for (unsigned i = 0; i < OBJECTS; i++)
        aio_condition_init(&locks[i].condition, &locks[i].lock);
}

static int take(struct actor *actor, const struct action *action)
{
    struct world *world = actor->world;
    struct lock_model *model = &locks[action->object];
    unsigned ticket = ++model->tickets;
    use_begin(actor, action);
    int rc = use_end(actor, aio_lock_acquire(&model->lock), true);
    expect(world, rc == 0 || rc == -ECANCELED, "an acquire failed");
    if (rc < 0)
        return rc;
    expect(world, model->holder == NULL, "two hold a lock");
    expect(world, ticket > model->served, "somebody overtook in a lock");
    model->served = ticket;
    model->holder = actor;
    return 0;
}

static void give(struct actor *actor, struct lock_model *model)
{
    struct world *world = actor->world;
    expect(world, model->holder == actor, "the lock that it holds is another's");
    expect(world, aio_lock_locked(&model->lock), "a lock that is held is not locked");
    model->holder = NULL;
    expect(world, aio_lock_release(&model->lock) == 0, "a lock could not be released");
}

static int hold(struct actor *actor, const struct action *action)
{
    struct lock_model *model = &locks[action->object];
    if (model->holder == actor)
        return run_body(actor, action);
    int rc = take(actor, action);
    if (rc < 0)
        return rc;
    rc = run_body(actor, action);
    give(actor, model);
    return rc;
}

static int wait_in(struct actor *actor, const struct action *action)
{
    struct world *world = actor->world;
    struct lock_model *model = &locks[action->object];
    model->holder = NULL;
    model->waiting++;
    conditions[actor->number].waits = true;
    conditions[actor->number].object = action->object;
    conditions[actor->number].alls = model->alls;
    use_begin(actor, action);
    int rc = use_end(actor, aio_condition_wait(&model->condition), true);
    conditions[actor->number].waits = false;
    model->waiting--;
    expect(world, model->holder == NULL, "a condition's wait ended without its lock");
    expect(world, aio_lock_locked(&model->lock), "a condition's wait ended, and nobody holds it");
    model->holder = actor;
    expect(world, rc == 0 || rc == -ECANCELED, "a condition's wait failed");
    if (rc < 0) {
        /* One who is cancelled wakes another, whether he was notified or not. */
        model->tokens++;
        model->cancelled = true;
    } else {
        expect(world, model->tokens > 0, "a condition's wait ended without a notification");
        model->tokens -= model->tokens > 0;
    }
    return rc;
}

static int wait_condition(struct actor *actor, const struct action *action)
{
    struct lock_model *model = &locks[action->object];
    bool held = model->holder == actor;
    int rc = held ? 0 : take(actor, action);
    if (rc < 0)
        return rc;
    conditions[actor->number].keeps = held;
    rc = wait_in(actor, action);
    if (!held)
        give(actor, model);
    return rc;
}

/* amount 0 is for all. */
static int notify(struct actor *actor, const struct action *action)
{
    struct lock_model *model = &locks[action->object];
    bool held = model->holder == actor;
    int rc = held ? 0 : take(actor, action);
    if (rc < 0)
        return rc;
    unsigned count = action->amount == 0 ? model->waiting : action->amount % 3;
    unsigned most = model->waiting > model->tokens ? model->waiting - model->tokens : 0;
    model->tokens += model->cancelled || count < most ? count : most;
    model->alls += action->amount == 0;
    rc = action->amount == 0 ? aio_condition_notify_all(&model->condition)
                             : aio_condition_notify(&model->condition, count);
    expect(actor->world, rc == 0, "a notification failed");
    if (!held)
        give(actor, model);
    return rc;
}

static bool lock_may_hang(const struct actor *actor)
{
    const struct lock_model *model = &locks[actor->use->object];
    if (model->holder != NULL)
        return true;
    return conditions[actor->number].waits && conditions[actor->number].alls == model->alls &&
           (model->tokens == 0 || model->cancelled);
}

/* A condition's wait does not end without the lock. */
static bool lock_needs(const struct actor *actor, const struct actor *other)
{
    unsigned object = conditions[actor->number].object, number = other->number;
    bool keeps = conditions[number].waits && conditions[number].keeps;
    return conditions[actor->number].waits &&
           (locks[object].holder == other || (keeps && conditions[number].object == object));
}

static const char *end_locks(struct world *world)
{
    (void)world;
    for (unsigned i = 0; i < OBJECTS; i++) {
        const struct lock_model *model = &locks[i];
        if (model->holder != NULL || aio_lock_locked(&model->lock))
            return "a lock is still held";
        if (model->lock.waiters.count != 0 || model->condition.waiters.count != 0)
            return "somebody is left in a lock's or condition's list";
    }
    return NULL;
}

static const struct operation LOCK_OPERATIONS[] = {
    {"hold", 4, true, false, hold},
    {"condition_wait", 3, false, false, wait_condition},
    {"notify", 3, false, false, notify},
};
const struct subject lock_subject = {
    "lock", SUBJECT_OPERATIONS(LOCK_OPERATIONS), false, begin_locks, lock_may_hang, lock_needs,
    NULL, end_locks,
};

/* ---- events --------------------------------------------------------------------------------- */

static struct {
    aio_event event;
    bool set;
    unsigned sets;
} events[OBJECTS];

static unsigned sets_before[TASKS];

static void begin_events(struct world *world)
{
    (void)world;
    memset(events, 0, sizeof events);
}

static int wait_event(struct actor *actor, const struct action *action)
{
    bool set = events[action->object].set;
    sets_before[actor->number] = events[action->object].sets;
    use_begin(actor, action);
    int rc = use_end(actor, aio_event_wait(&events[action->object].event), true);
    bool happened = set || events[action->object].sets != sets_before[actor->number];
    expect(actor->world, rc == -ECANCELED || (rc == 0 && happened), "an event's wait ended so");
    return rc;
}

static int change_event(struct actor *actor, const struct action *action)
{
    aio_event *event = &events[action->object].event;
    if (action->mode != 0) {
        aio_event_set(event);
        events[action->object].sets++;
    }
    if (action->mode != 1)
        aio_event_clear(event);
    events[action->object].set = action->mode == 1;
    expect(actor->world, aio_event_is_set(event) == (action->mode == 1), "an event is set or not");
    return 0;
}

static bool event_may_hang(const struct actor *actor)
{
    return events[actor->use->object].sets == sets_before[actor->number];
}

static const char *end_events(struct world *world)
{
    (void)world;
    for (unsigned i = 0; i < OBJECTS; i++)
        if (events[i].event.waiters.count != 0)
            return "somebody is left in an event's list";
    return NULL;
}

static const struct operation EVENT_OPERATIONS[] = {
    {"event_wait", 3, false, false, wait_event},
    {"event_change", 3, false, false, change_event},
};
const struct subject event_subject = {
    "event", SUBJECT_OPERATIONS(EVENT_OPERATIONS), false, begin_events, event_may_hang, NULL,
    NULL, end_events,
};

/* ---- semaphores ----------------------------------------------------------------------------- */

static struct semaphore_model {
    aio_semaphore semaphore;
    unsigned permits, taken, tickets, served;
} semaphores[OBJECTS];

static void begin_semaphores(struct world *world)
{
    uint64_t state = world->program->seed;
    for (unsigned i = 0; i < OBJECTS; i++) {
        unsigned permits = 1 + (unsigned)(random_next(&state) % 3);
        semaphores[i] = (struct semaphore_model){.permits = permits};
        (void)aio_semaphore_init_bounded(&semaphores[i].semaphore, (int)permits);
    }
}

static int take_permit(struct actor *actor, const struct action *action)
{
    struct world *world = actor->world;
    struct semaphore_model *model = &semaphores[action->object];
    unsigned ticket = ++model->tickets;
    use_begin(actor, action);
    int rc = use_end(actor, aio_semaphore_acquire(&model->semaphore), true);
    expect(world, rc == 0 || rc == -ECANCELED, "a semaphore's acquire failed");
    if (rc < 0)
        return rc;
    expect(world, model->taken < model->permits, "more permits are taken than there are");
    expect(world, world->shuffled || ticket > model->served, "somebody overtook in a semaphore");
    model->served = ticket;
    model->taken++;
    rc = run_body(actor, action);
    model->taken--;
    int released = aio_semaphore_release(&model->semaphore);
    expect(world, released == 0, "a permit could not be given back");
    return rc;
}

static bool semaphore_may_hang(const struct actor *actor)
{
    const struct semaphore_model *model = &semaphores[actor->use->object];
    return model->taken == model->permits;
}

static const char *end_semaphores(struct world *world)
{
    (void)world;
    for (unsigned i = 0; i < OBJECTS; i++) {
        struct semaphore_model *model = &semaphores[i];
        if (model->semaphore.waiters.count != 0)
            return "somebody is left in a semaphore's list";
        if (model->taken != 0 || aio_semaphore_release(&model->semaphore) != -EINVAL)
            return "a permit is lost";
    }
    return NULL;
}

static const struct operation SEMAPHORE_OPERATIONS[] = {
    {"permit", 1, true, false, take_permit},
};
const struct subject semaphore_subject = {
    "semaphore", SUBJECT_OPERATIONS(SEMAPHORE_OPERATIONS), false, begin_semaphores,
    semaphore_may_hang, NULL, NULL, end_semaphores,
};
