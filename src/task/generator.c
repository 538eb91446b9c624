/*
 * Generators: bodies with a stack of their own, in the task that asks for items.
 *
 * Asking is a switch to the generator's stack, a yield a switch back.  While the
 * body runs, the task's stack is the generator's (aio__task_coro): where the body
 * waits the task parks there, and its next step goes on there directly.
 */
#include "task/generator.h"

#include <errno.h>
#include <string.h>

#include "base/sys.h"
#include "task/scope.h"
#include "task/wait.h"

/* So often a body may yield while it is being closed; then its stack goes as it is. */
#define MOST_IGNORED 10

/* ---- switching ------------------------------------------------------------------------------ */

/* On the consumer's stack: until the body's next yield, or its end. */
static int enter(aio_generator *generator, aio__task *task, int thrown, void *out_item)
{
    aio__coro *consumer = aio__task_coro(task);
    generator->state = AIO__GENERATOR_RUNNING;
    generator->thrown = thrown;
    generator->task = task;
    generator->outer = task->generator;
    generator->out_item = out_item;
    task->generator = generator;
    aio__coro_switch(consumer, &generator->coro);
    return generator->result;
}

/* On the generator's stack: back in the consumer; who that is. */
static aio__coro *leave(aio_generator *generator, enum aio__generator_state state, int result)
{
    aio__task *task = generator->task;
    generator->state = state;
    generator->result = result;
    task->generator = generator->outer;
    return aio__task_coro(task);
}

/* What the body has left open is closed; its consumer may suspend, and was in no scope of it. */
static void close_left_open(aio_generator *generator)
{
    aio__noswitch_close(generator->task,
                        "a generator ended between aio_noswitch_begin and _end");
    aio__scopes_close_generator(generator->task, generator);
}

/* A body's first frame. */
static void run_body(void *arg)
{
    aio_generator *generator = arg;
    int result = generator->body(generator->arg);
    close_left_open(generator);
    if (generator->ignored > 0)
        result = -EINVAL;
    aio__coro *consumer = leave(generator, AIO__GENERATOR_ENDED, result < 0 ? result : 0);
    aio__coro_exit(&generator->coro, generator->scheduler->stacks, consumer);
}

/* Ends one that does not run: its stack goes as it is. */
static void drop_stack(aio_generator *generator)
{
    generator->state = AIO__GENERATOR_ENDED;
    aio__coro_destroy(&generator->coro, generator->scheduler->stacks);
}

/* It yields although it is being closed. */
static int ignore_closing(aio_generator *generator)
{
    if (++generator->ignored <= MOST_IGNORED)
        return -AIO_ECLOSED;
    close_left_open(generator);
    aio__coro *consumer = leave(generator, AIO__GENERATOR_SUSPENDED, -EINVAL);
    for (;;)
        aio__coro_switch(&generator->coro, consumer);
}

int aio_generator_yield(const void *item)
{
    aio__task *task = aio__task_running();
    aio_generator *generator = task != NULL ? task->generator : NULL;
    if (generator == NULL)
        return -EPERM;
    if (generator->closing)
        return ignore_closing(generator);
    /* Who is in code that must not suspend enters no body, so it is the body that is in such. */
    if (!aio__may_suspend("yield to a consumer"))
        return -EPERM;
    if ((item == NULL && generator->item_size != 0) ||
        aio__scope_of_generator(task, generator) != NULL)
        return -EINVAL;
    int saved = errno;
    if (generator->item_size != 0)
        memcpy(generator->out_item, item, generator->item_size);
    aio__coro_switch(&generator->coro, leave(generator, AIO__GENERATOR_SUSPENDED, 1));
    errno = saved;
    return generator->thrown;
}

/* ---- making --------------------------------------------------------------------------------- */

static bool options_make_sense(const aio_generator_options *options)
{
    return options->size == sizeof *options &&
           (options->stack_size == 0 || options->stack_size >= AIO__STACK_MINIMUM) &&
           (options->copy == NULL) == (options->copy_size == 0);
}

static aio_generator *generator_get(aio__scheduler *scheduler)
{
    if (scheduler->generator_pool == NULL)
        scheduler->generator_pool = aio__pool_open(sizeof(aio_generator));
    return scheduler->generator_pool != NULL ? aio__pool_get(scheduler->generator_pool) : NULL;
}

static void generator_put(aio_generator *generator)
{
    aio__link_remove(&generator->link);
    aio__pool_put(generator->scheduler->generator_pool, generator);
}

/* Its stack, with the arguments on it, if they are to be copied. */
static int make_coro(aio_generator *generator, const aio_generator_options *options)
{
    aio__scheduler *scheduler = generator->scheduler;
    size_t size = options->stack_size;
    void *room;
    int rc = aio__coro_create_with(&generator->coro, scheduler->stacks,
                                   size != 0 ? size : scheduler->loop->options.stack_size,
                                   options->copy_size, run_body, generator, &room);
    if (rc == 0 && options->copy != NULL)
        generator->arg = memcpy(room, options->copy, options->copy_size);
    return rc;
}

