/*
 * The dump: every task of a loop, what it waits for, and for whom.
 *
 * Tasks and what they await are a graph, printed as trees: below each task those
 * that it awaits.  It begins with the tasks that nobody awaits; what is left then
 * is in circles.  The way through it is kept in the tasks themselves: no memory,
 * no recursion, however long a chain is.
 */
#include <errno.h>

#include <aio/debug.h>

#include "base/line.h"
#include "task/graph.h"

/* From here on, lines are not indented any further. */
#define DEEPEST 20

struct dump {
    aio_loop *loop;
    aio_debug_output output;
    void *arg;
    const aio__task *running;
};

static void put(const struct dump *dump, aio__line *line)
{
    if (dump->output != NULL)
        dump->output(line->text, dump->arg);
    else
        aio__line_write(line);
}

/* ---- a task ---------------------------------------------------------------------------------- */

static const char *name_of(const aio__task *task)
{
    return task->name != NULL ? task->name : aio__task_number_name(task);
}

/* The next future that a task awaits; *cursor says where it is.  NULL after the last. */
static aio_future *next_future(const aio__task *task, const void **cursor)
{
    aio_future *future = NULL;
    while (task->wait != NULL && future == NULL) {
        *cursor = aio__wait_next(task->wait, *cursor, &future);
        if (*cursor == NULL)
            return NULL;
    }
    return future;
}

/* Whether it was woken.  Its handle, which then is queued, may lie in a future's list before. */
static bool is_ready(const aio__task *task)
{
    const aio__wait *wait = task->wait;
    const void *cursor = NULL;
    if (!aio__link_linked(&task->handle.link))
        return false;
    if (wait->await == NULL || wait->await->over || wait->result != 0)
        return true;
    const aio_future *future = next_future(task, &cursor);
    return future == NULL || future->done;
}

static void add_wait(const struct dump *dump, aio__line *line, const aio__task *task)
{
    const void *cursor = NULL;
    const aio_future *future = next_future(task, &cursor);
    aio__line_add(line, "waits ");
    aio__line_add_duration(line, dump->loop->now - task->wait->since);
    aio__line_add(line, " for ");
    aio__line_add(line, task->wait->what);
    if (future != NULL && !future->is_task && future->place != NULL) {
        aio__line_add(line, " of ");
        aio__line_add(line, future->place);
    }
}

static void add_state(const struct dump *dump, aio__line *line, const aio__task *task)
{
    if (task == dump->running) {
        aio__line_add(line, "runs");
    } else if (task->wait == NULL) {
        bool queued = aio__link_linked(&task->handle.link);
        aio__line_add(line, queued ? "has not begun" : "has started another, which runs");
    } else if (is_ready(task)) {
        aio__line_add(line, "ready after ");
        aio__line_add(line, task->wait->what);
    } else {
        add_wait(dump, line, task);
    }
    if (task->doomed)
        aio__line_add(line, ", ignores that it is cancelled");
    else if (task->cancels > 0)
        aio__line_add(line, ", cancelled");
}

static void begin_line(aio__line *line, const aio__task *task, size_t depth)
{
    aio__line_init(line);
    aio__line_indent(line, 2 + 2 * (depth < DEEPEST ? depth : DEEPEST));
    aio__line_add(line, name_of(task));
    aio__line_add(line, ": ");
}

static void put_task(const struct dump *dump, const aio__task *task, size_t depth)
{
    aio__line line;
    begin_line(&line, task, depth);
    add_state(dump, &line, task);
    if (task->future.place != NULL) {
        aio__line_add(&line, ", from ");
        aio__line_add(&line, task->future.place);
    }
    put(dump, &line);
}

/* One that has a line already. */
static void put_again(const struct dump *dump, const aio__task *task, size_t depth)
{
    aio__line line;
    begin_line(&line, task, depth);
    aio__line_add(&line, task->visit.state == AIO__DUMP_OPEN ? "a circle" : "see above");
    put(dump, &line);
}

