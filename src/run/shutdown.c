/*
 * The taking down of what is left.
 *
 * A shut-down goes in rounds: each cancels every task that is left, in order of
 * creation, and runs the loop until all have ended, nothing can wake any more, or
 * the round's time is over.  Who has ignored three rounds is doomed: it gets
 * -ECANCELED from its next waits at once; after one more round it is abandoned.
 *
 * When no task is left, the generators that nobody has closed are, each in a task
 * of its own, as asyncio does; those tasks have a round's time, and then are left
 * over as well.
 */
#include "run/shutdown.h"

#include <errno.h>
#include <limits.h>

#include "base/util.h"
#include "task/scheduler.h"

#define ROUNDS 3
/* So many waits a doomed task has for its clean-up; then it is not woken any more. */
#define LAST_WAITS 100
/* Tasks that are started meanwhile are taken down as well, but not for ever. */
#define ROUNDS_IN_ALL 100
/* The virtual clock stands while anything is ready: then so many turns are a round's time. */
#define TURNS 100000

static aio__task *first_left(aio__scheduler *scheduler)
{
    return aio__list_empty(&scheduler->tasks)
               ? NULL
               : aio__container(scheduler->tasks.head.next, aio__task, all);
}

static void doom(aio__task *task)
{
    if (task->doomed)
        return;
    task->doomed = true;
    task->last_waits = LAST_WAITS;
    aio__loop_report(task->future.scheduler->loop, "a task ignores that it is cancelled",
                     aio_task_name(&task->future), -ECANCELED);
}

/* Cancels all that are left; false if there is nobody who has not had every chance. */
static bool cancel_all(aio__scheduler *scheduler)
{
    bool any = false;
    aio__list_foreach(link, &scheduler->tasks)
    {
        aio__task *task = aio__container(link, aio__task, all);
        if (task->shutdown_rounds > ROUNDS)
            continue;
        any = true;
        if (++task->shutdown_rounds > ROUNDS)
            doom(task);
        (void)aio__future_request_cancel(&task->future);
    }
    return any;
}

/* Runs the loop until no task is left, nothing can wake one, or the time is over. */
static void run_round(aio__scheduler *scheduler)
{
    aio_loop *loop = scheduler->loop;
    int64_t end = aio__time_after(aio__loop_update_time(loop), loop->options.shutdown_grace);
    int64_t left = end - loop->now;
    int turns = loop->virtual_clock ? TURNS : INT_MAX;
    int rc;
    do {
        rc = aio__loop_run_turn(loop, left, true);
        left = end - aio__loop_update_time(loop);
    } while (rc >= 0 && scheduler->task_count != 0 && left > 0 && --turns > 0);
}

static void end_tasks(aio__scheduler *scheduler)
{
    for (int round = 0; round < ROUNDS_IN_ALL; round++) {
        if (cancel_all(scheduler))
            run_round(scheduler);
        else if (aio_loop_step(scheduler->loop, 0) <= 0) /* what was queued last may start tasks */
            break;
    }
}

int aio__shut_down(aio_loop *loop)
{
    aio__scheduler *scheduler = aio__scheduler_of(loop);
    int abandoned = 0;
    if (scheduler == NULL)
        return 0; /* there never was one */
    scheduler->shutting_down = true;
    end_tasks(scheduler);
    for (int round = 0; round < ROUNDS && aio__generators_close(scheduler); round++) {
        run_round(scheduler);
        end_tasks(scheduler);
    }
    aio__list_foreach(link, &scheduler->tasks)
        doom(aio__container(link, aio__task, all));
    aio__task_undo_waits(scheduler);
    for (aio__task *task; (task = first_left(scheduler)) != NULL; abandoned++)
        aio__task_abandon(task);
    return abandoned;
}
