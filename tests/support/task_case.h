/*
 * For tests of what tasks do: the body of a TASK_TEST runs as main's task, on the
 * virtual clock; a trace says in which order things happened; and failures that
 * nobody asked about can be caught.
 *
 *     TASK_TEST(yield_lets_the_others_run)
 *     {
 *         struct trace trace = {0};
 *         aio_task *other = aio_spawn(note_a, &trace);
 *         check_int(aio_yield(), 0);
 *         note(&trace, 'm');
 *         check_string(trace.text, "am");
 *         check_int(aio_join(other), 0);
 *     }
 */
#ifndef TESTS_SUPPORT_TASK_CASE_H
#define TESTS_SUPPORT_TASK_CASE_H

#include <stdio.h>
#include <string.h>

#include <aio/run.h>

#include "base/compat.h"
#include "support/test.h"

/* So many tasks; fewer where a sanitizer looks on: ThreadSanitizer knows no more than 8,000
 * fibers, and AddressSanitizer maps a second stack for each. */
#if defined(AIO__TSAN) || defined(AIO__ASAN)
#define MANY(count) ((count) < 5000 ? (count) : 5000)
#else
#define MANY(count) (count)
#endif

#define TASK_TEST(name)                                                                            \
    static void task_##name(void);                                                                 \
    static int main_##name(void *arg)                                                              \
    {                                                                                              \
        (void)arg;                                                                                 \
        task_##name();                                                                             \
        return 0;                                                                                  \
    }                                                                                              \
    TEST(name)                                                                                     \
    {                                                                                              \
        check_int(test_run(main_##name, NULL), 0);                                                 \
    }                                                                                              \
    static void task_##name(void)

struct trace {
    size_t length;
    char text[56];
};

static inline void note(struct trace *trace, char what)
{
    if (trace->length < sizeof trace->text - 1)
        trace->text[trace->length++] = what;
}

/* What an exception handler was told: how often, and the last. */
struct caught {
    int count, error;
    char name[32], message[64];
};

static inline void catch_failure(aio_loop *loop, const aio_failure *failure, void *arg)
{
    struct caught *caught = arg;
    const char *name = failure->name != NULL ? failure->name : "";
    (void)loop;
    caught->count++;
    caught->error = failure->error;
    (void)snprintf(caught->name, sizeof caught->name, "%s", name);
    (void)snprintf(caught->message, sizeof caught->message, "%s", failure->message);
}

/* From now on the running loop's failures go there; it must live as long as the loop. */
static inline void catch_failures(struct caught *caught)
{
    memset(caught, 0, sizeof *caught);
    (void)aio_loop_set_exception_handler(aio_loop_current(), catch_failure, caught);
}

#endif
