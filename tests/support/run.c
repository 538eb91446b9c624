/*
 * The tests' way into the library: aio_run_with() and its options.
 *
 * In the sweep, a test may wait for what cannot come any more, a client that had
 * no memory to connect.  Its function is then cancelled, and that has to end it.
 */
#include <aio/run.h>

#include "support/harness.h"

/* What runs now on this thread, for test_interrupt(). */
static _Thread_local struct {
    aio_loop *volatile loop; /* NULL: nothing */
    aio_task *task;
    aio_handle handle;
} running;

struct call {
    int (*function)(void *);
    void *arg;
};

static void cancel(void *arg)
{
    (void)arg;
    if (running.loop != NULL)
        (void)aio_task_cancel(running.task);
}

void test_interrupt(void)
{
    if (running.loop != NULL)
        (void)aio_loop_call_soon_threadsafe(running.loop, &running.handle, cancel, NULL);
}

static int call(void *arg)
{
    struct call *wanted = arg;
    running.task = aio_task_current();
    running.loop = aio_loop_current();
    int rc = wanted->function(wanted->arg);
    running.loop = NULL;
    return rc;
}

static int run(aio_clock clock, int (*function)(void *), void *arg)
{
    struct call wanted = {function, arg};
    aio_options options = AIO_OPTIONS_INIT;
    options.clock = clock;
    options.handle_sigint = false;
    return aio_run_with(&options, call, &wanted);
}

int test_run(int (*function)(void *), void *arg)
{
    return run(AIO_CLOCK_VIRTUAL, function, arg);
}

int test_run_real(int (*function)(void *), void *arg)
{
    return run(AIO_CLOCK_MONOTONIC, function, arg);
}

static int hello(void *arg)
{
    int rc = aio_sleep(AIO_MSEC(1));
    *(bool *)arg = true;
    return rc;
}

bool test_hello_works(void)
{
    bool said = false;
    return test_run(hello, &said) == 0 && said;
}
