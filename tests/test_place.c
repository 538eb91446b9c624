/*
 * Where tasks and futures come from: the file and line of who made them.
 */
#undef NDEBUG
#include <errno.h>

#include <aio/group.h>
#include <aio/run.h>

#include "support/task_case.h"
#include "task/scheduler.h"

/* The place of a call in this line. */
#define HERE AIO_HERE

static int finish(void *arg)
{
    return arg != NULL ? *(int *)arg : 0;
}

/* Where it was made; and releases it. */
static void check_place(aio_future *future, const char *place)
{
    if (future == NULL)
        return;
    if (place == NULL)
        check(future->place == NULL);
    else
        check_string(future->place, place);
    aio_release(future);
}

TASK_TEST(task_knows_where_it_was_spawned)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    static int x;
    check_place(aio_spawn(finish, NULL), HERE);
    check_place(aio_spawn_with(&options, finish, &x), HERE);
    check_place(aio_spawn_with(NULL, finish, &x), HERE);
    check_place(aio_spawn_copy(finish, &x, sizeof x), HERE);
    check_place(AIO_SPAWN(finish, int, 0), HERE);
}

TASK_TEST(spawn_with_commas_in_braces_is_one_argument_too_many_for_nobody)
{
    struct pair {
        int a, b;
    };
    check_int(aio_join(aio_spawn(finish, &(struct pair){.a = 7, .b = 8})), 7);
}

TASK_TEST(spawn_on_behalf_of_another_place_says_that_one)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    check_place(aio_spawn_at("there:1", NULL, finish, NULL), "there:1");
    options.place = "elsewhere:2";
    check_place(aio_spawn_with(&options, finish, NULL), "elsewhere:2");
    check_place(aio_spawn_at("there:1", &options, finish, NULL), "elsewhere:2");
}

TASK_TEST(spawn_by_its_function_has_no_place)
{
    aio_task *(*spawn)(aio_function function, void *arg) = aio_spawn;
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    static int x = 3;
    check_place(spawn(finish, NULL), NULL);
    check_place((aio_spawn_with)(&options, finish, NULL), NULL);
    check_int(aio_join((aio_spawn_copy)(finish, &x, sizeof x)), 3);
    check_int((aio_go)(finish, NULL), 0);
    check_int((aio_go_with)(NULL, finish, NULL), 0);
    check_int((aio_go_copy)(finish, &x, sizeof x), 0);
}

TASK_TEST(child_of_a_group_knows_where_it_was_spawned)
{
    aio_group group;
    if (aio_group_begin(&group) < 0)
        return;
    check_place(aio_group_task(&group, finish, NULL), HERE);
    check_place(aio_group_task_with(&group, NULL, finish, NULL), HERE);
    check_place((aio_group_task)(&group, finish, NULL), NULL);
    check_place((aio_group_task_with)(&group, NULL, finish, NULL), NULL);
    check_int(aio_group_end(&group, 0), 0);
}

static struct {
    int count;
    const char *place, *places[9];
} children;

static int say_where(void *arg)
{
    (void)arg;
    if (children.count < 9)
        children.places[children.count++] = aio__task_running()->future.place;
    return aio_group_started(NULL);
}

/* It was started, there. */
static void check_child(int rc, const char *place)
{
    children.count = 0;
    if (rc != 0 || aio_yield() < 0)
        return;
    check_int(children.count, 1);
    check_string(children.places[0] != NULL ? children.places[0] : "", place);
}

TASK_TEST(each_way_into_a_group_says_where_it_is)
{
    aio_group group;
    if (aio_group_begin(&group) < 0)
        return;
    int x = 0;
    check_child(aio_group_spawn(&group, say_where, NULL), HERE);
    check_child(aio_group_spawn_with(&group, NULL, say_where, NULL), HERE);
    check_child(aio_group_spawn_copy(&group, say_where, &x, sizeof x), HERE);
    check_child(AIO_GROUP_SPAWN(&group, say_where, int, 0), HERE);
    check_child((aio_group_spawn)(&group, say_where, NULL), "");
    check_child((aio_group_spawn_with)(&group, NULL, say_where, NULL), "");
    check_child((aio_group_spawn_copy)(&group, say_where, &x, sizeof x), "");
    check_int(aio_group_end(&group, 0), 0);
}

TASK_TEST(child_that_is_waited_for_says_where_it_was_started)
{
    aio_group group;
    if (aio_group_begin(&group) < 0)
        return;
    children.count = 0;
    int rc = aio_group_start(&group, say_where, NULL, NULL); children.place = HERE;
    if (rc == 0)
        rc = (aio_group_start)(&group, say_where, NULL, NULL);
    if (rc == 0)
        rc = (aio_group_start_with)(&group, NULL, say_where, NULL, NULL);
    if (rc == 0 && check_int(children.count, 3)) {
        check_string(children.places[0], children.place);
        check(children.places[1] == NULL && children.places[2] == NULL);
    }
    check_int(aio_group_end(&group, 0), 0);
}

TASK_TEST(future_knows_where_it_was_made)
{
    check_place(aio_future_new(), HERE);
    check_place(aio_future_new_on(aio_loop_current()), HERE);
    check_place((aio_future_new)(), NULL);
    check_place((aio_future_new_on)(aio_loop_current()), NULL);
    errno = 0;
    check(aio_future_new_on(NULL) == NULL);
    check_int(errno, EINVAL);
}

static struct {
    int count;
    const char *place;
    char name[16];
} told;

static void hear(aio_loop *loop, const aio_failure *failure, void *arg)
{
    (void)loop;
    (void)arg;
    told.count++;
    told.place = failure->place;
    (void)snprintf(told.name, sizeof told.name, "%s", failure->name);
}

/* It was started, there: its failure is told with that. */
static void check_told(int rc, const char *place)
{
    if (rc == 0 && aio_yield() == 0)
        check_string(told.place, place);
}

TASK_TEST(report_of_a_background_task_says_where_it_was_started)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    int failure = -EIO;
    options.name = "worker";
    (void)aio_loop_set_exception_handler(aio_loop_current(), hear, NULL);
    check_told(aio_go(finish, &failure), HERE);
    check_told(aio_go_copy(finish, &failure, sizeof failure), HERE);
    check_told(aio_go_with(&options, finish, &failure), HERE);
    if (told.count == 3)
        check_string(told.name, "worker");
}
