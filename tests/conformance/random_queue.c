/*
 * Queues of the three kinds in random programs: each gives exactly the item whose turn it is.
 *
 * An item goes in or out as the last thing that a call does before it returns, so the model, an
 * array in the order of arrival, follows right behind.
 */
#include <string.h>

#include "conformance/random_subject.h"

#define MAX_ITEMS (TASKS * MAX_ACTIONS)

enum queue_kind { FIRST, LAST, LEAST, QUEUE_KINDS };

struct item {
    unsigned key, number;
};

static struct queue_model {
    aio_queue queue;
    enum queue_kind kind;
    struct item items[MAX_ITEMS];
    unsigned count, maxsize, numbers, unfinished;
    unsigned finished; /* how often all work was done */
    bool shut;
} queues[OBJECTS];

static unsigned finished_before[TASKS];

static int compare(const void *a, const void *b)
{
    const struct item *left = a, *right = b;
    return (left->key > right->key) - (left->key < right->key);
}

static int make(struct queue_model *model, size_t size, size_t maxsize)
{
    if (model->kind == FIRST)
        return aio_queue_init(&model->queue, size, maxsize);
    if (model->kind == LAST)
        return aio_queue_init_lifo(&model->queue, size, maxsize);
    return aio_queue_init_priority(&model->queue, size, maxsize, compare);
}

static void begin(struct world *world)
{
    uint64_t state = world->program->seed;
    memset(queues, 0, sizeof queues);
    for (unsigned i = 0; i < OBJECTS; i++) {
        struct queue_model *model = &queues[i];
        model->kind = (enum queue_kind)(random_next(&state) % QUEUE_KINDS);
        model->maxsize = (unsigned)(random_next(&state) % 4);
        int rc = make(model, sizeof(struct item), model->maxsize);
        expect(world, rc == 0, "a queue could not be made");
    }
}

/* ---- the model ------------------------------------------------------------------------------ */

static bool is_full(const struct queue_model *model)
{
    return model->maxsize > 0 && model->count >= model->maxsize;
}

static void done(struct queue_model *model, unsigned count)
{
    model->unfinished -= count;
    model->finished += count > 0 && model->unfinished == 0;
}

static struct item take_next(struct queue_model *model)
{
    unsigned next = model->kind == LAST ? model->count - 1 : 0;
    for (unsigned i = 1; i < model->count && model->kind == LEAST; i++)
        if (compare(&model->items[i], &model->items[next]) < 0)
            next = i;
    struct item item = model->items[next];
    model->count--;
    memmove(&model->items[next], &model->items[next + 1],
            (model->count - next) * sizeof model->items[0]);
    return item;
}

static void note_put(struct world *world, struct queue_model *model, struct item item, int rc)
{
    expect(world, rc != -ESHUTDOWN || model->shut, "a put says that a queue is shut down");
    if (rc != 0)
        return;
    expect(world, !model->shut, "an item went into a queue that is shut down");
    expect(world, !is_full(model), "there is more in a queue than may be");
    model->items[model->count++] = item;
    model->unfinished++;
    expect(world, aio_queue_size(&model->queue) == model->count, "a queue has another size");
}

static void note_get(struct world *world, struct queue_model *model, struct item item, int rc)
{
    expect(world, rc != -ESHUTDOWN || (model->shut && model->count == 0),
           "a get says that a queue is shut down");
    if (rc != 0)
        return;
    expect(world, model->count > 0, "an item came from nowhere");
    if (model->count == 0)
        return;
    struct item next = take_next(model);
    expect(world, next.number == item.number && next.key == item.key,
           "an item came that was not the next");
    expect(world, aio_queue_size(&model->queue) == model->count, "a queue has another size");
}

/* ---- operations ----------------------------------------------------------------------------- */

