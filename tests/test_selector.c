/*
 * Which selector a loop gets; and the contract, of each one that this system has.
 */
#include "loop/selector.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/sys.h"
#include "base/util.h"
#include "support/loop_case.h"

/* ---- which one ------------------------------------------------------------------------------- */

static void check_chosen(aio_selector which, const char *environment, const char *name)
{
    aio_options options = AIO_OPTIONS_INIT;
    options.selector = which;
    (void)setenv("AIO_SELECTOR", environment, 1);
    errno = 0;
    aio_loop *loop = aio_loop_new_with(&options);
    check_string(aio_loop_selector_name(loop), name);
    if (name == NULL)
        check(errno == ENOTSUP || errno == ENOMEM);
    (void)aio_loop_close(loop);
}

TEST(selector_is_the_one_that_the_options_name)
{
    check_chosen(AIO_SELECTOR_POLL, "", "poll");
    check_chosen(AIO_SELECTOR_POLL, aio__selectors[0]->name, "poll");
}

TEST(selector_is_the_one_that_the_environment_names_if_the_options_do_not)
{
    for (int i = 0; aio__selectors[i] != NULL; i++)
        check_chosen(AIO_SELECTOR_DEFAULT, aio__selectors[i]->name, aio__selectors[i]->name);
}

TEST(selector_is_the_best_one_if_nobody_names_any)
{
    check_chosen(AIO_SELECTOR_DEFAULT, "", aio__selectors[0]->name);
    (void)unsetenv("AIO_SELECTOR");
    aio_loop *loop = aio_loop_new();
    check_string(aio_loop_selector_name(loop), aio__selectors[0]->name);
    (void)aio_loop_close(loop);
}

TEST(selector_that_this_system_lacks_is_not_supported)
{
    bool has_epoll = strcmp(aio__selectors[0]->name, "epoll") == 0;
    check_chosen(has_epoll ? AIO_SELECTOR_KQUEUE : AIO_SELECTOR_EPOLL, "", NULL);
    check_chosen(AIO_SELECTOR_DEFAULT, "select", NULL);
    check_chosen((aio_selector)4, "", NULL);
    check_chosen((aio_selector)-1, "", NULL);
}

/* ---- the contract ---------------------------------------------------------------------------- */

#define TAG 77u

/* A selector, and two connected sockets. */
struct scene {
    aio__selector selector;
    const struct aio__selector_operations *operations;
    int ends[2];
    aio__event events[8];
};

static bool begin(struct scene *scene, const struct aio__selector_operations *operations)
{
    scene->selector = (aio__selector){.operations = operations, .fd = -1};
    scene->operations = operations;
    if (!check_int(operations->open(&scene->selector), 0))
        return false;
    int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    if (check_int(socketpair(AF_UNIX, type, 0, scene->ends), 0))
        return true;
    aio__selector_close(&scene->selector);
    return false;
}

/* Runs a body with each selector. */
static void with_each(void (*body)(struct scene *scene))
{
    for (int i = 0; aio__selectors[i] != NULL; i++) {
        struct scene scene;
        if (!begin(&scene, aio__selectors[i]))
            continue;
        body(&scene);
        close_both(scene.ends);
        aio__selector_close(&scene.selector);
    }
}

static int change(struct scene *scene, int fd, unsigned before, unsigned after)
{
    int rc = scene->operations->change(&scene->selector, fd, TAG, before, after);
    if (rc == 0 && (after & AIO__EDGE) != 0 && scene->operations->want != NULL)
        scene->operations->want(&scene->selector, fd, TAG, after & AIO__BOTH);
    return rc;
}

/* Changes what the first end is watched for. */
static void watch(struct scene *scene, unsigned before, unsigned after)
{
    check_int(change(scene, scene->ends[0], before, after), 0);
}

static int look(struct scene *scene)
{
    return scene->operations->poll(&scene->selector, 0, scene->events, 8);
}

static void check_event(struct scene *scene, unsigned events)
{
    scene->events[0].events = 0;
    if (!check_int(look(scene), 1))
        return;
    check_int(scene->events[0].fd, scene->ends[0]);
    check_int(scene->events[0].tag, TAG);
    check_int(scene->events[0].events, events);
}

