/*
 * The tests' way into the library: aio_run_with() and its options.
 */
#include <aio/run.h>

#include "support/harness.h"

static int run(aio_clock clock, int (*function)(void *), void *arg)
{
    aio_options options = AIO_OPTIONS_INIT;
    options.clock = clock;
    options.handle_sigint = false;
    return aio_run_with(&options, function, arg);
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
