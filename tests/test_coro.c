/*
 * Coroutines: how they begin, take turns and end, and what each has of its own.
 */
#include "coro/coro.h"

#include <errno.h>
#include <string.h>

#include "support/faults.h"
#include "support/test.h"

#define SIZE ((size_t)65536)
#define COUNT 4

/* The C++ runtime's, as far as the library sees it: this program has none. */
static void *exceptions[2];
void *__cxa_get_globals(void);
void *__cxa_get_globals(void)
{
    return exceptions;
}

/* A thread, some coroutines, and what they did. */
struct world {
    aio__coro thread, coros[COUNT];
    aio__stack_pool *pool;
    char order[32];
    size_t length;
    void *arg, *room;
    unsigned wrong;
};

static struct world world;

static void note(char letter)
{
    if (world.length < sizeof world.order - 1)
        world.order[world.length++] = letter;
}

static bool begin(void)
{
    memset(&world, 0, sizeof world);
    memset(exceptions, 0, sizeof exceptions);
    aio__coro_adopt(&world.thread);
    world.pool = aio__stack_pool_open(16384);
    return check(world.pool != NULL);
}

static void end(void)
{
    aio__stack_pool_close(world.pool);
    aio__coro_disown(&world.thread);
}

/* Makes one that is its own argument. */
static bool make(int i, void (*entry)(void *arg))
{
    return check_int(
        aio__coro_create(&world.coros[i], world.pool, SIZE, entry, &world.coros[i]), 0);
}

static void resume(int i)
{
    aio__coro_switch(&world.thread, &world.coros[i]);
}

static void pause_here(aio__coro *self)
{
    aio__coro_switch(self, &world.thread);
}

static _Noreturn void finish(aio__coro *self)
{
    aio__coro_exit(self, world.pool, &world.thread);
}

/* ---- beginning ------------------------------------------------------------------------------- */

static void note_argument(void *arg)
{
    world.arg = arg;
    finish(arg);
}

TEST(coroutine_begins_at_the_first_switch_to_it)
{
    if (begin() && make(0, note_argument)) {
        check(world.arg == NULL);
        resume(0);
        check(world.arg == &world.coros[0]);
    }
    end();
}

static void note_room(void *arg)
{
    int numbers[3];
    memcpy(numbers, world.room, sizeof numbers);
    world.wrong += numbers[0] != 1 || numbers[1] != 2 || numbers[2] != 3;
    note('a');
    finish(arg);
}

TEST(room_on_the_new_stack_keeps_what_was_put_there)
{
    static const int numbers[] = {1, 2, 3};
    aio__coro *coro = &world.coros[0];
    if (begin() &&
        check_int(aio__coro_create_with(coro, world.pool, SIZE, sizeof numbers, note_room, coro,
                                        &world.room),
                  0)) {
        char *room = world.room;
        check_int((uintptr_t)room % 16, 0);
        check(room > coro->stack.base);
        check(room + sizeof numbers <= coro->stack.top);
        memcpy(room, numbers, sizeof numbers);
        resume(0);
        check_string(world.order, "a");
        check_int(world.wrong, 0);
    }
    end();
}

TEST(room_that_leaves_less_than_half_of_the_stack_is_refused)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE, SIZE / 2 + 1};
    aio__coro *coro = &world.coros[0];
    for (size_t i = 0; begin() && i < 3; i++) {
        check_int(aio__coro_create_with(coro, world.pool, SIZE, sizes[i], note_room, coro,
                                        &world.room),
                  -ENOMEM);
        check(world.room == NULL);
        end();
    }
    end();
}

TEST(room_of_just_less_than_half_is_granted)
{
    aio__coro *coro = &world.coros[0];
    if (begin() && check_int(aio__coro_create_with(coro, world.pool, SIZE, SIZE / 2 - 2048,
                                                   note_room, coro, &world.room),
                             0)) {
        memset(world.room, 0, SIZE / 2 - 2048);
        resume(0);
        check_int(world.wrong, 1);
    }
    end();
}

TEST(coroutine_without_memory_for_its_stack_is_refused)
{
    if (begin()) {
        faults_fail("memory", 1, ENOMEM, FAULTS_FROM_THEN_ON);
        check_int(aio__coro_create(&world.coros[0], world.pool, SIZE, note_argument, NULL),
                  -ENOMEM);
        faults_clear();
    }
    end();
}

/* ---- taking turns ---------------------------------------------------------------------------- */

static void count_to_three(void *arg)
{
    char letter = (char)('a' + ((aio__coro *)arg - world.coros));
    for (int i = 0; i < 3; i++) {
        note(letter);
        pause_here(arg);
    }
    finish(arg);
}

