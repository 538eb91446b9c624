/*
 * poll: what only it does.  (The contract: test_selector.c.)
 */
#include <errno.h>
#include <stdlib.h>

#include "base/sys.h"
#include "loop/selector.h"
#include "support/ledger.h"
#include "support/loop_case.h"

#define PIPES 100

struct scene {
    aio__selector selector;
    int ends[PIPES][2];
    bool watched[PIPES];
    int count;
};

static void begin(struct scene *scene)
{
    memset(scene, 0, sizeof *scene);
    scene->selector = (aio__selector){.operations = &aio__selector_poll, .fd = -1};
    check_int(aio__selector_poll.open(&scene->selector), 0);
    while (scene->count < PIPES && scene->selector.state != NULL &&
           aio__pipe(scene->ends[scene->count]) == 0)
        scene->count++;
}

static void end(struct scene *scene)
{
    for (int i = 0; i < scene->count; i++)
        close_both(scene->ends[i]);
    if (scene->selector.state != NULL)
        aio__selector_close(&scene->selector);
}

static int change(struct scene *scene, int i, unsigned after)
{
    int rc = aio__selector_poll.change(&scene->selector, scene->ends[i][0], (uint32_t)i, 0, after);
    scene->watched[i] = rc == 0 && after != 0;
    return rc;
}

static int look(struct scene *scene, aio__event *events, int capacity)
{
    return aio__selector_poll.poll(&scene->selector, 0, events, capacity);
}

TEST(poll_has_no_descriptor_of_its_own)
{
    struct scene scene;
    begin(&scene);
    check_int(scene.selector.fd, -1);
    end(&scene);
}

/* Takes half of them out, in no order, and sees that the others are where they were. */
TEST(entries_keep_their_tags_when_others_are_taken_out)
{
    struct scene scene;
    aio__event events[PIPES];
    begin(&scene);
    for (int i = 0; i < scene.count; i++)
        (void)change(&scene, i, AIO__READ);
    for (int i = 0; i < scene.count; i++)
        if (i % 7 % 2 == 0)
            (void)change(&scene, i, 0);
    int watched = 0;
    for (int i = 0; i < scene.count; i++) {
        put_byte(scene.ends[i][1]);
        watched += scene.watched[i];
    }
    int count = scene.count != 0 ? look(&scene, events, PIPES) : 0;
    check_int(count, watched);
    for (int i = 0; i < count; i++) {
        check(scene.watched[events[i].tag]);
        check_int(events[i].fd, scene.ends[events[i].tag][0]);
    }
    end(&scene);
}

TEST(what_was_reported_is_wanted_again_without_an_allocation)
{
    struct scene scene;
    aio__event events[4];
    begin(&scene);
    if (scene.count != 0 && change(&scene, 0, AIO__READ | AIO__EDGE) == 0) {
        put_byte(scene.ends[0][1]);
        check_int(look(&scene, events, 4), 0);
        unsigned long before = faults_count("memory");
        for (int i = 0; i < 3; i++) {
            aio__selector_poll.want(&scene.selector, scene.ends[0][0], 0, AIO__READ);
            check_int(look(&scene, events, 4), 1);
            check_int(look(&scene, events, 4), 0);
        }
        aio__selector_poll.want(&scene.selector, scene.ends[0][0], 0, AIO__READ);
        aio__selector_poll.want(&scene.selector, scene.ends[0][0], 0, 0);
        check_int(look(&scene, events, 4), 0);
        check_int(faults_count("memory"), before);
    }
    end(&scene);
}

TEST(entry_that_finds_no_memory_is_an_error_and_leaves_the_others)
{
    struct scene scene;
    aio__event events[4];
    begin(&scene);
    if (scene.count > 20 && change(&scene, 0, AIO__READ) == 0) {
        put_byte(scene.ends[0][1]);
        faults_fail("realloc", 1, ENOMEM, FAULTS_FROM_THEN_ON);
        int failed = 0;
        for (int i = 1; i < scene.count; i++)
            failed += change(&scene, i, AIO__READ) == -ENOMEM;
        check(failed > 50);
        check_int(look(&scene, events, 4), 1);
        check_int(events[0].fd, scene.ends[0][0]);
    }
    end(&scene);
}

TEST(poll_that_finds_no_memory_is_not_open)
{
    aio__selector selector = {.operations = &aio__selector_poll, .fd = -1};
    faults_fail("calloc", 1, ENOMEM, FAULTS_ONCE);
    check_int(aio__selector_poll.open(&selector), -ENOMEM);
    check_int(ledger_blocks(), 0);
}

TEST(numbers_closed_under_poll_are_each_reported_once)
{
    struct scene scene;
    aio__event events[PIPES];
    begin(&scene);
    int watched = 0;
    for (int i = 0; i < scene.count; i++)
        watched += change(&scene, i, AIO__READ) == 0;
    for (int i = 0; i < scene.count; i++)
        (void)close(scene.ends[i][0]);
    int seen = 0, looks = 0;
    while (scene.count != 0 && looks++ < 20)
        seen += look(&scene, events, 30);
    check_int(seen, watched);
    for (int i = 0; i < scene.count; i++)
        (void)close(scene.ends[i][1]);
    scene.count = 0;
    end(&scene);
}
