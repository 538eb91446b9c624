/*
 * epoll: what only it does.  (The contract: test_selector.c.)
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/sys.h"
#include "loop/selector.h"
#include "support/ledger.h"
#include "support/loop_case.h"

static bool open_selector(aio__selector *selector)
{
    *selector = (aio__selector){.operations = &aio__selector_epoll, .fd = -1};
    return check_int(selector->operations->open(selector), 0);
}

static int change(aio__selector *selector, int fd, unsigned before, unsigned after)
{
    return selector->operations->change(selector, fd, 7, before, after);
}

static int look(aio__selector *selector, aio__event *events)
{
    return selector->operations->poll(selector, 0, events, 4);
}

TEST(epoll_that_finds_no_descriptor_is_not_open)
{
    aio__selector selector = {.operations = &aio__selector_epoll, .fd = -1};
    faults_fail("epoll_create1", 1, EMFILE, FAULTS_ONCE);
    check_int(selector.operations->open(&selector), -EMFILE);
    check_int(ledger_descriptors(), 0);
}

TEST(epolls_descriptor_is_not_inherited)
{
    aio__selector selector;
    if (!open_selector(&selector))
        return;
    check_int(fcntl(selector.fd, F_GETFD), FD_CLOEXEC);
    aio__selector_close(&selector);
}

TEST(epoll_adds_what_it_should_change_but_has_lost)
{
    aio__selector selector;
    aio__event events[4];
    int ends[2];
    if (!open_selector(&selector))
        return;
    if (open_pipe(ends)) {
        check_int(change(&selector, ends[0], AIO__READ, AIO__READ), 0);
        check_int(faults_count("epoll_ctl"), 2);
        put_byte(ends[1]);
        check_int(look(&selector, events), 1);
        close_both(ends);
    }
    aio__selector_close(&selector);
}

TEST(epoll_changes_what_it_should_add_but_has)
{
    aio__selector selector;
    aio__event events[4];
    int ends[2];
    if (!open_selector(&selector))
        return;
    if (open_pipe(ends)) {
        check_int(change(&selector, ends[0], 0, AIO__WRITE), 0);
        check_int(change(&selector, ends[0], 0, AIO__READ), 0);
        check_int(faults_count("epoll_ctl"), 3);
        put_byte(ends[1]);
        check_int(look(&selector, events), 1);
        close_both(ends);
    }
    aio__selector_close(&selector);
}

TEST(error_of_epolls_second_attempt_is_told)
{
    aio__selector selector;
    int ends[2];
    if (!open_selector(&selector))
        return;
    if (open_pipe(ends)) {
        faults_fail("epoll_ctl", 2, ENOSPC, FAULTS_ONCE);
        check_int(change(&selector, ends[0], AIO__READ, AIO__READ), -ENOSPC);
        close_both(ends);
    }
    aio__selector_close(&selector);
}

TEST(ending_never_fails_with_epoll)
{
    aio__selector selector;
    if (!open_selector(&selector))
        return;
    check_int(change(&selector, 1000, AIO__READ, 0), 0);
    faults_fail("epoll_ctl", 1, ENOMEM, FAULTS_ONCE);
    check_int(change(&selector, 0, AIO__READ, 0), 0);
    aio__selector_close(&selector);
}

/* The entry of a duplicate that lives on can't be removed, and must not be reported for ever. */
static void watch_and_close(aio__selector *selector, unsigned mode)
{
    aio__event events[4];
    int ends[2], reports = 0;
    if (!open_pipe(ends))
        return;
    int duplicate = dup(ends[0]);
    check_int(change(selector, ends[0], 0, AIO__READ | mode), 0);
    (void)close(ends[0]);
    check_int(change(selector, ends[0], AIO__READ | mode, 0), 0);
    put_byte(ends[1]);
    for (int i = 0; i < 100; i++)
        reports += look(selector, events);
    check(reports <= 1);
    (void)close(duplicate);
    (void)close(ends[1]);
}

TEST(entry_that_cannot_be_removed_is_not_reported_for_ever)
{
    aio__selector selector;
    if (!open_selector(&selector))
        return;
    watch_and_close(&selector, 0);
    watch_and_close(&selector, AIO__EDGE);
    aio__selector_close(&selector);
}

TEST(urgent_data_and_a_half_closed_peer_are_no_short_read)
{
    aio__selector selector;
    aio__event events[4];
    int ends[2];
    if (!open_selector(&selector))
        return;
    if (check_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0)) {
        check_int(change(&selector, ends[0], 0, AIO__READ | AIO__EDGE), 0);
        (void)shutdown(ends[1], SHUT_WR);
        if (check_int(look(&selector, events), 1))
            check_int(events[0].events, AIO__READ | AIO__HANGUP);
        close_both(ends);
    }
    aio__selector_close(&selector);
}

static void wait_a_microsecond(aio__selector *selector)
{
    aio__event events[4];
    check_int(selector->operations->poll(selector, 1000, events, 4), 0);
}

TEST(epoll_waits_by_milliseconds_where_a_finer_wait_is_missing_or_forbidden)
{
    static const int errors[] = {ENOSYS, EPERM};
    for (int i = 0; i < 2; i++) {
        aio__selector selector;
        if (!open_selector(&selector))
            return;
        unsigned long fine = faults_count("epoll_pwait2"), coarse = faults_count("epoll_wait");
        faults_fail("epoll_pwait2", 1, errors[i], FAULTS_FROM_THEN_ON);
        for (int again = 0; again < 3; again++)
            wait_a_microsecond(&selector);
        check_int(faults_count("epoll_pwait2") - fine, 1);
        check_int(faults_count("epoll_wait") - coarse, 3);
        faults_clear();
        aio__selector_close(&selector);
    }
}
