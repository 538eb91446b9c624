/*
 * For tests of groups: children that do as they are told, and write it down.
 */
#ifndef TESTS_SUPPORT_GROUP_CASE_H
#define TESTS_SUPPORT_GROUP_CASE_H

#include <errno.h>

#include <aio/group.h>

#include "support/task_case.h"

/* Sleeps, and notes its name; cancelled, it notes that in capitals and cleans up for so long. */
struct child {
    struct trace *trace;
    char name;
    int64_t duration;
    int result;           /* what it returns */
    int64_t clean_up;     /* ns; 0: it does not wait then */
    int result_of_cancel; /* what it returns when it was cancelled; 0: -ECANCELED */
};

static inline int be_child(void *arg)
{
    const struct child *child = arg;
    if (aio_sleep(child->duration) < 0) {
        note(child->trace, (char)(child->name - 'a' + 'A'));
        if (child->clean_up > 0 && aio_sleep(child->clean_up) == 0)
            note(child->trace, '.');
        return child->result_of_cancel != 0 ? child->result_of_cancel : -ECANCELED;
    }
    note(child->trace, child->name);
    return child->result;
}

#define FAIL(n) AIO_USER_ERROR(n)
#define HOUR AIO_SEC(3600)

static inline int cancelling(void)
{
    return aio_task_cancelling(aio_task_current());
}

static inline int64_t now(void)
{
    return aio_loop_time(aio_loop_current());
}

/* A task that is parked elsewhere does this to it. */
static inline int cancel_in_a_second(void *arg)
{
    int rc = aio_sleep(AIO_SEC(1));
    return rc < 0 ? rc : aio_task_cancel(arg);
}

/* aio_release() of one that nobody needs to hear of. */
static inline void forget(aio_task *task)
{
    (void)aio_future_result(task);
    aio_release(task);
}

#endif
