/*
 * asyncio's as_completed(): futures come to a queue as they get done, and out of it
 * to those who ask for the next.
 *
 * The futures' lists have handles of the record's, not of the items', which may lie
 * in a frame that is left without an end; the items are only written to in calls of
 * those who have them.
 */
#include <errno.h>

#include <aio/gather.h>

#include "base/sys.h"
#include "task/graph.h"
#include "task/scope.h"

typedef struct aio__iteration aio__iteration;

/* One of the futures. */
struct expected {
    aio__handle handle; /* in the future's list; when that has run, in the queue */
    aio__iteration *iteration;
    aio_wait_item *item;
    aio_future *future; /* a share; or NULL */
    bool came;
};

struct aio__iteration {
    aio__scope scope;
    aio__timer timer;
    bool limited;   /* it has a place in the heap */
    size_t count;
    size_t left;    /* neither given, nor missed, nor asked for by anybody who waits */
    size_t pending; /* have not come */
    size_t missed;  /* will not come any more: to be told */
    aio__list queue;
    aio__list getters; /* who waits for the next */
    aio__list woken;   /* who was woken, or cancelled, and has not gone on */
    struct expected expected[];
};

struct getter {
    aio__await await; /* for nothing that is known yet */
    aio__link link;   /* in one of the two lists */
    aio__iteration *iteration; /* NULL: it was ended, and is gone */
};

static struct getter *getter_of(aio__link *link)
{
    return aio__container(link, struct getter, link);
}

/* ---- coming --------------------------------------------------------------------------------- */

static void wake(struct getter *getter, int result)
{
    aio__link_remove(&getter->link);
    aio__list_push_back(&getter->iteration->woken, &getter->link);
    getter->await.over = true;
    aio__wake(&getter->await.wait, result);
}

static void wake_next(aio__iteration *iteration)
{
    if (!aio__list_empty(&iteration->getters))
        wake(getter_of(iteration->getters.head.next), 0);
}

/* asyncio's _handle_completion. */
static void come(aio__handle *handle)
{
    struct expected *expected = aio__container(handle, struct expected, handle);
    aio__iteration *iteration = expected->iteration;
    expected->came = true;
    aio__list_push_back(&iteration->queue, &handle->link);
    wake_next(iteration);
    if (--iteration->pending == 0)
        (void)aio__loop_timer_stop(iteration->scope.task->future.scheduler->loop,
                                   &iteration->timer);
}

static void forget(struct expected *expected)
{
    if (aio__link_linked(&expected->handle.link))
        aio__link_remove(&expected->handle.link);
}

/* asyncio's _handle_timeout. */
static void time_over(aio__handle *handle)
{
    aio__iteration *iteration = aio__container(handle, aio__iteration, timer.handle);
    for (size_t i = 0; i < iteration->count; i++) {
        if (iteration->expected[i].came)
            continue;
        forget(&iteration->expected[i]);
        wake_next(iteration);
    }
    iteration->missed = iteration->pending;
    iteration->pending = 0;
}

static void expect(aio__iteration *iteration, size_t i, aio_wait_item *item)
{
    struct expected *expected = &iteration->expected[i];
    *expected = (struct expected){.handle = {.run = come, .place = AIO__PLACE_ANY},
                                  .iteration = iteration,
                                  .item = item,
                                  .future = aio_retain(item->future)};
    item->done = false;
    if (item->future == NULL || item->future->done)
        aio__loop_enqueue(iteration->scope.task->future.scheduler->loop, &expected->handle);
    else
        aio__list_push_back(&item->future->waiters, &expected->handle.link);
}

/* ---- beginning, ending ---------------------------------------------------------------------- */

/* It is the innermost scope of its task; that of one that is abandoned included. */
static void drop(aio__scope *scope)
{
    aio__iteration *iteration = aio__container(scope, aio__iteration, scope);
    aio_loop *loop = scope->task->future.scheduler->loop;
    aio__scope_shut(scope);
    (void)aio__loop_timer_stop(loop, &iteration->timer);
    if (iteration->limited)
        aio__heap_unreserve(&loop->timers);
    while (!aio__list_empty(&iteration->getters))
        wake_next(iteration);
    for (aio__link *link; (link = aio__list_pop_front(&iteration->woken)) != NULL;)
        getter_of(link)->iteration = NULL;
    for (size_t i = 0; i < iteration->count; i++) {
        forget(&iteration->expected[i]);
        aio_release(iteration->expected[i].future);
    }
    aio__sys_free(iteration);
}

static const aio__scope_kind AS_COMPLETED = {"an as_completed was begun and never ended", drop,
                                             drop};

/* A record for so many; NULL without memory. */
static aio__iteration *make(size_t count)
{
    size_t most = (SIZE_MAX - sizeof(aio__iteration)) / sizeof(struct expected);
    aio__iteration *iteration = NULL;
    if (count <= most)
        iteration = aio__sys_malloc(sizeof *iteration + count * sizeof(struct expected));
    if (iteration == NULL)
        return NULL;
    *iteration = (aio__iteration){.count = count, .left = count, .pending = count};
    aio__list_init(&iteration->queue);
    aio__list_init(&iteration->getters);
    aio__list_init(&iteration->woken);
    return iteration;
}

static bool foreign(const aio__task *task, const aio_future *future)
{
    return future != NULL && !future->done && future->scheduler != task->future.scheduler;
}

