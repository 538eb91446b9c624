/*
 * A crowd: twenty tasks that do what is drawn by lot, and cancel each other, until
 * so many operations have been done.
 *
 *     static void use_it(struct crowd *crowd, unsigned lot) { ... }
 *
 *     struct crowd crowd = {.operate = use_it, .object = &lock, .operations = 100000};
 *     check_int(test_run(crowd_run, &crowd), 0);
 *
 * What operate() finds wrong it checks itself; a cancellation may come out of any
 * call of its that waits.  In the sweep, there are fewer operations.
 */
#ifndef TESTS_SUPPORT_CROWD_H
#define TESTS_SUPPORT_CROWD_H

#include <errno.h>

#include <aio/run.h>

#include "support/test.h"

#define CROWD_SIZE 20

struct crowd {
    void (*operate)(struct crowd *crowd, unsigned lot); /* lot: 0 to 99 */
    void (*unstick)(struct crowd *crowd); /* lets go on who waits for nothing; NULL: nobody does */
    void *object;
    int operations, cancels; /* still to do; done */
    int ended;
    uint64_t seed;
    aio_task *tasks[CROWD_SIZE];
};

static inline unsigned crowd_draw(struct crowd *crowd, unsigned below)
{
    crowd->seed = crowd->seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(crowd->seed >> 33) % below;
}

/* Lets up to two turns pass. */
static inline void crowd_linger(struct crowd *crowd)
{
    for (unsigned turns = crowd_draw(crowd, 3); turns > 0; turns--)
        (void)!aio_yield();
}

static inline int crowd_member(void *arg)
{
    struct crowd *crowd = arg;
    (void)!aio_yield(); /* who is cancelled before he begins never would */
    while (crowd->operations > 0) {
        crowd->operations--;
        if (crowd_draw(crowd, 8) == 0)
            crowd->cancels += aio_task_cancel(crowd->tasks[crowd_draw(crowd, CROWD_SIZE)]) == 1;
        else
            crowd->operate(crowd, crowd_draw(crowd, 100));
    }
    crowd->ended++;
    return 0;
}

static inline int crowd_run(void *arg)
{
    struct crowd *crowd = arg;
    int missing = 0;
    crowd->operations = (int)test_scale((size_t)crowd->operations);
    for (int i = 0; i < CROWD_SIZE; i++) {
        crowd->tasks[i] = aio_spawn(crowd_member, crowd);
        missing += crowd->tasks[i] == NULL;
    }
    check_int(missing, 0);
    while (crowd->unstick != NULL && crowd->ended + missing < CROWD_SIZE && aio_yield() == 0)
        crowd->unstick(crowd);
    for (int i = 0; i < CROWD_SIZE; i++)
        (void)!aio_join(crowd->tasks[i]);
    return 0;
}

#endif
