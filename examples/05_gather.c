/*
 * 05_gather: several tasks at once, and all of their results.
 *
 *     import asyncio
 *
 *     class NotSold(Exception): pass
 *
 *     async def ask(shop, ms, price):
 *         await asyncio.sleep(ms / 1000)
 *         print(f"{shop} answers")
 *         if price is None:
 *             raise NotSold
 *         return price
 *
 *     def ask_all():
 *         return ask("Ada", 30, 12), ask("Bea", 10, 9), ask("Cid", 20, None)
 *
 *     async def main():
 *         results = await asyncio.gather(*ask_all(), return_exceptions=True)
 *         print(*("none" if isinstance(r, NotSold) else r for r in results))
 *         for answer in asyncio.as_completed(ask_all()):
 *             try:
 *                 print("next:", await answer)
 *             except NotSold:
 *                 print("next: none")
 *         try:
 *             await asyncio.gather(*ask_all())
 *         except NotSold:
 *             print("not everybody has it")
 *
 *     asyncio.run(main())
 *
 * The items are the caller's: a future each, and its result, in the order in which they stand
 * there.  aio_gather() ends with the first failure, unless it is told that failures are results,
 * too; the other tasks go on.  As they borrow what is on the stack here, they are stopped before it
 * goes.
 *
 * Output:
 *   Bea answers
 *   Cid answers
 *   Ada answers
 *   12 9 none
 *   Bea answers
 *   next: 9
 *   Cid answers
 *   next: none
 *   Ada answers
 *   next: 12
 *   Bea answers
 *   Cid answers
 *   not everybody has it
 */
#include <stdio.h>

#include <aio/asyncio.h>

#define NOT_SOLD AIO_USER_ERROR(1)
#define SHOPS 3

struct shop {
    const char *name;
    int milliseconds, price;
};

static int ask(void *arg)
{
    const struct shop *shop = arg;
    int rc = aio_sleep(AIO_MSEC(shop->milliseconds));
    if (rc < 0)
        return rc;
    printf("%s answers\n", shop->name);
    return shop->price;
}

/* What `wait` waits for has ended, one way or another, when this returns. */
static int ask_all(int (*wait)(aio_wait_item *items))
{
    struct shop shops[SHOPS] = {{"Ada", 30, 12}, {"Bea", 10, 9}, {"Cid", 20, NOT_SOLD}};
    aio_wait_item items[SHOPS];
    for (int i = 0; i < SHOPS; i++)
        items[i] = (aio_wait_item)AIO_WAIT_ITEM(aio_spawn(ask, &shops[i]));
    int rc = wait(items);
    for (int i = 0; i < SHOPS; i++)
        (void)aio_task_stop(items[i].future);
    return rc;
}

/* That nobody sells it is an answer, that there was no memory is none. */
static int show(int price, char end)
{
    if (price < 0 && price != NOT_SOLD)
        return price;
    if (price == NOT_SOLD)
        printf("none%c", end);
    else
        printf("%d%c", price, end);
    return 0;
}

static int show_all(aio_wait_item *items)
{
    int rc = aio_gather(items, SHOPS, AIO_GATHER_ERRORS);
    for (int i = 0; i < SHOPS && rc == 0; i++)
        rc = show(items[i].result, i < SHOPS - 1 ? ' ' : '\n');
    return rc;
}

static int show_in_order_of_arrival(aio_wait_item *items)
{
    aio_as_completed answers;
    aio_wait_item *item;
    int rc = aio_as_completed_begin(&answers, items, SHOPS, AIO_FOREVER);
    if (rc < 0)
        return rc;
    while (rc == 0 && (rc = aio_as_completed_next(&answers, &item)) > 0) {
        printf("next: ");
        rc = show(item->result, '\n');
    }
    aio_as_completed_end(&answers);
    return rc;
}

static int need_all(aio_wait_item *items)
{
    int rc = aio_gather(items, SHOPS, 0);
    if (rc == NOT_SOLD)
        puts("not everybody has it");
    return rc == NOT_SOLD ? 0 : rc;
}

static int program(void *arg)
{
    (void)arg;
    int rc = ask_all(show_all);
    if (rc == 0)
        rc = ask_all(show_in_order_of_arrival);
    if (rc == 0)
        rc = ask_all(need_all);
    return rc;
}

int main(void)
{
    int rc = aio_run(program, NULL);
    if (rc < 0)
        fprintf(stderr, "gather: %s\n", aio_strerror(rc));
    return rc < 0;
}
