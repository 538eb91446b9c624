/*
 * What tests of the loop have in common: a trace of what ran, pipes, and how
 * often the system was asked.
 *
 *     (void)aio_loop_call_soon(loop, &handle, note, "a");
 *     check_int(aio_loop_step(loop, 0), 1);
 *     check_trace("a");
 */
#ifndef TESTS_SUPPORT_LOOP_CASE_H
#define TESTS_SUPPORT_LOOP_CASE_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <aio/loop.h>

#include "base/compat.h"
#include "loop/loop.h"
#include "support/faults.h"
#include "support/test.h"

static char trace[512];

/* A callback: puts its argument, a word, on the trace. */
static inline void note(void *word)
{
    size_t length = strlen(trace);
    (void)snprintf(trace + length, sizeof trace - length, length != 0 ? " %s" : "%s",
                   (const char *)word);
}

/* The trace is this, and is empty from here on. */
#define check_trace(expected) (check_string(trace, expected), (void)memset(trace, 0, sizeof trace))

/* A callback: counts. */
static inline void count_call(void *count)
{
    ++*(int *)count;
}

/* A callback: stops its loop. */
static inline void stop_loop(void *loop)
{
    check_int(aio_loop_stop(loop), 0);
}

/* Runs a loop until nothing is left that could wake it. */
static inline void run_out(aio_loop *loop)
{
    check_int(aio__loop_run(loop, true), -EDEADLK);
}

/* Each of these two begins a trace. */
static inline aio_loop *new_virtual_loop(void)
{
    trace[0] = '\0';
    aio_options options = AIO_OPTIONS_INIT;
    options.clock = AIO_CLOCK_VIRTUAL;
    aio_loop *loop = aio_loop_new_with(&options);
    check(loop != NULL);
    return loop;
}

static inline aio_loop *new_loop(void)
{
    trace[0] = '\0';
    aio_loop *loop = aio_loop_new();
    check(loop != NULL);
    return loop;
}

static inline bool has_selector(const aio_loop *loop, const char *name)
{
    return loop != NULL && strcmp(aio_loop_selector_name(loop), name) == 0;
}

/* How often the loop has waited for the system, or looked at it. */
static inline unsigned long polls(void)
{
    return faults_count("epoll_wait") + faults_count("epoll_pwait2") + faults_count("poll");
}

/* The next time it does, it fails. */
static inline void fail_next_poll(int error)
{
    (void)faults_fail("epoll_wait", 1, error, FAULTS_ONCE);
    (void)faults_fail("epoll_pwait2", 1, error, FAULTS_ONCE);
    (void)faults_fail("poll", 1, error, FAULTS_ONCE);
}

static inline bool open_pipe(int ends[2])
{
    return check_int(aio__pipe(ends), 0);
}

static inline void close_both(const int ends[2])
{
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static inline void put_byte(int fd)
{
    check_int(write(fd, "x", 1), 1);
}

static inline void take_byte(int fd)
{
    char byte;
    check_int(read(fd, &byte, 1), 1);
}

#endif
