/*
 * The io layer's part of a loop.
 */
#include "io/io.h"

#include <errno.h>
#include <stddef.h>

#include "support/faults.h"
#include "support/test.h"

struct guest {
    aio__owned owned;
    int *told;
};

static void count_end(aio__owned *owned)
{
    ++*aio__container(owned, struct guest, owned)->told;
}

TEST(io_part_of_a_loop_is_made_once)
{
    aio_loop *loop = aio_loop_new();
    if (loop == NULL)
        return;
    aio__io *io = aio__io_of(loop);
    check(io != NULL);
    check(io == NULL || aio__io_of(loop) == io);
    check_int(aio_loop_close(loop), 0);
}

TEST(those_who_are_owned_hear_of_the_end_of_the_loop_and_others_do_not)
{
    int told = 0;
    struct guest stays = {{{NULL, NULL}, count_end}, &told}, goes = stays;
    aio_loop *loop = aio_loop_new();
    aio__io *io = loop != NULL ? aio__io_of(loop) : NULL;
    if (io != NULL) {
        aio__io_own(io, &stays.owned);
        aio__io_own(io, &goes.owned);
        aio__io_disown(&goes.owned);
        aio__io_disown(&goes.owned);
    }
    check_int(aio_loop_close(loop), 0);
    check_int(told, io != NULL);
}

TEST(io_part_without_memory_is_none_and_can_be_made_later)
{
    aio_loop *loop = aio_loop_new();
    if (loop == NULL)
        return;
    for (unsigned long nth = 1; nth <= 3; nth++) {
        faults_fail("memory", nth, ENOMEM, FAULTS_ONCE);
        check(aio__io_of(loop) == NULL);
        faults_clear();
    }
    check(aio__io_of(loop) != NULL);
    check_int(aio_loop_close(loop), 0);
}
