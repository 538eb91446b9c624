/*
 * 16_generator: one item after the other, with waits between.
 *
 *     import asyncio
 *     from contextlib import aclosing
 *
 *     async def count_down(number):
 *         try:
 *             while number > 0:
 *                 await asyncio.sleep(0.01)
 *                 yield number
 *                 number -= 1
 *         finally:
 *             print("the counter is put away")
 *
 *     async def main():
 *         async for i in count_down(3):
 *             print(i)
 *         print("lift-off")
 *         async with aclosing(count_down(10)) as numbers:
 *             async for i in numbers:
 *                 print(i)
 *                 if i == 9:
 *                     break
 *         print("called off")
 *
 *     asyncio.run(main())
 *
 * The body of a generator is a function with a stack of its own, which gives an item where it calls
 * aio_generator_yield().  AIO_FOREACH closes it, also after a `break`: then the yield in which it
 * stands returns -AIO_ECLOSED, and the body cleans up.
 *
 * Output:
 *   3
 *   2
 *   1
 *   the counter is put away
 *   lift-off
 *   10
 *   9
 *   the counter is put away
 *   called off
 */
#include <stdio.h>

#include <aio/asyncio.h>

static int count_down(void *from)
{
    int rc = 0;
    for (int number = *(int *)from; number > 0 && rc == 0; number--) {
        rc = aio_sleep(AIO_MSEC(10));
        if (rc == 0)
            rc = aio_generator_yield(&number);
    }
    puts("the counter is put away");
    return rc;
}

static int program(void *arg)
{
    (void)arg;
    int rc, three = 3, ten = 10;
    AIO_FOREACH (int, i, aio_generator_new(count_down, &three, sizeof(int)), rc)
        printf("%d\n", i);
    if (rc < 0)
        return rc;
    puts("lift-off");

    AIO_FOREACH (int, i, aio_generator_new(count_down, &ten, sizeof(int)), rc) {
        printf("%d\n", i);
        if (i == 9)
            break;
    }
    if (rc == 0)
        puts("called off");
    return rc;
}

int main(void)
{
    int rc = aio_run(program, NULL);
    if (rc < 0)
        fprintf(stderr, "generator: %s\n", aio_strerror(rc));
    return rc < 0;
}
