/*
 * For tests of selects: a task that selects among a receive, a send and a future,
 * while the test's own task does what makes one of them happen.
 *
 *     struct stage stage;
 *     stage_begin(&stage);
 *     check_int(give(stage.in, 'x'), 0);
 *     check_int(aio_yield(), 0);
 *     check_outcome(&stage, 0, 0);
 *     stage_end(&stage);
 */
#ifndef TESTS_SUPPORT_SELECT_CASE_H
#define TESTS_SUPPORT_SELECT_CASE_H

#include <aio/select.h>

#include "support/task_case.h"

/* A letter that can be received without waiting; '!' if there is none. */
static inline char take(aio_channel *channel)
{
    char letter = '!';
    (void)aio_channel_try_receive(channel, &letter);
    return letter;
}

static inline int give(aio_channel *channel, char letter)
{
    return aio_channel_try_send(channel, &letter);
}

/* Two channels of letters without a buffer, and a task that selects: it receives from the first,
 * sends an 's' to the second, or waits for the future. */
struct stage {
    aio_channel *in, *out;
    aio_future *future;
    char letter;
    int64_t duration;
    int which, result; /* -1000: it has not gone on */
    bool again;        /* it then sleeps until it is cancelled */
    aio_task *task;
};

static inline int select_once(void *arg)
{
    struct stage *stage = arg;
    aio_select_case cases[] = {
        AIO_SELECT_RECEIVE(stage->in, &stage->letter),
        AIO_SELECT_SEND(stage->out, "s"),
        AIO_SELECT_FUTURE(stage->future),
    };
    stage->which = aio_select(cases, 3, stage->duration);
    if (stage->which >= 0)
        stage->result = cases[stage->which].result;
    if (stage->again)
        check_int(aio_sleep(AIO_SEC(5)), -ECANCELED);
    return stage->which;
}

static inline void stage_spawn(struct stage *stage)
{
    stage->which = stage->result = -1000;
    stage->letter = '?';
    stage->task = aio_spawn(select_once, stage);
    check_int(aio_yield(), 0);
}

static inline void stage_begin(struct stage *stage)
{
    *stage = (struct stage){.in = aio_channel_new(1, 0),
                            .out = aio_channel_new(1, 0),
                            .future = aio_future_new(),
                            .duration = AIO_FOREVER};
    stage_spawn(stage);
    check_int(stage->which, -1000);
}

static inline void stage_end(struct stage *stage)
{
    (void)aio_task_stop(stage->task);
    aio_release(stage->future);
    aio_channel_free(stage->in);
    aio_channel_free(stage->out);
}

/* Nobody waits in either channel, as far as one can see. */
static inline void check_nobody_waits(struct stage *stage)
{
    check_int(give(stage->in, 'z'), -EAGAIN);
    check_int(take(stage->out), '!');
}

static inline void check_outcome(struct stage *stage, int which, int result)
{
    check_int(stage->which, which);
    check_int(stage->result, result);
}

#endif
