/*
 * The seam to the system: every call goes through the table.
 */
#include "base/sys.h"

#include <errno.h>
#include <string.h>

#include "support/faults.h"
#include "support/test.h"

#define SIZE ((size_t)10000)

static int calls;

static ssize_t counted_read(int fd, void *data, size_t size)
{
    calls++;
    return aio__sys_real.read(fd, data, size);
}

static int open_null(void)
{
    return open("/dev/null", O_RDWR);
}

TEST(entry_of_the_table_is_what_is_called)
{
    char byte;
    int fd = open_null();
    aio__sys.read = counted_read;
    check_int(aio__sys_read(fd, &byte, 1), 0);
    check_int(calls, 1);
    aio__sys.read = aio__sys_real.read;
    check_int(aio__sys_read(fd, &byte, 1), 0);
    check_int(calls, 1);
    (void)aio__sys_close(fd);
}

TEST(every_entry_of_the_table_is_there)
{
#define IS_THERE(type, name, parameters, arguments) check(aio__sys_real.name != NULL);
    AIO__SYS_POSIX(IS_THERE)
    AIO__SYS_SYSTEM(IS_THERE)
    AIO__SYS_SPECIAL(IS_THERE)
    check(aio__sys_real.free != NULL);
}

TEST_EXACT(calls_reach_the_system)
{
    int ends[2];
    char text[4] = "";
    if (!check_int(aio__sys_pipe(ends), 0))
        return;
    check_int(aio__sys_write(ends[1], "abc", 4), 4);
    check_int(aio__sys_read(ends[0], text, sizeof text), 4);
    check_string(text, "abc");
    check_int(aio__sys_close(ends[0]), 0);
    check_int(aio__sys_close(ends[1]), 0);
}

TEST(fcntl_sets_and_gets_flags)
{
    int fd = open_null();
    check_int(aio__sys_fcntl_int(fd, F_SETFD, FD_CLOEXEC), 0);
    check_int(aio__sys_fcntl_int(fd, F_GETFD, 0), FD_CLOEXEC);
    check_int(aio__sys_fcntl_int(fd, F_SETFD, 0), 0);
    check_int(aio__sys_fcntl_int(fd, F_GETFD, 0), 0);
    (void)aio__sys_close(fd);
    check_int(aio__sys_fcntl_int(-1, F_GETFD, 0), -1);
    check_int(errno, EBADF);
}

/* ---- faults ---------------------------------------------------------------------------------- */

TEST(fault_strikes_the_nth_call_once)
{
    faults_fail("malloc", 3, ENOMEM, FAULTS_ONCE);
    for (int i = 1; i <= 5; i++) {
        void *block = aio__sys_malloc(8);
        check((block == NULL) == (i == 3));
        aio__sys_free(block);
    }
}

TEST(fault_strikes_from_the_nth_call_on)
{
    faults_fail("memory", 3, ENOMEM, FAULTS_FROM_THEN_ON);
    for (int i = 1; i <= 5; i++) {
        void *block = i % 2 != 0 ? aio__sys_malloc(8) : aio__sys_calloc(1, 8);
        check((block == NULL) == (i >= 3));
        aio__sys_free(block);
    }
    faults_clear();
    void *block = aio__sys_malloc(8);
    check(block != NULL);
    aio__sys_free(block);
    check_int(faults_count("memory"), 6);
}

TEST(mapping_that_fails_says_so_as_mmap_does)
{
    faults_fail("mmap", 1, ENOMEM, FAULTS_ONCE);
    errno = 0;
    void *at = aio__sys_mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(at == MAP_FAILED);
    check_int(errno, ENOMEM);
}

TEST(close_that_fails_has_closed)
{
    int fd = open_null();
    faults_fail("close", 1, EINTR, FAULTS_ONCE);
    check_int(aio__sys_close(fd), -1);
    check_int(errno, EINTR);
    check_int(fcntl(fd, F_GETFD), -1);
}

TEST_EXACT(transfers_are_as_short_as_was_asked)
{
    int ends[2];
    char text[8] = "";
    if (!check_int(aio__sys_pipe(ends), 0))
        return;
    faults_short(3);
    check_int(aio__sys_write(ends[1], "abcdefg", 8), 3);
    check_int(aio__sys_read(ends[0], text, 2), 2);
    faults_short(0);
    check_int(aio__sys_write(ends[1], "defg", 5), 5);
    check_int(aio__sys_read(ends[0], text + 2, 6), 6);
    check_string(text, "abcdefg");
    (void)aio__sys_close(ends[0]);
    (void)aio__sys_close(ends[1]);
}

/* Moves what it can each way; how many calls failed. */
static unsigned move(const int ends[2], const char *out, size_t *written, char *in, size_t *read)
{
    ssize_t sent = aio__sys_write(ends[1], out + *written, SIZE - *written);
    ssize_t got = aio__sys_read(ends[0], in + *read, SIZE - *read);
    *written += sent > 0 ? (size_t)sent : 0;
    *read += got > 0 ? (size_t)got : 0;
    return (unsigned)(sent < 0) + (unsigned)(got < 0);
}

TEST(chaos_hurts_but_loses_nothing)
{
    int ends[2];
    size_t written = 0, read = 0;
    unsigned failures = 0, moves = 0;
    static char out[SIZE], in[SIZE];
    for (size_t i = 0; i < SIZE; i++)
        out[i] = (char)(i % 127);
    if (!check_int(aio__sys_pipe2(ends, O_NONBLOCK), 0))
        return;
    faults_short(100);
    faults_chaos(7);
    for (; read < SIZE && moves < 100 * SIZE; moves++)
        failures += move(ends, out, &written, in, &read);
    check(failures > 0);
    check(memcmp(in, out, SIZE) == 0);
    (void)aio__sys_close(ends[0]);
    (void)aio__sys_close(ends[1]);
}

/* ---- Linux ----------------------------------------------------------------------------------- */

TEST_EXACT(waiting_with_nanoseconds_comes_back_when_they_are_over)
{
    struct epoll_event event;
    int epoll = aio__sys_epoll_create1(EPOLL_CLOEXEC);
    if (!check(epoll >= 0))
        return;
    int count = aio__sys_epoll_pwait2(epoll, &event, 1, 0, 1000);
    check(count == 0 || errno == ENOSYS);
    (void)aio__sys_close(epoll);
}