static int check(const aio__task *task, const aio_as_completed *as_completed,
                 const aio_wait_item *items, size_t count)
{
    if (as_completed == NULL || (items == NULL && count != 0))
        return -EINVAL;
    if (task == NULL)
        return -EPERM;
    for (size_t i = 0; i < count; i++)
        if (foreign(task, items[i].future))
            return -EINVAL;
    return 0;
}

static void start_timer(aio__iteration *iteration, aio_loop *loop, int64_t duration)
{
    iteration->limited = true;
    iteration->timer.handle = (aio__handle){.run = time_over, .place = AIO__PLACE_ANY};
    if (iteration->count != 0)
        aio__loop_timer_start(loop, &iteration->timer,
                              aio__time_after(aio__loop_update_time(loop), duration));
}

int aio_as_completed_begin(aio_as_completed *as_completed, aio_wait_item *items, size_t count,
                           int64_t duration)
{
    aio__task *task = aio__scope_task();
    if (as_completed != NULL)
        *as_completed = (aio_as_completed)AIO_AS_COMPLETED_INIT;
    int rc = check(task, as_completed, items, count);
    if (rc < 0)
        return rc;
    aio_loop *loop = task->future.scheduler->loop;
    aio__iteration *iteration = make(count);
    if (iteration == NULL)
        return -ENOMEM;
    rc = duration != AIO_FOREVER ? aio__heap_reserve(&loop->timers) : 0;
    if (rc < 0) {
        aio__sys_free(iteration);
        return rc;
    }
    aio__scope_open(&iteration->scope, &AS_COMPLETED, task, as_completed);
    for (size_t i = 0; i < count; i++)
        expect(iteration, i, &items[i]);
    if (duration != AIO_FOREVER)
        start_timer(iteration, loop, duration);
    as_completed->iteration = iteration;
    as_completed->owner = task;
    return 0;
}

void aio_as_completed_end(aio_as_completed *as_completed)
{
    if (as_completed == NULL || as_completed->iteration == NULL)
        return;
    aio__scope *scope = aio__scope_own(&as_completed->iteration->scope, as_completed);
    if (scope == NULL)
        return;
    aio__scopes_close(scope->task, scope);
    as_completed->iteration = NULL;
    drop(scope);
}

/* ---- the next ------------------------------------------------------------------------------- */

static bool stop_waiting(aio__wait *wait)
{
    struct getter *getter = aio__container(wait, struct getter, await.wait);
    if (getter->await.over)
        return false;
    wake(getter, -ECANCELED);
    return true;
}

static void leave(struct getter *getter)
{
    if (aio__link_linked(&getter->link))
        aio__link_remove(&getter->link);
}

static void undo(aio__await *await)
{
    leave(aio__container(await, struct getter, await));
}

static bool has_next(const aio__iteration *iteration)
{
    return !aio__list_empty(&iteration->queue) || iteration->missed > 0;
}

/*
 * Until there is something in the queue, as asyncio's Queue.get(): 0; -ECANCELED; -EINVAL, and the
 * iteration is gone, as it may be if the task was cancelled.
 */
static int wait_for_next(aio__iteration *iteration)
{
    int rc = 0;
    while (rc == 0 && !has_next(iteration)) {
        struct getter getter = {.await = {.undo = undo, .loose = true}, .iteration = iteration};
        rc = aio__await_begin(&getter.await, stop_waiting, "as_completed");
        if (rc < 0)
            break;
        aio__list_push_back(&iteration->getters, &getter.link);
        rc = aio__park(&getter.await.wait);
        leave(&getter);
        if (getter.iteration == NULL)
            return rc < 0 ? rc : -EINVAL;
        /* Woken before it was cancelled, it hands that on. */
        if (rc < 0 && getter.await.wait.result == 0 && has_next(iteration))
            wake_next(iteration);
    }
    if (rc < 0)
        iteration->left++;
    return rc;
}

static int give(aio__iteration *iteration, aio_wait_item **out_item)
{
    aio__link *link = aio__list_pop_front(&iteration->queue);
    if (link == NULL) {
        iteration->missed--;
        return -ETIMEDOUT;
    }
    aio__handle *handle = aio__container(link, aio__handle, link);
    struct expected *expected = aio__container(handle, struct expected, handle);
    aio_wait_item *item = expected->item;
    item->done = true;
    item->result = expected->future != NULL ? aio_future_result(expected->future) : -ENOMEM;
    *out_item = item;
    return 1;
}

/* NULL: it is not open.  That it was closed with the scope around it, only its own task can see. */
static aio__iteration *open_iteration(const aio_as_completed *as_completed)
{
    if (as_completed == NULL || as_completed->iteration == NULL)
        return NULL;
    if (as_completed->owner != aio__task_running())
        return as_completed->iteration;
    aio__scope *scope = aio__scope_own(&as_completed->iteration->scope, as_completed);
    return scope != NULL ? as_completed->iteration : NULL;
}

int aio_as_completed_next(aio_as_completed *as_completed, aio_wait_item **out_item)
{
    if (!aio__may_suspend("as_completed"))
        return -EPERM;
    aio__iteration *iteration = open_iteration(as_completed);
    if (iteration == NULL || out_item == NULL)
        return -EINVAL;
    if (iteration->left == 0)
        return 0;
    iteration->left--;
    int rc = wait_for_next(iteration);
    return rc == 0 ? give(iteration, out_item) : rc;
}
