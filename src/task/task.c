/*
 * Tasks: started, stepped, ended.
 *
 * A step begins when the task's handle comes out of the loop's queue: on the
 * thread's stack (aio__task_step), or taken by another task that parks, which
 * switches over directly (aio__task_switch_away).
 */
#include <errno.h>
#include <string.h>

#include <aio/task.h>

#include "base/sys.h"
#include "task/generator.h"
#include "task/scope.h"

/* ---- steps ---------------------------------------------------------------------------------- */

aio__coro *aio__task_coro(aio__task *task)
{
    aio_generator *generator = task->generator;
    return AIO__LIKELY(generator == NULL) ? &task->coro : &generator->coro;
}

static void set_current(aio_loop *loop, aio__task *task)
{
    loop->current = task;
    loop->context = task != NULL ? &task->variables : &loop->variables;
}

static void begin_step(aio__scheduler *scheduler, aio__task *task)
{
    set_current(scheduler->loop, task);
    task->budget = scheduler->loop->options.budget;
}

void aio__task_step(aio__handle *handle)
{
    aio__task *task = aio__container(handle, aio__task, handle);
    aio__scheduler *scheduler = task->future.scheduler;
    begin_step(scheduler, task);
    aio__coro_switch(&scheduler->thread, aio__task_coro(task));
}

/* Whatever the loop has next; sets who is current. */
static aio__coro *next_coro(aio__scheduler *scheduler)
{
    aio__handle *handle = aio__loop_take(scheduler->loop);
    if (handle != NULL && handle->place == AIO__PLACE_TASK) {
        aio__task *next = aio__container(handle, aio__task, handle);
        begin_step(scheduler, next);
        return aio__task_coro(next);
    }
    scheduler->loop->in_hand = handle;
    set_current(scheduler->loop, NULL);
    return &scheduler->thread;
}

void aio__task_switch_away(aio__task *task)
{
    aio__scheduler *scheduler = task->future.scheduler;
    aio__coro *own = aio__task_coro(task), *next = task->resumer;
    if (AIO__UNLIKELY(next != NULL)) {
        set_current(scheduler->loop, task->resumer_task);
        task->resumer = NULL;
        task->resumer_task = NULL;
    } else {
        next = next_coro(scheduler);
    }
    if (next != own) /* it may be the only one that is ready */
        aio__coro_switch(own, next);
}

/* ---- the end -------------------------------------------------------------------------------- */

/* A task is over: its waiters are woken, and the loop has nothing to do with it any more. */
static void end(aio__task *task, int result)
{
    aio__scheduler *scheduler = task->future.scheduler;
    if (AIO__UNLIKELY(scheduler->loop->debug) && task->resumer == NULL)
        aio__step_end(scheduler->loop); /* while its name is known */
    aio__link_remove(&task->all);
    aio__heap_unreserve(&scheduler->loop->timers);
    /* Nobody will await what a shut-down has ended, but for those who do already. */
    bool alone = task->loop_owned ||
                 (scheduler->shutting_down && aio__list_empty(&task->future.waiters));
    aio__future_complete(&task->future, result);
    task->doomed = true; /* what its release calls can't suspend any more */
    scheduler->task_count--;
    if (alone)
        aio__future_report(&task->future);
    else if ((result < 0 && result != -ECANCELED) || scheduler->loop->debug)
        aio__list_push_back(&scheduler->held, &task->future.held);
}

void aio__task_drop_kept(aio__scheduler *scheduler)
{
    if (scheduler->kept.stack.base != NULL)
        aio__coro_destroy(&scheduler->kept, scheduler->stacks);
}

/* The last switch of a task whose stack stays as it is. */
static _Noreturn void leave_stack(aio__scheduler *scheduler, const aio__coro *own, aio__coro *next)
{
    aio__task_drop_kept(scheduler);
    scheduler->kept = *own;
    for (;;)
        aio__coro_switch(&scheduler->kept, next);
}

static _Noreturn void leave(aio__task *task)
{
    aio__scheduler *scheduler = task->future.scheduler;
    aio__coro own = task->coro, *next = task->resumer;
    bool keeps_stack = task->keeps_stack;
    aio__task *spawner = task->resumer_task;
    /* It may call the user (destroy(), a report), so this comes before it is clear who is next. */
    aio_release(&task->future);
    set_current(scheduler->loop, spawner);
    scheduler->leaving = true;
    if (next == NULL)
        next = next_coro(scheduler);
    scheduler->leaving = false;
    if (keeps_stack)
        leave_stack(scheduler, &own, next);
    scheduler->last = own;
    aio__coro_exit(&scheduler->last, scheduler->stacks, next);
}

/* A coroutine's first frame. */
static void run_task(void *arg)
{
    aio__task *task = arg;
    int result = -ECANCELED;
    /* Cancelled before its first step, it never runs. */
    if (!task->must_cancel)
        result = task->function(task->arg);
    aio__noswitch_close(task, "a task ended between aio_noswitch_begin and _end");
    aio__scopes_close(task, NULL);
    /* A cancellation that was not delivered makes a cancelled task of one that succeeded. */
    if (task->must_cancel && result >= 0)
        result = -ECANCELED;
    end(task, result);
    leave(task);
}

