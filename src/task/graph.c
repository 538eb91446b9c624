/*
 * Walks along the graph of who awaits whom: passing on cancellations, finding
 * circles; and undoing the waits of tasks that are abandoned.
 *
 * A walk leaves its number in each task it comes to.
 */
#include "task/graph.h"

#include <errno.h>
#include <limits.h>

static aio_future *target(const aio__await *await, size_t i)
{
    return *(aio_future *const *)(const void *)((const char *)await->futures + i * await->stride);
}

int aio__await_begin(aio__await *await, bool (*abort)(aio__wait *wait), const char *what)
{
    return aio__wait_begin_await(&await->wait, abort, what, await);
}

const void *aio__wait_next(const aio__wait *wait, const void *cursor, aio_future **out_future)
{
    const aio__await *await = wait->await;
    if (await == NULL)
        return wait->next != NULL ? wait->next(wait, cursor, out_future) : NULL;
    const char *first = (const char *)await->futures, *at = cursor;
    at = at != NULL && await->stride != 0 ? at + await->stride : first;
    size_t i = await->stride != 0 ? (size_t)(at - first) / await->stride : cursor != NULL;
    if (i >= await->count)
        return NULL;
    *out_future = target(await, i);
    return at;
}

/* It has ignored its shut-down, and is in a wait that has begun and will never end. */
static bool stands_still(const aio__task *task)
{
    return task->doomed && task->last_waits == 0;
}

/* Their sum, but at most INT_MAX. */
static int sum(int a, int b)
{
    return a < INT_MAX - b ? a + b : INT_MAX;
}

/* ---- cancelling ----------------------------------------------------------------------------- */

struct walk {
    uint64_t number;
    aio__await *left; /* what it has been in, the last one left first: none before his awaiters */
    bool met_again;   /* more than one way leads to some task */
};

/*
 * asyncio's Future.cancel and Task.cancel, but for what the task awaits: where a cancellation is
 * passed on, that is *out_await, to be entered.  False if it is done.
 */
static bool request(aio_future *future, struct walk *walk, aio__await **out_await)
{
    *out_await = NULL;
    if (future->done)
        return false;
    if (!future->is_task) {
        aio__future_complete(future, -ECANCELED);
        return true;
    }
    aio__task *task = aio__task_of(future);
    aio__wait *wait = task->wait;
    if (task->visited == walk->number) {
        walk->met_again = true;
        return true;
    }
    task->visited = walk->number;
    task->cancels = sum(task->cancels, 1);
    task->asked++;
    if (wait == NULL || wait->abort == NULL || stands_still(task))
        task->must_cancel = true;
    else if (wait->abort == aio__await_pass_on)
        *out_await = wait->await;
    else if (!wait->abort(wait))
        task->must_cancel = true;
    return true;
}

/* One that is over waits for nothing: a walk finds no targets there. */
static void enter(aio__await *await, aio__await *outer)
{
    await->outer = outer;
    await->cursor = await->over ? await->count : 0;
    await->requests = 0;
    await->passed = false;
}

/* All that it is for was asked.  If none could be cancelled, they are done, and have woken it. */
static void leave(aio__await *await, struct walk *walk)
{
    if (await->passed)
        await->cancelled = true;
    else if (await->outer != NULL)
        await->wait.task->must_cancel = true;
    await->next = walk->left;
    walk->left = await;
}

static void walk_along(struct walk *walk, aio__await *start)
{
    enter(start, NULL);
    for (aio__await *await = start; await != NULL;) {
        if (await->cursor == await->count) {
            leave(await, walk);
            await = await->outer;
            continue;
        }
        aio_future *future = target(await, await->cursor++);
        aio__await *inner = NULL;
        if (future != NULL && request(future, walk, &inner))
            await->passed = true;
        if (inner != NULL) {
            enter(inner, await);
            await = inner;
        }
    }
}

/* The requests that have come to a task by one of the ways to it; the first one was counted. */
static void add_way(struct walk *walk, aio__task *task, int requests)
{
    aio__wait *wait = task->wait;
    bool first = task->visited == walk->number;
    int more = first ? requests - 1 : requests;
    task->visited = walk->number + 1;
    task->cancels = sum(task->cancels, more);
    task->asked += more > 0;
    if (wait != NULL && wait->abort == aio__await_pass_on && !stands_still(task))
        wait->await->requests = sum(wait->await->requests, requests);
    else if (more > 0)
        task->must_cancel = true;
}

