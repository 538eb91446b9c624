/*
 * aio/sync.h: tasks that wait for each other: asyncio's Lock, Event, Condition,
 * Semaphore, BoundedSemaphore and Barrier.
 *
 *     static aio_lock lock = AIO_LOCK_INIT;
 *
 *     int rc = aio_lock_acquire(&lock);        // async with lock:
 *     if (rc < 0)
 *         return rc;
 *     rc = work();                             // may wait; nobody else is in here
 *     (void)aio_lock_release(&lock);
 *
 * A task is interrupted nowhere but where it waits, so what does not wait needs
 * no lock.
 *
 * Each is the caller's storage, which holds nothing that must be given back; it
 * must stay where it is, and outlive those who wait on it.  Waiters are served in
 * the order in which they came, and go on in the loop's turn after the one that
 * woke them.  Waiting allocates nothing.  A NULL pointer is -EINVAL.
 *
 * Thread-safety: each belongs to the thread of the loop whose tasks use it.  What
 * never suspends may be called from callbacks, too.
 */
#ifndef AIO_SYNC_H
#define AIO_SYNC_H

#include <aio/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Private: those who wait, in their order.  Zero-initialised is empty. */
typedef struct aio__waiters {
    struct aio__link head; /* head.next is NULL until there was a first one */
    size_t count;          /* who waits, or was woken and has not gone on; not who was cancelled */
} aio__waiters;

#define AIO__WAITERS_INIT {{0, 0}, 0}

/* ---- lock ----------------------------------------------------------------------------------- */

/* Held by one at a time; by whom is nobody's business, any task may release it. */
typedef struct aio_lock {
    aio__waiters waiters; /* private */
    bool locked;          /* private: aio_lock_locked() */
} aio_lock;

#define AIO_LOCK_INIT {AIO__WAITERS_INIT, false}

/*
 * Waits until nobody holds the lock, and takes it.  Who comes later never overtakes who waits; a
 * task that acquires what it holds already waits for itself.
 *
 * Returns    0; -ECANCELED, and the caller does not hold it; -EPERM outside a task.
 * Suspends   only if it is held, or others wait.
 * Owns       where it returns 0 the caller holds the lock, release with aio_lock_release().
 */
AIO_API int aio_lock_acquire(aio_lock *lock) AIO_MUST_USE;

/*
 * Releases the lock, and wakes the first who waits for it.
 *
 * Returns    0; -EPERM if nobody holds it.
 * Suspends   never.
 * Owns       takes the caller's hold.
 */
AIO_API int aio_lock_release(aio_lock *lock);

/* Whether somebody holds it.  Released with somebody waiting, it is nobody's until he goes on. */
AIO_API bool aio_lock_locked(const aio_lock *lock);

/* ---- event ---------------------------------------------------------------------------------- */

/* Something that has happened, or not yet. */
typedef struct aio_event {
    aio__waiters waiters; /* private */
    bool set;             /* private: aio_event_is_set() */
} aio_event;

#define AIO_EVENT_INIT {AIO__WAITERS_INIT, false}

/*
 * Waits until the event is set; whom a set has woken returns even if it is cleared again meanwhile.
 *
 * Returns    0; -ECANCELED; -EPERM outside a task.
 * Suspends   only if the event is not set.
 * Owns       nothing.
 */
AIO_API int aio_event_wait(aio_event *event) AIO_MUST_USE;

/* Sets it and wakes all who wait.  NULL is ignored.  Never suspends. */
AIO_API void aio_event_set(aio_event *event);
/* It has not happened, from now on.  NULL is ignored.  Never suspends. */
AIO_API void aio_event_clear(aio_event *event);
/* Whether it is set. */
AIO_API bool aio_event_is_set(const aio_event *event);

/* ---- condition ------------------------------------------------------------------------------ */

/*
 * A lock, and waiting for what it protects to change:
 *
 *     int rc = aio_condition_acquire(&condition);
 *     if (rc < 0)
 *         return rc;
 *     rc = aio_condition_wait_for(&condition, has_work, &work);
 *     if (rc > 0)
 *         take_some(&work);
 *     (void)aio_condition_release(&condition);
 */
typedef struct aio_condition {
    aio__waiters waiters; /* private */
    aio_lock own;         /* private: its lock, ... */
    aio_lock *shared;     /* private: ... unless it is this one */
} aio_condition;

#define AIO_CONDITION_INIT {AIO__WAITERS_INIT, AIO_LOCK_INIT, 0}

/* Makes a condition of that lock, which others may use, too; NULL: of its own. */
AIO_API void aio_condition_init(aio_condition *condition, aio_lock *lock);

/*
 * Its lock: acquires it, releases it, says whether it is held.
 *
 * Returns    as aio_lock_acquire(), aio_lock_release().
 * Suspends   acquire as aio_lock_acquire(); release never.
 * Owns       as these.
 */
AIO_API int aio_condition_acquire(aio_condition *condition) AIO_MUST_USE;
AIO_API int aio_condition_release(aio_condition *condition);
AIO_API bool aio_condition_locked(const aio_condition *condition);

/*
 * Releases the lock, waits to be notified, and acquires the lock again.  It may return without
 * need, so ask again whether what was waited for is so; aio_condition_wait_for() does.
 *
 * Returns    0; -ECANCELED; -EPERM outside a task, or if nobody holds the lock.  The lock is as it
 *            was in any case: a cancelled wait, too, returns only once it holds it again.
 * Suspends   always, unless it fails at once.
 * Owns       the caller's hold is given up meanwhile.
 */