/* ---- all tasks ------------------------------------------------------------------------------- */

/* The next task that it awaits; NULL after the last. */
static aio__task *next_awaited(aio__task *task)
{
    for (aio_future *future; (future = next_future(task, &task->visit.cursor)) != NULL;)
        if (future->is_task && !future->done)
            return aio__task_of(future);
    return NULL;
}

static void mark_awaited(aio__scheduler *scheduler)
{
    aio__list_foreach(link, &scheduler->tasks)
        aio__container(link, aio__task, all)->visit = (struct aio__dump_visit){.from = NULL};
    aio__list_foreach(link, &scheduler->tasks)
    {
        aio__task *task = aio__container(link, aio__task, all);
        for (aio__task *other; (other = next_awaited(task)) != NULL;)
            other->visit.state = AIO__DUMP_AWAITED;
    }
}

static void open_task(const struct dump *dump, aio__task *task, aio__task *from, size_t depth)
{
    task->visit = (struct aio__dump_visit){.from = from, .state = AIO__DUMP_OPEN};
    put_task(dump, task, depth);
}

/* A task, and what it awaits. */
static void put_tree(const struct dump *dump, aio__task *root)
{
    size_t depth = 0;
    open_task(dump, root, NULL, depth);
    for (aio__task *task = root; task != NULL;) {
        aio__task *next = next_awaited(task);
        if (next == NULL) {
            task->visit.state = AIO__DUMP_CLOSED;
            task = task->visit.from;
            depth--;
        } else if (next->visit.state >= AIO__DUMP_OPEN) {
            put_again(dump, next, depth + 1);
        } else {
            open_task(dump, next, task, ++depth);
            task = next;
        }
    }
}

static void put_trees(const struct dump *dump, aio__scheduler *scheduler,
                      enum aio__dump_state state)
{
    aio__list_foreach(link, &scheduler->tasks)
    {
        aio__task *task = aio__container(link, aio__task, all);
        if (task->visit.state == state)
            put_tree(dump, task);
    }
}

static void put_count(aio__line *line, const char *what, size_t count)
{
    aio__line_add(line, what);
    aio__line_add_number(line, count);
}

static void put_summary(const struct dump *dump)
{
    const aio_loop *loop = dump->loop;
    aio__line line;
    aio__line_init(&line);
    put_count(&line, "tasks: ", aio_task_count(loop));
    put_count(&line, ", timers: ", loop->timers.count);
    put_count(&line, ", waits for descriptors and other threads: ", loop->waits);
    put_count(&line, ", signal handlers: ", loop->handlers);
    put(dump, &line);
}

int aio_debug_dump(aio_loop *loop, aio_debug_output output, void *arg)
{
    struct dump dump = {.loop = loop != NULL ? loop : aio__loop_running};
    if (dump.loop == NULL || (dump.loop->running && dump.loop != aio__loop_running))
        return -EPERM;
    dump.output = output != NULL ? output : dump.loop->output;
    dump.arg = output != NULL ? arg : dump.loop->output_arg;
    dump.running = dump.loop->current;
    aio__aside aside = aio__aside_begin(dump.loop);
    put_summary(&dump);
    aio__extension *extension = dump.loop->extensions[AIO__EXTENSION_TASK];
    if (extension != NULL) {
        aio__scheduler *scheduler = aio__container(extension, aio__scheduler, extension);
        mark_awaited(scheduler);
        put_trees(&dump, scheduler, AIO__DUMP_NEW);
        put_trees(&dump, scheduler, AIO__DUMP_AWAITED);
    }
    aio__aside_end(dump.loop, &aside);
    return (int)aio_task_count(dump.loop);
}

int aio_debug_set_output(aio_loop *loop, aio_debug_output output, void *arg)
{
    if (loop == NULL)
        return -EINVAL;
    loop->output = output;
    loop->output_arg = arg;
    return 0;
}