static int put(struct actor *actor, const struct action *action)
{
    struct world *world = actor->world;
    struct queue_model *model = &queues[action->object];
    struct item item = {action->amount % 4, ++model->numbers};
    if (action->mode == 0) {
        int expected = model->shut ? -ESHUTDOWN : is_full(model) ? -EAGAIN : 0;
        int rc = aio_queue_put_nowait(&model->queue, &item);
        expect(world, rc == expected, "put_nowait returned what it should not");
        note_put(world, model, item, rc);
        return rc;
    }
    use_begin(actor, action);
    int rc = use_end(actor, aio_queue_put(&model->queue, &item), true);
    expect(world, rc == 0 || rc == -ECANCELED || rc == -ESHUTDOWN, "a put failed");
    note_put(world, model, item, rc);
    return rc;
}

/* With the work on it, which may take a while, and be cut short. */
static int get(struct actor *actor, const struct action *action)
{
    struct world *world = actor->world;
    struct queue_model *model = &queues[action->object];
    struct item item = {0, 0};
    int rc;
    if (action->mode == 0) {
        int expected = model->count > 0 ? 0 : model->shut ? -ESHUTDOWN : -EAGAIN;
        rc = aio_queue_get_nowait(&model->queue, &item);
        expect(world, rc == expected, "get_nowait returned what it should not");
    } else {
        use_begin(actor, action);
        rc = use_end(actor, aio_queue_get(&model->queue, &item), true);
        expect(world, rc == 0 || rc == -ECANCELED || rc == -ESHUTDOWN, "a get failed");
    }
    note_get(world, model, item, rc);
    if (rc < 0)
        return rc;
    rc = run_body(actor, action);
    done(model, 1);
    int told = aio_queue_task_done(&model->queue);
    expect(world, told == 0, "task_done failed");
    return rc;
}

static int join(struct actor *actor, const struct action *action)
{
    struct queue_model *model = &queues[action->object];
    bool idle = model->unfinished == 0;
    finished_before[actor->number] = model->finished;
    use_begin(actor, action);
    int rc = use_end(actor, aio_queue_join(&model->queue), true);
    bool came = idle || model->finished != finished_before[actor->number];
    expect(actor->world, rc == -ECANCELED || (rc == 0 && came), "a join ended before the work");
    return rc;
}

static int shut_down(struct actor *actor, const struct action *action)
{
    struct queue_model *model = &queues[action->object];
    bool immediately = action->mode == 0;
    expect(actor->world, aio_queue_shutdown(&model->queue, immediately) == 0, "a shutdown failed");
    model->shut = true;
    if (immediately) {
        done(model, model->count);
        model->count = 0;
    }
    return 0;
}

static const struct operation OPERATIONS[] = {
    {"put", 8, false, false, put},
    {"get", 8, true, false, get},
    {"join", 2, false, false, join},
    {"shutdown", 1, false, false, shut_down},
};

/* ---- the end -------------------------------------------------------------------------------- */

static bool may_hang(const struct actor *actor)
{
    const struct queue_model *model = &queues[actor->use->object];
    const struct operation *operation = &OPERATIONS[actor->use->operation];
    if (operation->perform == join)
        return model->finished == finished_before[actor->number];
    return !model->shut && (operation->perform == put ? is_full(model) : model->count == 0);
}

static const char *end_one(struct queue_model *model)
{
    struct item item = {0, 0};
    const aio_queue *queue = &model->queue;
    if (queue->getters.count != 0 || queue->putters.count != 0 || queue->joiners.count != 0)
        return "somebody is left in a queue's list";
    while (model->count > 0) {
        struct item next = take_next(model);
        if (aio_queue_get_nowait(&model->queue, &item) != 0 || item.number != next.number)
            return "an item is lost";
        done(model, 1);
        if (aio_queue_task_done(&model->queue) != 0)
            return "a queue counts less work than there was";
    }
    if (!aio_queue_empty(queue) || aio_queue_task_done(&model->queue) != -EINVAL)
        return "a queue has more in it than was put in";
    return NULL;
}

static const char *end(struct world *world)
{
    const char *violation = NULL;
    (void)world;
    for (unsigned i = 0; i < OBJECTS; i++) {
        const char *found = end_one(&queues[i]);
        violation = violation == NULL ? found : violation;
        aio_queue_fini(&queues[i].queue);
    }
    return violation;
}

const struct subject queue_subject = {
    "queue", SUBJECT_OPERATIONS(OPERATIONS), false, begin, may_hang, NULL, NULL, end,
};
