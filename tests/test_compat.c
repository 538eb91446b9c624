/*
 * What systems have under different names, or lack.
 */
#include "base/compat.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>

#include "base/sys.h"
#include "support/faults.h"
#include "support/ledger.h"
#include "support/test.h"

static void close_both(const int ends[2])
{
    (void)aio__sys_close(ends[0]);
    (void)aio__sys_close(ends[1]);
}

/* Non-blocking and close-on-exec: how every descriptor of the library is born. */
static void check_born_well(int fd)
{
    check((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    check((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

/* A listener on a free port of the loopback interface, and its name. */
static int listener(struct sockaddr_in *out_name)
{
    socklen_t size = sizeof *out_name;
    struct sockaddr_in name = {.sin_family = AF_INET};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = aio__socket(AF_INET, SOCK_STREAM, 0);
    check_int(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    check_int(listen(fd, 4), 0);
    check_int(getsockname(fd, (struct sockaddr *)out_name, &size), 0);
    return fd;
}

/* One that has connected to it. */
static int client_of(const struct sockaddr_in *name)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    check_int(connect(fd, (const struct sockaddr *)name, sizeof *name), 0);
    return fd;
}

/* ---- sockets --------------------------------------------------------------------------------- */

TEST(socket_is_born_non_blocking_and_close_on_exec)
{
    int fd = aio__socket(AF_UNIX, SOCK_STREAM, 0);
    if (check(fd >= 0))
        check_born_well(fd);
    (void)aio__sys_close(fd);
}

TEST(socket_of_a_system_without_the_flags_gets_them_afterwards)
{
    faults_fail("socket", 1, EINVAL, FAULTS_ONCE);
    int fd = aio__socket(AF_UNIX, SOCK_STREAM, 0);
    if (check(fd >= 0))
        check_born_well(fd);
    check_int(faults_count("socket"), 2);
    (void)aio__sys_close(fd);
}

TEST(socket_that_cannot_be_made_is_an_error)
{
    faults_fail("socket", 1, EMFILE, FAULTS_ONCE);
    errno = 0;
    check_int(aio__socket(AF_UNIX, SOCK_STREAM, 0), -1);
    check_int(errno, EMFILE);
    check_int(faults_count("socket"), 1);
}

TEST(socket_that_cannot_be_prepared_is_closed)
{
    faults_fail("socket", 1, EINVAL, FAULTS_ONCE);
    faults_fail("fcntl_int", 2, ENOMEM, FAULTS_ONCE);
    errno = 0;
    check_int(aio__socket(AF_UNIX, SOCK_STREAM, 0), -1);
    check_int(errno, ENOMEM);
    check_int(ledger_descriptors(), 0);
}

/* Accepts a client; `calls` of accept4 and accept together. */
static void accept_one(unsigned long calls)
{
    struct sockaddr_in name, peer;
    unsigned size = sizeof peer;
    int fd = listener(&name), client = client_of(&name);
    memset(&peer, 0, sizeof peer);
    int accepted = aio__accept(fd, (struct sockaddr *)&peer, &size);
    if (check(accepted >= 0)) {
        check_born_well(accepted);
        check_int(size, sizeof peer);
        check_int(peer.sin_family, AF_INET);
        (void)aio__sys_close(accepted);
    }
    check_int(faults_count("accept4") + faults_count("accept"), calls);
    (void)aio__sys_close(client);
    (void)aio__sys_close(fd);
}

TEST_EXACT(accepted_socket_is_born_non_blocking_and_close_on_exec)
{
    accept_one(1);
}

TEST_EXACT(system_without_accept4_accepts_all_the_same)
{
    faults_fail("accept4", 1, ENOSYS, FAULTS_FROM_THEN_ON);
    accept_one(2);
}

TEST_EXACT(accepting_from_nobody_is_not_possible_now)
{
    struct sockaddr_in name;
    int fd = listener(&name);
    errno = 0;
    check_int(aio__accept(fd, NULL, NULL), -1);
    check_int(errno, EAGAIN);
    faults_fail("accept4", 1, ENOSYS, FAULTS_FROM_THEN_ON);
    errno = 0;
    check_int(aio__accept(fd, NULL, NULL), -1);
    check_int(errno, EAGAIN);
    (void)aio__sys_close(fd);
}

TEST_EXACT(accepting_without_wanting_the_name)
{
    struct sockaddr_in name;
    int fd = listener(&name), client = client_of(&name);
    int accepted = aio__accept(fd, NULL, NULL);
    check(accepted >= 0);
    (void)aio__sys_close(accepted);
    (void)aio__sys_close(client);
    (void)aio__sys_close(fd);
}

/* ---- pipes ----------------------------------------------------------------------------------- */

static void check_pipe(const int ends[2])
{
    char byte = 0;
    check_born_well(ends[0]);
    check_born_well(ends[1]);
    check_int(write(ends[1], "x", 1), 1);
    check_int(read(ends[0], &byte, 1), 1);
    check_int(byte, 'x');
}

TEST(ends_of_a_pipe_are_born_non_blocking_and_close_on_exec)
{
    int ends[2];
    if (!check_int(aio__pipe(ends), 0))
        return;
    check_pipe(ends);
    close_both(ends);
}

TEST(system_without_pipe2_has_pipes_all_the_same)
{
    int ends[2];
    faults_fail("pipe2", 1, ENOSYS, FAULTS_FROM_THEN_ON);
    if (!check_int(aio__pipe(ends), 0))
        return;
    check_pipe(ends);
    close_both(ends);
}

TEST(pipe_that_cannot_be_made_is_an_error)
{
    int ends[2];
    faults_fail("pipe2", 1, EMFILE, FAULTS_ONCE);
    errno = 0;
    check_int(aio__pipe(ends), -1);
    check_int(errno, EMFILE);
    faults_fail("pipe2", 1, ENOSYS, FAULTS_ONCE);
    faults_fail("pipe", 1, ENFILE, FAULTS_ONCE);
    errno = 0;
    check_int(aio__pipe(ends), -1);
    check_int(errno, ENFILE);
}

TEST(pipe_of_which_an_end_cannot_be_prepared_is_closed)
{
    for (unsigned long n = 1; n <= 6; n++) {
        int ends[2];
        faults_clear();
        faults_fail("pipe2", 1, ENOSYS, FAULTS_ONCE);
        faults_fail("fcntl_int", n, ENOMEM, FAULTS_ONCE);
        errno = 0;
        check_int(aio__pipe(ends), -1);
        check_int(errno, ENOMEM);
        check_int(ledger_descriptors(), 0);
    }
}

/* ---- what wakes a selector ------------------------------------------------------------------- */

static void check_wakes(const int ends[2])
{
    uint64_t one = 1;
    struct pollfd reader = {ends[0], POLLIN, 0};
    check_born_well(ends[0]);
    check_born_well(ends[1]);
    check_int(poll(&reader, 1, 0), 0);
    check_int(write(ends[1], &one, sizeof one), sizeof one);
    check_int(poll(&reader, 1, 0), 1);
}

TEST(event_pair_is_one_descriptor_where_there_are_eventfds)
{
    int ends[2];
    if (!check_int(aio__event_pair(ends), 0))
        return;
    check_int(ends[0], ends[1]);
    check_wakes(ends);
    (void)aio__sys_close(ends[0]);
}

TEST(event_pair_is_a_pipe_where_there_are_none)
{
    int ends[2];
    faults_fail("eventfd", 1, ENOSYS, FAULTS_ONCE);
    if (!check_int(aio__event_pair(ends), 0))
        return;
    check(ends[0] != ends[1]);
    check_wakes(ends);
    close_both(ends);
}

TEST(event_pair_without_descriptors_is_an_error)
{
    int ends[2];
    faults_fail("eventfd", 1, EMFILE, FAULTS_ONCE);
    errno = 0;
    check_int(aio__event_pair(ends), -1);
    check_int(errno, EMFILE);
    check_int(faults_count("descriptor"), 1);
}

/* ---- flags ----------------------------------------------------------------------------------- */

TEST(descriptor_of_someone_else_is_made_non_blocking_and_keeps_its_flags)
{
    int fd = open("/dev/null", O_WRONLY | O_APPEND);
    check_int(aio__set_nonblocking(fd), 0);
    check_int(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_APPEND | O_ACCMODE),
              O_NONBLOCK | O_APPEND | O_WRONLY);
    check_int(aio__set_nonblocking(fd), 0);
    (void)aio__sys_close(fd);
}

TEST(descriptor_that_is_not_open_cannot_be_made_non_blocking)
{
    check_int(aio__set_nonblocking(-1), -EBADF);
}

TEST(flags_that_cannot_be_set_are_an_error)
{
    int fd = open("/dev/null", O_WRONLY);
    faults_fail("fcntl_int", 2, EPERM, FAULTS_ONCE);
    check_int(aio__set_nonblocking(fd), -EPERM);
    (void)aio__sys_close(fd);
}

#if defined(O_DIRECT)
/* Only there: Linux gives the reading end no such flag. */
TEST(writing_end_of_a_pipe_tells_whether_it_keeps_packets)
{
    int ends[2];
    if (!check_int(pipe2(ends, O_DIRECT), 0))
        return;
    check(aio__pipe_keeps_packets(ends[1]));
    close_both(ends);
    if (!check_int(pipe2(ends, 0), 0))
        return;
    check(!aio__pipe_keeps_packets(ends[1]));
    close_both(ends);
    check(aio__pipe_keeps_packets(-1)); /* the careful answer */
}
#endif

TEST(tcp_is_told_from_other_sockets)
{
    int tcp = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP), udp = socket(AF_INET, SOCK_DGRAM, 0);
    check(aio__is_tcp(tcp));
#if defined(__linux__)
    check(!aio__is_tcp(udp));
    check(!aio__is_tcp(-1)); /* the careful answer */
#endif
    (void)close(tcp);
    (void)close(udp);
}

/* ---- SIGPIPE --------------------------------------------------------------------------------- */

/* The signal would end this process: its disposition is the default one. */
TEST_EXACT(sending_to_a_socket_whose_peer_is_gone_is_an_error_and_no_signal)
{
    int ends[2];
    if (!check_int(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0))
        return;
    (void)close(ends[1]);
    errno = 0;
    check_int(aio__send(ends[0], "x", 1), -1);
    check_int(errno, EPIPE);
    (void)close(ends[0]);
}

/* A pipe whose reader is gone; its writer, or -1. */
static int deaf_pipe(void)
{
    int ends[2];
    if (!check_int(pipe(ends), 0))
        return -1;
    (void)close(ends[0]);
    return ends[1];
}

static bool sigpipe_is(int (*where)(sigset_t *))
{
    sigset_t set;
    return where(&set) == 0 && sigismember(&set, SIGPIPE) == 1;
}

static int blocked_signals(sigset_t *out_set)
{
    return sigprocmask(SIG_BLOCK, NULL, out_set);
}

TEST_EXACT(sending_to_a_pipe_that_nobody_reads_is_an_error_and_no_signal)
{
    int fd = deaf_pipe();
    errno = 0;
    check_int(aio__send(fd, "x", 1), -1);
    check_int(errno, EPIPE);
    check(!sigpipe_is(sigpending));
    check(!sigpipe_is(blocked_signals));
    (void)close(fd);
}

TEST_EXACT(writing_to_a_pipe_that_nobody_reads_is_an_error_and_no_signal)
{
    int fd = deaf_pipe();
    errno = 0;
    check_int(aio__write(fd, "x", 1), -1);
    check_int(errno, EPIPE);
    check(!sigpipe_is(sigpending));
    check(!sigpipe_is(blocked_signals));
    (void)close(fd);
}

TEST_EXACT(signal_that_was_pending_before_a_write_stays_so)
{
    sigset_t sigpipe;
    int fd = deaf_pipe(), taken;
    (void)sigemptyset(&sigpipe);
    (void)sigaddset(&sigpipe, SIGPIPE);
    (void)sigprocmask(SIG_BLOCK, &sigpipe, NULL);
    (void)raise(SIGPIPE);
    check_int(aio__write(fd, "x", 1), -1);
    check(sigpipe_is(sigpending));
    check(sigpipe_is(blocked_signals));
    (void)sigwait(&sigpipe, &taken);
    (void)sigprocmask(SIG_UNBLOCK, &sigpipe, NULL);
    (void)close(fd);
}

TEST_EXACT(sending_works_on_sockets_and_pipes)
{
    int ends[2];
    char text[4] = "";
    if (check_int(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0)) {
        check_int(aio__send(ends[0], "abc", 4), 4);
        check_int(read(ends[1], text, 4), 4);
        check_string(text, "abc");
        close_both(ends);
    }
    if (check_int(pipe(ends), 0)) {
        check_int(aio__send(ends[1], "def", 4), 4);
        check_int(read(ends[0], text, 4), 4);
        check_string(text, "def");
        close_both(ends);
    }
}

TEST_EXACT(error_of_a_send_that_is_not_about_the_peer_comes_through)
{
    errno = 0;
    check_int(aio__send(-1, "x", 1), -1);
    check_int(errno, EBADF);
}

/* ---- where code lies ------------------------------------------------------------------------- */

TEST(code_lies_in_a_file_and_at_an_offset)
{
    uintptr_t offset = 0, address = (uintptr_t)aio__file_of_code;
    const char *file = aio__file_of_code(address, &offset);
    if (file != NULL) {
        check_string(file, "program");
        check(offset != 0);
        check(offset <= address);
    }
}

TEST(what_is_no_code_lies_in_no_file)
{
    uintptr_t offset = 7;
    check(aio__file_of_code(0, &offset) == NULL);
    check_int(offset, 7);
}