void aio__task_abandon(aio__task *task)
{
    aio__scheduler *scheduler = task->future.scheduler;
    aio__task_undo_wait(task);
    aio__generators_abandon(task);
    aio__coro_destroy(&task->coro, scheduler->stacks);
    aio__scopes_drop(task); /* it was inside them: nothing to report */
    end(task, -ECANCELED);
    aio_release(&task->future);
}

/* ---- starting ------------------------------------------------------------------------------- */

static bool options_make_sense(const aio_spawn_options *options)
{
    return options->size == sizeof *options &&
           (options->stack_size == 0 || options->stack_size >= AIO__STACK_MINIMUM) &&
           (options->copy == NULL) == (options->copy_size == 0);
}

/* Its stack, with the arguments on it, if they are to be copied. */
static int make_coro(aio__task *task, const aio_spawn_options *options)
{
    aio__scheduler *scheduler = task->future.scheduler;
    size_t stack_size = options->stack_size != 0 ? options->stack_size
                                                 : scheduler->loop->options.stack_size;
    if (options->copy == NULL)
        return aio__coro_create(&task->coro, scheduler->stacks, stack_size, run_task, task);
    int rc = aio__coro_create_with(&task->coro, scheduler->stacks, stack_size, options->copy_size,
                                   run_task, task, &task->arg);
    if (rc == 0)
        memcpy(task->arg, options->copy, options->copy_size);
    return rc;
}

static aio__task *task_new(aio__scheduler *scheduler, const aio_spawn_options *options,
                           const char *place)
{
    int rc = -ENOMEM;
    aio__task *task = aio__pool_get(scheduler->task_pool);
    if (task == NULL)
        goto fail;
    memset(task, 0, offsetof(aio__task, coro));
    aio__future_init(&task->future, scheduler, options->place != NULL ? options->place : place);
    task->future.is_task = true;
    task->handle.run = aio__task_step;
    task->handle.place = AIO__PLACE_TASK;
    if (options->name != NULL && aio_task_set_name(&task->future, options->name) < 0)
        goto free_task;
    rc = aio__heap_reserve(&scheduler->loop->timers);
    if (rc < 0)
        goto free_task;
    rc = make_coro(task, options);
    if (rc < 0)
        goto unreserve;
    return task;

unreserve:
    aio__heap_unreserve(&scheduler->loop->timers);
free_task:
    aio__scheduler_release(scheduler);
    aio__task_free(task);
fail:
    errno = -rc;
    return NULL;
}

/* Runs a task at once, up to its first wait. */
static void run_eagerly(aio__scheduler *scheduler, aio__task *task)
{
    aio__task *spawner = scheduler->loop->current;
    /* An exception handler is no task, and yet may be on a task's stack. */
    aio__task *under = spawner != NULL ? spawner : scheduler->loop->behind;
    task->resumer = under != NULL ? aio__task_coro(under) : &scheduler->thread;
    task->resumer_task = spawner;
    begin_step(scheduler, task);
    aio__coro_switch(task->resumer, &task->coro);
}

/* Starts a task; the caller's share is the second reference, the first is the loop's. */
static aio__task *start(const char *place, const aio_spawn_options *given, aio_function function,
                        void *arg, bool loop_owned)
{
    static const aio_spawn_options standard = AIO_SPAWN_OPTIONS_INIT;
    const aio_spawn_options *options = given != NULL ? given : &standard;
    aio__scheduler *scheduler = NULL;
    if (function == NULL || !options_make_sense(options) ||
        (options->eager && options->loop != NULL && options->loop != aio__loop_running)) {
        errno = EINVAL;
        return NULL;
    }
    if (options->loop != NULL && aio__loop_foreign(options->loop)) {
        errno = -aio__loop_refuse(options->loop, "aio_spawn");
        return NULL;
    }
    scheduler = options->loop != NULL ? aio__scheduler_of(options->loop) : aio__scheduler_here();
    aio__task *task = scheduler != NULL ? task_new(scheduler, options, place) : NULL;
    if (task == NULL)
        return NULL;
    task->function = function;
    task->arg = options->copy != NULL ? task->arg : arg;
    task->loop_owned = loop_owned;
    task->future.references += !loop_owned;
    if (aio__loop_running != NULL)
        task->variables.root = aio__variable_tree_retain(aio__loop_running->context->root);
    task->number = scheduler->next_number++;
    aio__list_push_back(&scheduler->tasks, &task->all);
    scheduler->task_count++;
    if (options->eager && !scheduler->leaving)
        run_eagerly(scheduler, task);
    else
        aio__loop_enqueue(scheduler->loop, &task->handle);
    return task;
}

