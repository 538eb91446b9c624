/*
 * The task layer's part of a loop: made with the first task or future, gone with
 * the last of them after the loop has closed.
 */
#include "task/scheduler.h"

#include <errno.h>

#include "base/line.h"
#include "base/sys.h"

/* When free stacks are trimmed, as many as there are tasks stay as they are, and so many more. */
#define STACKS_KEPT 256

static void start(aio__extension *extension)
{
    aio__scheduler *scheduler = aio__container(extension, aio__scheduler, extension);
    aio__coro_adopt(&scheduler->thread);
}

static void finish(aio__extension *extension)
{
    aio__scheduler *scheduler = aio__container(extension, aio__scheduler, extension);
    aio__coro_disown(&scheduler->thread);
}

/*
 * After a spike, the stacks' memory goes back (the tasks' own, a tenth of it, is kept).  It must be
 * faulted in again, so at most once a second, unless the wait is a long one.
 */
static void idle(aio__extension *extension, int64_t wait)
{
    aio__scheduler *scheduler = aio__container(extension, aio__scheduler, extension);
    size_t keep = scheduler->task_count + STACKS_KEPT;
    int64_t now = scheduler->loop->now;
    if (aio__stack_pool_idle(scheduler->stacks) <= keep ||
        (wait < AIO_SEC(1) && now - scheduler->trimmed < AIO_SEC(1)))
        return;
    scheduler->trimmed = now;
    aio__stack_pool_trim(scheduler->stacks, keep);
}

/* The task that runs. */
static void describe(aio__extension *extension, aio_failure *failure)
{
    aio__scheduler *scheduler = aio__container(extension, aio__scheduler, extension);
    aio__task *task = scheduler->loop->current;
    failure->name = aio_task_name(&task->future);
    failure->place = task->future.place;
}

/* How many of what is still held are named. */
#define MOST_NAMED 10

/* In debug mode: it was made, and is not released when the loop closes. */
static void tell_held(aio__scheduler *scheduler, aio_future *future)
{
    aio_failure failure = {.message = "a future is still held when its loop closes",
                           .place = future->place};
    if (future->is_task) {
        failure.message = "a task has ended and is still held when its loop closes";
        failure.name = aio_task_name(future);
    }
    aio__loop_tell(scheduler->loop, &failure);
}

static void tell_more_held(aio__scheduler *scheduler, size_t count)
{
    aio__line line;
    if (count <= MOST_NAMED)
        return;
    aio__line_init(&line);
    aio__line_add(&line, "futures and tasks still held when their loop closes, in all: ");
    aio__line_add_number(&line, count);
    aio__loop_report(scheduler->loop, line.text, NULL, 0);
}

/*
 * Failures that nobody has asked for and, as the loop ends, nobody will; and what was never
 * released.  The handler may release it.
 */
static void tell_of_held(aio__scheduler *scheduler)
{
    aio__link *link;
    size_t count = 0;
    while ((link = aio__list_pop_front(&scheduler->held)) != NULL) {
        aio_future *future = aio__container(link, aio_future, held);
        if (scheduler->loop->debug && ++count <= MOST_NAMED)
            tell_held(scheduler, aio_retain(future));
        else
            (void)aio_retain(future);
        aio__future_report(future);
        aio_release(future);
    }
    tell_more_held(scheduler, count);
}

static void close_scheduler(aio__extension *extension)
{
    aio__scheduler *scheduler = aio__container(extension, aio__scheduler, extension);
    aio_loop *loop = scheduler->loop;
    aio__task_undo_waits(scheduler);
    while (!aio__list_empty(&scheduler->tasks)) {
        aio__task *task = aio__container(scheduler->tasks.head.next, aio__task, all);
        aio__loop_report(loop, "the loop closed before a task had ended",
                         aio_task_name(&task->future), -ECANCELED);
        aio__task_abandon(task);
    }
    aio__generators_free(scheduler);
    tell_of_held(scheduler);
    aio__task_drop_kept(scheduler);
    aio__stack_pool_close(scheduler->stacks);
    scheduler->stacks = NULL;
    scheduler->loop = NULL;
    loop->extensions[AIO__EXTENSION_TASK] = NULL;
    aio__scheduler_release(scheduler);
}

static void scheduler_free(aio__scheduler *scheduler)
{
    aio__pool_close(scheduler->member_pool);
    aio__pool_close(scheduler->group_pool);
    aio__pool_close(scheduler->generator_pool);
    aio__pool_close(scheduler->timeout_pool);
    aio__pool_close(scheduler->future_pool);
    aio__pool_close(scheduler->task_pool);
    aio__sys_free(scheduler);
}

void aio__scheduler_release(aio__scheduler *scheduler)
{
    if (--scheduler->references == 0)
        scheduler_free(scheduler);
}

static aio__scheduler *scheduler_new(aio_loop *loop)
{
    aio__scheduler *scheduler = aio__sys_calloc(1, sizeof *scheduler);
    if (scheduler == NULL)
        return NULL;
    scheduler->extension = (aio__extension){start, finish, idle, close_scheduler, describe};
    scheduler->loop = loop;
    scheduler->references = 1;
    scheduler->next_number = 1;
    aio__list_init(&scheduler->tasks);
    aio__list_init(&scheduler->held);
    aio__list_init(&scheduler->generators);
    scheduler->task_pool = aio__pool_open(sizeof(aio__task));
    scheduler->future_pool = aio__pool_open(sizeof(aio_future));
    scheduler->stacks = aio__stack_pool_open(loop->options.guard_size);
    if (scheduler->task_pool != NULL && scheduler->future_pool != NULL && scheduler->stacks != NULL)
        return scheduler;
    if (scheduler->stacks != NULL)
        aio__stack_pool_close(scheduler->stacks);
    scheduler_free(scheduler);
    return NULL;
}

aio__scheduler *aio__scheduler_of(aio_loop *loop)
{
    aio__extension *extension = loop->extensions[AIO__EXTENSION_TASK];
    if (extension != NULL)
        return aio__container(extension, aio__scheduler, extension);
    aio__scheduler *scheduler = scheduler_new(loop);
    if (scheduler == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    loop->extensions[AIO__EXTENSION_TASK] = &scheduler->extension;
    if (loop->running)
        start(&scheduler->extension);
    return scheduler;
}

aio__scheduler *aio__scheduler_here(void)
{
    if (aio__loop_running != NULL)
        return aio__scheduler_of(aio__loop_running);
    errno = EPERM;
    return NULL;
}
