/*
 * Which bug is planted: AIO_PLANTED's in the environment, or none.  See bugs, beside this.
 *
 * tests/planted/run builds this into the library, whose own sources know nothing of it.
 */
#include <stdbool.h>
#include <stdlib.h>

bool aio__planted(int bug);

static int planted; /* bugs count from 1 */

/* Before main(): the library may be called from several threads. */
__attribute__((constructor)) static void look(void)
{
    const char *number = getenv("AIO_PLANTED");
    planted = number != NULL ? atoi(number) : 0;
}

bool aio__planted(int bug)
{
    return bug == planted;
}