TEST(each_goes_on_where_it_left_off)
{
    if (begin() && make(0, count_to_three) && make(1, count_to_three)) {
        for (int i = 0; i < 4; i++) {
            resume(0);
            resume(1);
        }
        check_string(world.order, "ababab");
    }
    end();
}

/* Hands control to the next one; the last ends to the thread. */
static void hand_over(void *arg)
{
    aio__coro *self = arg;
    long i = self - world.coros;
    note((char)('a' + i));
    if (i < COUNT - 1)
        aio__coro_switch(self, self + 1);
    note((char)('A' + i));
    if (i > 0)
        aio__coro_exit(self, world.pool, self - 1);
    finish(self);
}

TEST(control_goes_from_one_coroutine_straight_to_another)
{
    bool made = begin();
    for (int i = 0; i < COUNT; i++)
        made = made && make(i, hand_over);
    if (made) {
        resume(0);
        check_string(world.order, "abcdDCBA");
    }
    end();
}

/* A frame of its own for each level, to see that what lies on a stack stays. */
static AIO__NOINLINE unsigned deepen(aio__coro *self, unsigned depth)
{
    volatile unsigned here = depth * 7;
    if (depth > 0)
        (void)deepen(self, depth - 1);
    else
        pause_here(self);
    world.wrong += here != depth * 7;
    return here;
}

static void go_deep(void *arg)
{
    (void)deepen(arg, 50);
    finish(arg);
}

TEST(what_lies_on_a_stack_stays_while_others_run)
{
    if (begin() && make(0, go_deep) && make(1, go_deep)) {
        for (int i = 0; i < 4; i++)
            resume(i % 2);
        check_int(world.wrong, 0);
    }
    end();
}

/* Nested use: a coroutine makes another one and runs it. */
static void make_another(void *arg)
{
    note('a');
    if (make(1, hand_over)) {
        world.coros[1].stack.base[0] = 1;
        aio__coro_destroy(&world.coros[1], world.pool);
    }
    note('b');
    finish(arg);
}

TEST(coroutine_can_make_another)
{
    if (begin() && make(0, make_another)) {
        resume(0);
        check_string(world.order, "ab");
    }
    end();
}

TEST(thread_can_be_adopted_again)
{
    for (int i = 0; i < 2; i++) {
        if (begin() && make(0, note_argument)) {
            resume(0);
            check(world.arg != NULL);
        }
        end();
    }
}

/* ---- ending ---------------------------------------------------------------------------------- */

TEST(stack_of_one_that_ended_is_used_for_the_next)
{
    if (begin() && make(0, note_argument)) {
        char *base = world.coros[0].stack.base;
        resume(0);
        check_int(aio__stack_pool_idle(world.pool), 1);
        if (make(1, note_argument)) {
            check(world.coros[1].stack.base == base);
            resume(1);
            check(world.arg == &world.coros[1]);
        }
    }
    end();
}

TEST(coroutine_that_never_began_can_be_destroyed)
{
    if (begin() && make(0, note_argument)) {
        aio__coro_destroy(&world.coros[0], world.pool);
        check_int(aio__stack_pool_idle(world.pool), 1);
        check(world.arg == NULL);
    }
    end();
}

TEST(coroutine_that_will_not_go_on_can_be_destroyed)
{
    if (begin() && make(0, count_to_three)) {
        resume(0);
        aio__coro_destroy(&world.coros[0], world.pool);
        check_string(world.order, "a");
        if (make(0, note_argument))
            resume(0);
        check(world.arg == &world.coros[0]);
    }
    end();
}

TEST(coroutines_in_succession_need_one_stack)
{
    if (begin()) {
        for (int i = 0; i < 10000 && make(i % COUNT, note_argument); i++)
            resume(i % COUNT);
        check_int(aio__stack_pool_idle(world.pool), 1);
    }
    end();
}

/* ---- C++ ------------------------------------------------------------------------------------- */

static void have_exceptions(void *arg)
{
    aio__coro *self = arg;
    world.wrong += exceptions[0] != NULL || exceptions[1] != NULL;
    for (int i = 0; i < 2; i++) {
        exceptions[0] = self;
        exceptions[1] = self + 1;
        pause_here(self);
        world.wrong += exceptions[0] != self || exceptions[1] != self + 1;
    }
    finish(self);
}

TEST(each_stack_has_its_own_exceptions_in_flight)
{
    if (begin() && make(0, have_exceptions) && make(1, have_exceptions)) {
        exceptions[0] = exceptions[1] = &world;
        for (int i = 0; i < 6; i++) {
            resume(i % 2);
            check(exceptions[0] == &world && exceptions[1] == &world);
        }
        check_int(world.wrong, 0);
    }
    end();
}
