/*
 * A program of a user's: it waits a little and checks the version.  It is C++ as well.
 */
#include <string.h>

#include <aio/asyncio.h>

static int answer(void *arg)
{
    int rc = aio_sleep(AIO_MSEC(1));
    if (rc == 0)
        *(int *)arg = 42;
    return rc;
}

int main(void)
{
    int found = 0;
    int rc = aio_run(answer, &found);
    return rc == 0 && found == 42 && strcmp(aio_version(), AIO_VERSION_STRING) == 0 ? 0 : 1;
}