aio_generator *aio_generator_new_with(const aio_generator_options *given, aio_function body,
                                      void *arg, size_t item_size)
{
    static const aio_generator_options standard = AIO_GENERATOR_OPTIONS_INIT;
    const aio_generator_options *options = given != NULL ? given : &standard;
    if (body == NULL || !options_make_sense(options)) {
        errno = EINVAL;
        return NULL;
    }
    aio__scheduler *scheduler = aio__scheduler_here();
    if (scheduler == NULL)
        return NULL;
    aio_generator *generator = generator_get(scheduler);
    if (generator == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    memset(generator, 0, sizeof *generator);
    generator->scheduler = scheduler;
    generator->body = body;
    generator->arg = arg;
    generator->item_size = item_size;
    generator->references = 1;
    aio__list_push_back(&scheduler->generators, &generator->link);
    int rc = make_coro(generator, options);
    if (rc == 0)
        return generator;
    generator_put(generator);
    errno = -rc;
    return NULL;
}

aio_generator *aio_generator_new(aio_function body, void *arg, size_t item_size)
{
    return aio_generator_new_with(NULL, body, arg, item_size);
}

aio_generator *aio_generator_new_copy(aio_function body, const void *args, size_t size,
                                      size_t item_size)
{
    aio_generator_options options = AIO_GENERATOR_OPTIONS_INIT;
    /* Options for a copy of nothing are those for no copy. */
    options.copy = size != 0 ? args : NULL;
    options.copy_size = args != NULL ? size : 0;
    return aio_generator_new_with(&options, body, NULL, item_size);
}

size_t aio_generator_item_size(const aio_generator *generator)
{
    return generator != NULL ? generator->item_size : 0;
}

/* ---- consuming ------------------------------------------------------------------------------ */

/* Whether the running task may enter it; the task, in *out_task. */
static int can_enter(const aio_generator *generator, aio__task **out_task)
{
    *out_task = aio__scope_task();
    if (*out_task == NULL || !aio__may_suspend("generator"))
        return -EPERM;
    if ((*out_task)->future.scheduler != generator->scheduler)
        return -EINVAL;
    return generator->state == AIO__GENERATOR_RUNNING ? -EBUSY : 0;
}

int aio_generator_next(aio_generator *generator, void *out_item)
{
    aio__task *task;
    if (generator == NULL)
        return -ENOMEM;
    int rc = can_enter(generator, &task);
    if (rc == 0 && out_item == NULL && generator->item_size != 0)
        rc = -EINVAL;
    if (rc < 0 || generator->state == AIO__GENERATOR_ENDED)
        return rc;
    return enter(generator, task, 0, out_item);
}

int aio_generator_throw(aio_generator *generator, int error, void *out_item)
{
    aio__task *task;
    if (generator == NULL)
        return -ENOMEM;
    int rc = can_enter(generator, &task);
    if (rc == 0 && (error >= 0 || (out_item == NULL && generator->item_size != 0)))
        rc = -EINVAL;
    if (rc < 0 || generator->state == AIO__GENERATOR_ENDED)
        return rc;
    if (generator->state == AIO__GENERATOR_SUSPENDED)
        return enter(generator, task, error, out_item);
    drop_stack(generator);
    return error;
}

/* ---- closing -------------------------------------------------------------------------------- */

/* Runs the body to its end. */
static int finish(aio_generator *generator, aio__task *task)
{
    generator->closing = true;
    int rc = enter(generator, task, -AIO_ECLOSED, NULL);
    if (generator->state != AIO__GENERATOR_ENDED)
        drop_stack(generator);
    return rc == -AIO_ECLOSED ? 0 : rc;
}

static void release(aio_generator *generator)
{
    if (--generator->references == 0)
        generator_put(generator);
}

int aio_generator_close(aio_generator *generator)
{
    aio__task *task;
    if (generator == NULL)
        return 0;
    int rc = can_enter(generator, &task);
    if (rc < 0)
        return rc;
    if (generator->state == AIO__GENERATOR_NEW)
        drop_stack(generator);
    else if (generator->state == AIO__GENERATOR_SUSPENDED)
        rc = finish(generator, task);
    release(generator);
    return rc;
}

/* ---- the end of a task, and of the loop ----------------------------------------------------- */

void aio__generators_abandon(aio__task *task)
{
    while (task->generator != NULL) {
        aio_generator *generator = task->generator;
        task->generator = generator->outer;
        drop_stack(generator);
    }
}

/* The task that closes one in a shut-down.  Somebody may have done so before. */
static int close_left_over(void *arg)
{
    aio_generator *generator = arg;
    int rc = 0;
    if (generator->state == AIO__GENERATOR_SUSPENDED)
        rc = finish(generator, aio__task_running());
    if (rc < 0)
        aio__loop_report(generator->scheduler->loop, "a generator failed when the loop closed it",
                         NULL, rc);
    release(generator);
    return 0;
}

bool aio__generators_close(aio__scheduler *scheduler)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    bool any = false;
    options.name = "closing a generator";
    options.loop = scheduler->loop;
    aio__list_foreach(link, &scheduler->generators)
    {
        aio_generator *generator = aio__container(link, aio_generator, link);
        if (generator->state != AIO__GENERATOR_SUSPENDED)
            continue;
        aio_task *task = aio_spawn_with(&options, close_left_over, generator);
        if (task == NULL)
            continue; /* no memory: it goes unclosed, and is reported */
        any = true;
        generator->references++;
        aio_release(task);
    }
    return any;
}

void aio__generators_free(aio__scheduler *scheduler)
{
    aio__link *link;
    while ((link = scheduler->generators.head.next) != &scheduler->generators.head) {
        aio_generator *generator = aio__container(link, aio_generator, link);
        bool begun = generator->state == AIO__GENERATOR_SUSPENDED;
        if (generator->state != AIO__GENERATOR_ENDED)
            drop_stack(generator);
        generator_put(generator);
        if (begun)
            aio__loop_report(scheduler->loop, "the loop closed before a generator had ended", NULL,
                             -AIO_ECLOSED);
    }
}
