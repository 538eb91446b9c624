/*
 * Code that must not suspend, because what it works on is in pieces meanwhile:
 * the task counts how many such parts it is in, and what may suspend asks.
 */
#include <errno.h>

#include <aio/debug.h>

#include "base/line.h"
#include "task/scheduler.h"
#include "task/wait.h"

void aio_noswitch_begin_at(const char *place)
{
    aio__task *task = aio__task_running();
    if (task == NULL)
        return;
    if (task->noswitch++ == 0)
        task->noswitch_place = place;
}

void(aio_noswitch_begin)(void)
{
    aio_noswitch_begin_at(NULL);
}

int aio_noswitch_end(void)
{
    aio__task *task = aio__task_running();
    if (task == NULL)
        return 0;
    if (task->noswitch == 0)
        return -EINVAL;
    task->noswitch--;
    return 0;
}

static void report(const aio__task *task, const char *message)
{
    aio_failure failure = {.message = message,
                           .name = aio_task_name(&task->future),
                           .error = -EPERM,
                           .place = task->noswitch_place};
    aio__loop_tell(task->future.scheduler->loop, &failure);
}

void aio__noswitch_close(aio__task *task, const char *message)
{
    if (AIO__LIKELY(task->noswitch == 0))
        return;
    task->noswitch = 0;
    report(task, message);
}

bool aio__may_suspend(const char *what)
{
    aio__task *task = aio__task_running();
    return task != NULL && aio__noswitch_check(task, what) == 0;
}

int aio__noswitch_check(aio__task *task, const char *what)
{
    aio__line line;
    if (AIO__LIKELY(task->noswitch == 0))
        return 0;
    aio__line_init(&line);
    aio__line_add(&line, "a suspending call (");
    aio__line_add(&line, what);
    aio__line_add(&line, ") between aio_noswitch_begin and _end");
    report(task, line.text);
    return -EPERM;
}