static void once(struct scene *scene)
{
    watch(scene, 0, AIO__READ);
    check_int(look(scene), 0);
    put_byte(scene->ends[1]);
    check_event(scene, AIO__READ);
    check_int(look(scene), 0);
    watch(scene, AIO__READ, AIO__READ);
    check_event(scene, AIO__READ);
    check_int(look(scene), 0);
}

TEST(one_shot_reports_once_until_it_is_changed_again)
{
    with_each(once);
}

static void both_directions(struct scene *scene)
{
    watch(scene, 0, AIO__WRITE);
    check_event(scene, AIO__WRITE);
    watch(scene, AIO__WRITE, AIO__BOTH);
    check_event(scene, AIO__WRITE);
    put_byte(scene->ends[1]);
    watch(scene, AIO__BOTH, AIO__BOTH);
    check_event(scene, AIO__BOTH);
    watch(scene, AIO__BOTH, AIO__READ);
    check_event(scene, AIO__READ);
}

TEST(both_directions_are_watched_each_for_itself)
{
    with_each(both_directions);
}

static void edges(struct scene *scene)
{
    watch(scene, 0, AIO__READ | AIO__EDGE);
    for (int i = 0; i < 3; i++) {
        check_int(look(scene), 0);
        put_byte(scene->ends[1]);
        check_event(scene, AIO__READ);
        check_int(look(scene), 0);
        take_byte(scene->ends[0]);
        if (scene->operations->want != NULL)
            scene->operations->want(&scene->selector, scene->ends[0], TAG, AIO__READ);
    }
}

TEST(edge_reports_what_is_new_each_time)
{
    with_each(edges);
}

static void no_more(struct scene *scene)
{
    watch(scene, 0, AIO__READ);
    put_byte(scene->ends[1]);
    watch(scene, AIO__READ, 0);
    check_int(look(scene), 0);
    watch(scene, 0, AIO__READ);
    check_event(scene, AIO__READ);
    watch(scene, AIO__READ, 0);
    check_int(look(scene), 0);
    watch(scene, 0, 0);
}

TEST(descriptor_that_is_watched_no_more_is_not_reported)
{
    with_each(no_more);
}

static void stream_ends(struct scene *scene)
{
    watch(scene, 0, AIO__READ);
    (void)close(scene->ends[1]);
    if (check_int(look(scene), 1))
        check_int(scene->events[0].events & ~AIO__WRITE, AIO__READ | AIO__HANGUP);
    check_int(look(scene), 0);
    scene->ends[1] = dup(scene->ends[0]);
}

TEST(stream_that_ends_is_readable_and_says_so)
{
    with_each(stream_ends);
}

static void pipe_without_reader(struct scene *scene)
{
    int ends[2];
    if (!open_pipe(ends))
        return;
    (void)close(ends[0]);
    check_int(change(scene, ends[1], 0, AIO__READ), 0);
    if (check_int(look(scene), 1))
        check_int(scene->events[0].events, AIO__BOTH | AIO__HANGUP);
    (void)change(scene, ends[1], AIO__READ, 0);
    (void)close(ends[1]);
}

TEST(descriptor_that_has_failed_is_reported_in_both_directions)
{
    with_each(pipe_without_reader);
}

static void always_ready(struct scene *scene)
{
    static const char *const paths[] = {"/proc/self/exe", "/"};
    for (int i = 0; i < 2; i++) {
        int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
        check_int(change(scene, fd, 0, AIO__READ), -EPERM);
        check_int(change(scene, fd, 0, AIO__READ | AIO__EDGE), -EPERM);
        (void)close(fd);
    }
    check_int(look(scene), 0);
}

TEST(regular_files_and_directories_are_refused_as_always_ready)
{
    with_each(always_ready);
}

static void not_open(struct scene *scene)
{
    check_int(change(scene, 1000, 0, AIO__READ), -EBADF);
    check_int(change(scene, INT_MAX, 0, AIO__READ), -EBADF);
    check_int(change(scene, 1000, 0, 0), 0);
    check_int(change(scene, 1000, AIO__READ, 0), 0);
    check_int(look(scene), 0);
}

TEST(number_that_is_not_open_cannot_be_watched_but_let_go)
{
    with_each(not_open);
}