AIO_API int aio_condition_wait(aio_condition *condition) AIO_MUST_USE;

/*
 * Waits until predicate(arg) is not 0.  It is called with the lock held, first of all at once, and
 * must not suspend; what is negative is the caller's own error.
 *
 * Returns    what the predicate returned; -ECANCELED, -EPERM as aio_condition_wait().
 * Suspends   only if the predicate is 0 at first.
 * Owns       as aio_condition_wait().
 */
AIO_API int aio_condition_wait_for(aio_condition *condition, int (*predicate)(void *arg),
                                   void *arg) AIO_MUST_USE;

/*
 * Wakes the first `count` who wait; all.  They go on one by one, as they get the lock.  Whom a
 * cancellation overtakes hands on to the next.
 *
 * Returns    0; -EPERM if nobody holds the lock.
 * Suspends   never.
 * Owns       nothing.
 */
AIO_API int aio_condition_notify(aio_condition *condition, size_t count);
AIO_API int aio_condition_notify_all(aio_condition *condition);

/* ---- semaphore ------------------------------------------------------------------------------ */

/* So many permits.  Zero-initialised is valid: none yet, and no bound. */
typedef struct aio_semaphore {
    aio__waiters waiters; /* private */
    int value;            /* private: permits that nobody has, and nobody was woken for */
    int bound;            /* private: of a bounded one, how many there are in all */
    bool bounded;         /* private */
} aio_semaphore;

#define AIO_SEMAPHORE_INIT(value) {AIO__WAITERS_INIT, (value), 0, false}
#define AIO_SEMAPHORE_INIT_BOUNDED(value) {AIO__WAITERS_INIT, (value), (value), true}

/*
 * Makes a semaphore of `value` permits; one that never has more than these.
 *
 * Returns    0; -EINVAL a negative value.
 * Suspends   never.
 * Owns       nothing.
 */
AIO_API int aio_semaphore_init(aio_semaphore *semaphore, int value);
AIO_API int aio_semaphore_init_bounded(aio_semaphore *semaphore, int value);

/*
 * Waits until there is a permit, and takes it.  Who comes later never overtakes who waits.
 *
 * Returns    0; -ECANCELED, and none was taken; -EPERM outside a task.
 * Suspends   only if there is none, or others wait.
 * Owns       gives the caller a permit, release with aio_semaphore_release().
 */
AIO_API int aio_semaphore_acquire(aio_semaphore *semaphore) AIO_MUST_USE;

/*
 * Adds a permit, whoever took it, and wakes the first who waits for one.
 *
 * Returns    0; -EINVAL where a bounded one has them all, or there are INT_MAX.
 * Suspends   never.
 * Owns       takes a permit.
 */
AIO_API int aio_semaphore_release(aio_semaphore *semaphore);

/* Whether an acquire would wait. */
AIO_API bool aio_semaphore_locked(const aio_semaphore *semaphore);

/* ---- barrier -------------------------------------------------------------------------------- */

/* A point that so many tasks reach together. */
typedef struct aio_barrier {
    aio_condition condition; /* private: of the fields below */
    int parties;             /* private */
    int count;               /* private: how many are inside a wait */
    int state;               /* private */
} aio_barrier;

#define AIO_BARRIER_INIT(parties) {AIO_CONDITION_INIT, (parties), 0, 0}

/*
 * Makes a barrier for so many tasks.
 *
 * Returns    0; -EINVAL fewer than one.
 * Suspends   never.
 * Owns       nothing.
 */
AIO_API int aio_barrier_init(aio_barrier *barrier, int parties);

/*
 * Waits until as many tasks wait as the barrier is for; then all go on, and it can be used again,
 * once they have.
 *
 * Returns    its index, which is how many waited when it came: 0 to parties - 1, each once, if none
 *            was cancelled; -ECANCELED, and the task does not count any more; -AIO_EBROKEN if it
 *            is broken, or was reset while the task waited; -EPERM outside a task; -EINVAL a
 *            barrier for nobody.
 * Suspends   unless it is the last one, and nobody is on his way in or out.
 * Owns       nothing.
 */
AIO_API int aio_barrier_wait(aio_barrier *barrier) AIO_MUST_USE;

/*
 * Begins anew: who waits gets -AIO_EBROKEN, who comes waits.  Or breaks the barrier: who waits and
 * who comes gets -AIO_EBROKEN, until it is reset.
 *
 * Returns    0; -ECANCELED, and nothing has changed; -EPERM outside a task.
 * Suspends   only while others go in or out.
 * Owns       nothing.
 */
AIO_API int aio_barrier_reset(aio_barrier *barrier) AIO_MUST_USE;
AIO_API int aio_barrier_abort(aio_barrier *barrier) AIO_MUST_USE;

/* For how many tasks it is; -EINVAL for NULL. */
AIO_API int aio_barrier_parties(const aio_barrier *barrier);
/* How many wait for the others to come; -EINVAL for NULL. */
AIO_API int aio_barrier_waiting(const aio_barrier *barrier);
/* Whether it is broken. */
AIO_API bool aio_barrier_broken(const aio_barrier *barrier);

#ifdef __cplusplus
}
#endif

#endif
