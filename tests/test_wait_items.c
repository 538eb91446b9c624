/*
 * Items: what they say after a wait, and when they may be used again.
 */
#include <errno.h>

#include "support/gather_case.h"

TASK_TEST(items_say_which_are_done_and_how)
{
    struct futures futures;
    if (!futures_begin(&futures, aio_loop_current()))
        return;
    futures.items[2].result = 99;
    check_int(aio_future_set(futures.all[0], 5), 0);
    check_int(aio_future_set(futures.all[1], -EIO), 0);
    check_int(aio_wait(futures.items, FUTURES, AIO_WAIT_FIRST, AIO_FOREVER), 2);
    check(futures.items[0].done && futures.items[1].done && !futures.items[2].done);
    check_int(futures.items[0].result, 5);
    check_int(futures.items[1].result, -EIO);
    check_int(futures.items[2].result, 0);
    futures_end(&futures);
}

TASK_TEST(items_can_be_used_again)
{
    struct futures futures;
    if (!futures_begin(&futures, aio_loop_current()))
        return;
    for (int i = 0; i < FUTURES; i++) {
        check_int(aio_wait(futures.items, FUTURES, AIO_WAIT_ALL, AIO_USEC(1)), i);
        check_int(aio_future_set(futures.all[i], i), 0);
    }
    check_int(aio_gather(futures.items, FUTURES, 0), 0);
    check_int(futures.items[2].result, 2);
    futures_end(&futures);
}

TASK_TEST(an_item_of_zeros_but_for_its_future_will_do)
{
    aio_future *future = aio_future_new();
    aio_wait_item item = {.future = future};
    check_int(aio_future_set(future, 3), future != NULL ? 0 : -ENOMEM);
    check_int(aio_wait(&item, 1, AIO_WAIT_ALL, AIO_FOREVER), 1);
    check_int(item.result, future != NULL ? 3 : -ENOMEM);
    aio_release(future);
}

TASK_TEST(an_item_without_a_future_is_done_with_enomem)
{
    aio_wait_item item = AIO_WAIT_ITEM(NULL);
    check_int(aio_wait(&item, 1, AIO_WAIT_ERROR, AIO_FOREVER), 1);
    check(item.done);
    check_int(item.result, -ENOMEM);
}