static void closed_behind_our_back(struct scene *scene)
{
    watch(scene, 0, AIO__READ);
    (void)close(scene->ends[0]);
    (void)look(scene); /* poll sees it, epoll does not */
    check_int(look(scene), 0);
    check_int(change(scene, scene->ends[0], AIO__READ, AIO__READ), -EBADF);
    check_int(change(scene, scene->ends[0], AIO__READ, 0), 0);
    if (scene->operations->want != NULL)
        scene->operations->want(&scene->selector, scene->ends[0], TAG, AIO__READ);
    check_int(look(scene), 0);
    scene->ends[0] = dup(scene->ends[1]);
}

TEST(number_that_was_closed_under_a_watch_is_reported_once_at_most_and_then_refused)
{
    with_each(closed_behind_our_back);
}

static void opened_again(struct scene *scene)
{
    int number = scene->ends[0];
    watch(scene, 0, AIO__READ);
    close_both(scene->ends);
    if (!check_int(socketpair(AF_UNIX, SOCK_STREAM, 0, scene->ends), 0))
        return;
    check_int(scene->ends[0], number);
    watch(scene, AIO__READ, AIO__READ);
    put_byte(scene->ends[1]);
    check_event(scene, AIO__READ);
}

TEST(number_that_was_closed_and_opened_again_is_watched_anew)
{
    with_each(opened_again);
}

static void known_already(struct scene *scene)
{
    watch(scene, 0, AIO__READ);
    watch(scene, 0, AIO__BOTH); /* who says so does not know of the first */
    check_event(scene, AIO__WRITE);
}

TEST(descriptor_that_is_there_already_is_changed)
{
    with_each(known_already);
}

static void in_batches(struct scene *scene)
{
    int ends[12][2], seen = 0, count;
    for (int i = 0; i < 12; i++) {
        if (!open_pipe(ends[i]))
            return;
        put_byte(ends[i][1]);
        check_int(change(scene, ends[i][0], 0, AIO__READ), 0);
    }
    for (int looks = 0; looks < 4 && (count = look(scene)) > 0; looks++) {
        check(count <= 8);
        for (int i = 0; i < count; i++)
            seen += scene->events[i].events == AIO__READ;
    }
    check_int(seen, 12);
    for (int i = 0; i < 12; i++) {
        (void)change(scene, ends[i][0], AIO__READ, 0);
        close_both(ends[i]);
    }
}

TEST_EXACT(events_beyond_the_callers_room_come_the_next_time)
{
    with_each(in_batches);
}

/* More are ready, always, than there is room for. */
static void fairly(struct scene *scene)
{
    int ends[12][2], seen[12] = {0};
    for (int i = 0; i < 12; i++) {
        if (!open_pipe(ends[i]))
            return;
        put_byte(ends[i][1]);
        check_int(change(scene, ends[i][0], 0, AIO__READ), 0);
    }
    for (int looks = 0; looks < 6; looks++) {
        int count = look(scene);
        for (int i = 0; i < count; i++)
            for (int j = 0; j < 12; j++)
                if (ends[j][0] == scene->events[i].fd)
                    seen[j]++;
        for (int i = 0; i < count; i++)
            check_int(change(scene, scene->events[i].fd, AIO__READ, AIO__READ), 0);
    }
    for (int i = 0; i < 12; i++) {
        check(seen[i] > 1);
        (void)change(scene, ends[i][0], AIO__READ, 0);
        close_both(ends[i]);
    }
}

TEST(descriptors_that_are_always_ready_do_not_starve_the_others)
{
    with_each(fairly);
}

static void waits(struct scene *scene)
{
    static const int64_t times[] = {1, 999, 100000, 1000001};
    for (size_t i = 0; i < AIO__COUNT(times); i++) {
        int64_t before = aio__clock_now();
        check_int(scene->operations->poll(&scene->selector, times[i], scene->events, 8), 0);
        check(aio__clock_now() - before >= times[i]);
    }
}

TEST_EXACT(wait_is_never_too_short)
{
    with_each(waits);
}

static void fails(struct scene *scene)
{
    fail_next_poll(EINTR);
    check_int(scene->operations->poll(&scene->selector, AIO_SEC(60), scene->events, 8), 0);
    faults_clear();
    fail_next_poll(ENOMEM);
    check_int(scene->operations->poll(&scene->selector, AIO_SEC(60), scene->events, 8), -ENOMEM);
    faults_clear();
}

TEST(wait_that_a_signal_ends_brings_nothing_and_one_that_fails_its_error)
{
    with_each(fails);
}
