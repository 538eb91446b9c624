/*
 * Parking and waking, and the waits that need no more than that: sleep and yield.
 */
#include "task/wait.h"

#include <errno.h>

#include <aio/task.h>

#include "base/util.h"
#include "task/scheduler.h"

/*
 * A task that has ignored its shut-down: a few waits for its clean-up, then it stands still, in a
 * wait that has begun and was never woken: see aio__task_undo_wait().
 */
static int last_wait(aio__task *task, aio__wait *wait)
{
    if (task->future.done)
        return -EPERM;
    if (task->last_waits > 0) {
        task->last_waits--;
        return -ECANCELED;
    }
    task->wait = wait;
    for (;;)
        aio__task_switch_away(task);
}

int aio__wait_begin_await(aio__wait *wait, bool (*abort)(aio__wait *wait), const char *what,
                          aio__await *await)
{
    aio__task *task = aio__task_running();
    if (task == NULL)
        return -EPERM;
    *wait = (aio__wait){.task = task, .abort = abort, .await = await, .what = what};
    wait->since = aio__loop_running->now;
    if (AIO__LIKELY(!task->doomed && task->noswitch == 0))
        return 0;
    int rc = aio__noswitch_check(task, what);
    return rc == 0 && task->doomed ? last_wait(task, wait) : rc;
}

int aio__wait_begin(aio__wait *wait, bool (*abort)(aio__wait *wait), const char *what)
{
    return aio__wait_begin_await(wait, abort, what, NULL);
}

int aio__park(aio__wait *wait)
{
    aio__task *task = wait->task;
    int saved = errno;
    task->wait = wait;
    if (task->must_cancel && wait->abort != NULL && wait->abort(wait))
        task->must_cancel = false;
    aio__task_switch_away(task);
    task->wait = NULL;
    errno = saved;
    if (AIO__UNLIKELY(task->must_cancel)) {
        task->must_cancel = false;
        return -ECANCELED;
    }
    return wait->result;
}

aio__handle *aio__wait_handle(aio__wait *wait)
{
    return &wait->task->handle;
}

void aio__wake(aio__wait *wait, int result)
{
    wait->result = result;
    aio__loop_enqueue(wait->task->future.scheduler->loop, &wait->task->handle);
}

int aio_yield(void)
{
    aio__wait wait;
    int rc = aio__wait_begin(&wait, NULL, "yield");
    if (rc < 0)
        return rc;
    aio__wake(&wait, 0);
    return aio__park(&wait);
}

int aio__checkpoint(unsigned units)
{
    aio__task *task = aio__task_running();
    if (task == NULL)
        return -EPERM;
    int rc = aio__noswitch_check(task, "one that may");
    if (rc < 0 || task->future.scheduler->loop->options.budget == 0)
        return rc;
    if (AIO__UNLIKELY(task->budget < units)) {
        rc = aio_yield();
        if (rc < 0)
            return rc;
    }
    task->budget -= task->budget < units ? task->budget : units;
    return 0;
}

/* ---- sleep ---------------------------------------------------------------------------------- */

struct sleep {
    aio__wait wait;
    aio__timer timer;
};

/* The timer is due: in the turn after this one, the sleeper goes on, as asyncio's does. */
static void wake_sleeper(aio__handle *handle)
{
    struct sleep *sleep = aio__container(handle, struct sleep, timer.handle);
    aio__wake(&sleep->wait, 0);
}

static bool stop_sleeping(aio__wait *wait)
{
    struct sleep *sleep = aio__container(wait, struct sleep, wait);
    if (!aio__loop_timer_stop(wait->task->future.scheduler->loop, &sleep->timer))
        return false;
    aio__wake(wait, -ECANCELED);
    return true;
}

int aio_sleep(int64_t duration)
{
    struct sleep sleep;
    if (duration <= 0)
        return aio_yield();
    int rc = aio__wait_begin(&sleep.wait, stop_sleeping, "sleep");
    if (rc < 0)
        return rc;
    aio_loop *loop = sleep.wait.task->future.scheduler->loop;
    sleep.timer = (aio__timer){.handle = {.run = wake_sleeper, .place = AIO__PLACE_ANY}};
    aio__loop_timer_start(loop, &sleep.timer,
                          aio__time_after(aio__loop_update_time(loop), duration));
    return aio__park(&sleep.wait);
}
