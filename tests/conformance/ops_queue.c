/*
 * Ops on queues.  Their items are ints.
 */
#include <string.h>

#include "conformance/ops.h"

static int in_order(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static void destroy(void *queue)
{
    aio_queue_fini(queue);
}

int declare_queue(struct step *step)
{
    aio_queue *queue = arena_take(&step->scenario->arena, sizeof *queue);
    const char *order = step->words[1];
    size_t maxsize = (size_t)step_number(step, 2);
    scenario_name(step->scenario, step->words[0], queue, destroy);
    if (strcmp(order, "prio") == 0)
        return aio_queue_init_priority(queue, sizeof(int), maxsize, in_order);
    if (strcmp(order, "lifo") == 0)
        return aio_queue_init_lifo(queue, sizeof(int), maxsize);
    return aio_queue_init(queue, sizeof(int), maxsize);
}

int op_put(struct step *step)
{
    int item = (int)step_number(step, 1);
    return aio_queue_put(step->object, &item);
}

int op_putnow(struct step *step)
{
    int item = (int)step_number(step, 1);
    int rc = aio_queue_put_nowait(step->object, &item);
    return rc == -EAGAIN ? FAILURE_FULL : rc;
}

int op_get(struct step *step)
{
    int item;
    int rc = aio_queue_get(step->object, &item);
    return rc < 0 ? rc : item;
}

int op_getnow(struct step *step)
{
    int item;
    int rc = aio_queue_get_nowait(step->object, &item);
    if (rc < 0)
        return rc == -EAGAIN ? FAILURE_EMPTY : rc;
    return item;
}

int op_taskdone(struct step *step)
{
    int rc = aio_queue_task_done(step->object);
    return rc == -EINVAL ? FAILURE_VALUE : rc;
}

int op_join(struct step *step)
{
    return aio_queue_join(step->object);
}

int op_shutdown(struct step *step)
{
    return aio_queue_shutdown(step->object, strcmp(step->words[1], "now") == 0);
}