/* Options for a copy of nothing are those for no copy. */
static aio_spawn_options copying(const void *args, size_t size)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.copy = size != 0 ? args : NULL;
    options.copy_size = args != NULL ? size : 0;
    return options;
}

aio_task *aio_spawn_at(const char *place, const aio_spawn_options *options, aio_function function,
                       void *arg)
{
    aio__task *task = start(place, options, function, arg, false);
    return task != NULL ? &task->future : NULL;
}

aio_task *aio_spawn_copy_at(const char *place, aio_function function, const void *args, size_t size)
{
    aio_spawn_options options = copying(args, size);
    return aio_spawn_at(place, &options, function, NULL);
}

int aio_go_at(const char *place, const aio_spawn_options *options, aio_function function, void *arg)
{
    return start(place, options, function, arg, true) != NULL ? 0 : -errno;
}

int aio_go_copy_at(const char *place, aio_function function, const void *args, size_t size)
{
    aio_spawn_options options = copying(args, size);
    return aio_go_at(place, &options, function, NULL);
}

/* ---- the same without a place --------------------------------------------------------------- */

aio_task *(aio_spawn)(aio_function function, void *arg)
{
    return aio_spawn_at(NULL, NULL, function, arg);
}

aio_task *(aio_spawn_with)(const aio_spawn_options *options, aio_function function, void *arg)
{
    return aio_spawn_at(NULL, options, function, arg);
}

aio_task *(aio_spawn_copy)(aio_function function, const void *args, size_t size)
{
    return aio_spawn_copy_at(NULL, function, args, size);
}

int(aio_go)(aio_function function, void *arg)
{
    return aio_go_at(NULL, NULL, function, arg);
}

int(aio_go_with)(const aio_spawn_options *options, aio_function function, void *arg)
{
    return aio_go_at(NULL, options, function, arg);
}

int(aio_go_copy)(aio_function function, const void *args, size_t size)
{
    return aio_go_copy_at(NULL, function, args, size);
}

/* ---- about a task --------------------------------------------------------------------------- */

void aio__task_free(aio__task *task)
{
    aio__variables_drop(&task->variables);
    aio__sys_free(task->name);
    aio__pool_put(task->future.scheduler->task_pool, task);
}

aio_task *aio_task_current(void)
{
    aio__task *task = aio__task_running();
    return task != NULL ? &task->future : NULL;
}

int aio_task_cancel(aio_task *task)
{
    return aio_future_cancel(task);
}

int aio__task_uncancel(aio__task *task)
{
    if (task->cancels > 0 && --task->cancels == 0)
        task->must_cancel = false;
    return task->cancels;
}

void aio__task_request(aio__task *task, aio__own_request *out_request)
{
    out_request->alone = !task->must_cancel;
    (void)aio__future_request_cancel(&task->future);
    out_request->number = task->asked;
}

int aio__task_take_back(aio__task *task, const aio__own_request *request)
{
    if (request->alone && request->number == task->asked)
        task->must_cancel = false;
    return aio__task_uncancel(task);
}

int aio_task_uncancel(aio_task *task)
{
    if (task == NULL)
        return -ENOMEM;
    return task->is_task ? aio__task_uncancel(aio__task_of(task)) : -EINVAL;
}

int aio_task_cancelling(const aio_task *task)
{
    if (task == NULL)
        return -ENOMEM;
    return task->is_task ? ((const aio__task *)(const void *)task)->cancels : -EINVAL;
}

const char *aio_task_name(const aio_task *future)
{
    if (future == NULL || !future->is_task)
        return "";
    aio__task *task = (void *)(uintptr_t)future;
    /* Made when it is first asked for; without memory, it is only good until another is. */
    if (task->name == NULL)
        (void)aio_task_set_name(&task->future, aio__task_number_name(task));
    return task->name != NULL ? task->name : aio__task_number_name(task);
}

/* "Task-N", without snprintf(): also for a signal handler on a full stack. */
const char *aio__task_number_name(const aio__task *task)
{
    static const char prefix[] = "Task-";
    char *name = task->future.scheduler->name, digits[20];
    size_t length = sizeof prefix - 1, count = 0;
    uint64_t number = task->number;
    memcpy(name, prefix, length);
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    while (count > 0)
        name[length++] = digits[--count];
    name[length] = '\0';
    return name;
}

int aio_task_set_name(aio_task *task, const char *name)
{
    if (task == NULL)
        return -ENOMEM;
    if (!task->is_task || name == NULL)
        return -EINVAL;
    size_t size = strlen(name) + 1;
    char *copy = aio__sys_malloc(size);
    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, name, size);
    aio__sys_free(aio__task_of(task)->name);
    aio__task_of(task)->name = copy;
    return 0;
}

size_t aio_task_count(const aio_loop *loop)
{
    const aio_loop *of = loop != NULL ? loop : aio__loop_running;
    aio__extension *extension = of != NULL ? of->extensions[AIO__EXTENSION_TASK] : NULL;
    return extension != NULL ? aio__container(extension, aio__scheduler, extension)->task_count : 0;
}