/*
 * asyncio asks a task once for each way that leads to it, of which there may be 2^n for n tasks;
 * here they are counted.  All but the first ask a task that was cancelled already.
 */
static void count_ways(struct walk *walk, aio__await *start)
{
    start->requests = 1;
    for (aio__await *await = walk->left; await != NULL; await = await->next) {
        bool any = false;
        for (size_t i = 0; i < await->count && !await->over; i++) {
            aio_future *future = target(await, i);
            if (future == NULL || future->done)
                continue;
            any = true;
            add_way(walk, aio__task_of(future), await->requests);
        }
        if (!any && await->requests > 1)
            await->wait.task->must_cancel = true;
    }
}

static struct walk new_walk(aio__scheduler *scheduler)
{
    return (struct walk){.number = scheduler->walks += 2};
}

bool aio__await_pass_on(aio__wait *wait)
{
    struct walk walk = new_walk(wait->task->future.scheduler);
    walk_along(&walk, wait->await);
    if (walk.met_again)
        count_ways(&walk, wait->await);
    return wait->await->passed;
}

bool aio__future_request_cancel(aio_future *future)
{
    struct walk walk = new_walk(future->scheduler);
    aio__await *await;
    bool requested = request(future, &walk, &await);
    if (await != NULL && !aio__await_pass_on(&await->wait))
        await->wait.task->must_cancel = true;
    return requested;
}

/* ---- circles -------------------------------------------------------------------------------- */

/* What a task can't go on without; NULL: nothing of this kind. */
static aio__await *needs(const aio__task *task)
{
    aio__await *await = task->wait != NULL ? task->wait->await : NULL;
    return await != NULL && !await->loose ? await : NULL;
}

/* Whether some task may be waiting for this one. */
static bool is_awaited(const aio__task *task)
{
    aio__list_foreach(link, &task->future.waiters)
        if (aio__container(link, aio__handle, link)->place != AIO__PLACE_THREAD)
            return true;
    return false;
}

/* Whether what a task is about to wait for waits for that task. */
static bool leads_back(aio__await *start)
{
    const aio__task *goal = start->wait.task;
    uint64_t number = new_walk(goal->future.scheduler).number;
    enter(start, NULL);
    for (aio__await *await = start; await != NULL;) {
        if (await->cursor == await->count) {
            await = await->outer;
            continue;
        }
        aio_future *future = target(await, await->cursor++);
        if (future == NULL || future->done || !future->is_task)
            continue;
        aio__task *task = aio__task_of(future);
        if (task == goal)
            return true;
        aio__await *inner = task->visited != number ? needs(task) : NULL;
        task->visited = number;
        if (inner != NULL) {
            enter(inner, await);
            await = inner;
        }
    }
    return false;
}

/*
 * Only a task that somebody awaits can close a circle; so a chain, in whichever order it is made,
 * is not walked along over and over.
 */
int aio__await_check(aio__await *await)
{
    const aio__task *task = await->wait.task;
    for (size_t i = 0; i < await->count; i++) {
        aio_future *future = target(await, i);
        if (future == NULL || future->done)
            continue;
        if (future->scheduler != task->future.scheduler)
            return -EINVAL;
        if (future == &task->future && !await->loose)
            return -EDEADLK;
    }
    return !await->loose && is_awaited(task) && leads_back(await) ? -EDEADLK : 0;
}

/* ---- tasks that are abandoned --------------------------------------------------------------- */

void aio__task_undo_wait(aio__task *task)
{
    aio__wait *wait = task->wait;
    bool still = stands_still(task);
    task->doomed = true;
    if (wait != NULL && wait->await != NULL) {
        aio__await *await = wait->await;
        if (await->timer != NULL)
            (void)aio__loop_timer_stop(task->future.scheduler->loop, await->timer);
        await->undo(await);
    } else if (wait != NULL && wait->abort != NULL && !still) {
        (void)wait->abort(wait);
    }
    if (aio__link_linked(&task->handle.link))
        aio__link_remove(&task->handle.link);
    task->wait = NULL;
}

void aio__task_undo_waits(aio__scheduler *scheduler)
{
    aio__list_foreach(link, &scheduler->tasks)
        aio__task_undo_wait(aio__container(link, aio__task, all));
}
