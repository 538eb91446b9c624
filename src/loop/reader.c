/*
 * Readers and writers: callbacks that are called whenever a descriptor is ready.
 *
 * Each is a watcher of the descriptor's one-shot watch that waits again before
 * its callback runs; the callback may so remove it, or put another in its place.
 */
#include <errno.h>

#include <aio/loop.h>

#include "base/sys.h"
#include "loop/loop.h"

struct reader {
    aio__handle handle;
    aio__watcher watcher;
    aio__link link; /* in loop->readers */
    aio_loop *loop;
    int fd;
    unsigned direction;
    aio__recurring recurring;
};

/* A lent watch that nobody waits on is given back, lest the selector be asked for nothing. */
static void forget_idle(aio_loop *loop, int fd)
{
    const aio__watch *watch = aio__watch_find(loop, fd);
    if (watch != NULL && watch->watchers[0] == NULL && watch->watchers[1] == NULL)
        aio__watch_forget(loop, fd);
}

static void reader_free(struct reader *reader)
{
    aio__watch *watch = aio__watch_find(reader->loop, reader->fd);
    if (watch != NULL)
        aio__watch_unwait(reader->loop, watch, &reader->watcher);
    if (aio__link_linked(&reader->handle.link))
        aio__link_remove(&reader->handle.link);
    aio__link_remove(&reader->link);
    aio__recurring_end(&reader->recurring);
    aio__sys_free(reader);
}

static void run_reader(aio__handle *handle)
{
    struct reader *reader = aio__container(handle, struct reader, handle);
    aio__watch *watch = aio__watch_find(reader->loop, reader->fd);
    int rc = reader->watcher.result;
    if (rc > 0 && watch != NULL) {
        aio__watch_unwait(reader->loop, watch, &reader->watcher);
        rc = aio__watch_wait(reader->loop, watch, reader->direction, &reader->watcher);
    }
    if (rc < 0) {
        aio__loop_report(reader->loop, "a descriptor can't be watched any more", NULL, rc);
        aio_loop *loop = reader->loop;
        int fd = reader->fd;
        reader_free(reader);
        forget_idle(loop, fd);
        return;
    }
    aio__recurring_call(reader->loop, &reader->recurring);
}

/* The reader or writer of a descriptor; NULL if it has none of ours. */
static struct reader *find_reader(const aio_loop *loop, int fd, unsigned direction)
{
    const aio__watch *watch = loop != NULL ? aio__watch_find(loop, fd) : NULL;
    aio__watcher *watcher = watch != NULL ? watch->watchers[direction == AIO__WRITE] : NULL;
    if (watcher == NULL || watcher->handle->run != run_reader)
        return NULL;
    return aio__container(watcher, struct reader, watcher);
}

/* The old callback does not run any more, even if it was ready; and what is behind the number may
 * be another descriptor by now: so it waits anew. */
static int replace(struct reader *reader, aio_callback callback, void *arg)
{
    aio__watch *watch = aio__watch_find(reader->loop, reader->fd);
    if (aio__link_linked(&reader->handle.link))
        aio__link_remove(&reader->handle.link);
    aio__recurring_end(&reader->recurring);
    aio__recurring_begin(&reader->recurring, callback, arg);
    aio__watch_unwait(reader->loop, watch, &reader->watcher);
    int rc = aio__watch_wait(reader->loop, watch, reader->direction, &reader->watcher);
    if (rc < 0)
        reader_free(reader);
    return rc;
}

static int add(aio_loop *loop, int fd, unsigned direction, aio_callback callback, void *arg)
{
    aio__watch *watch;
    if (loop == NULL || callback == NULL)
        return -EINVAL;
    struct reader *reader = find_reader(loop, fd, direction);
    if (reader != NULL)
        return replace(reader, callback, arg);
    int rc = aio__watch_lend(loop, fd, &watch);
    if (rc < 0)
        return rc;
    reader = aio__sys_malloc(sizeof *reader);
    if (reader == NULL)
        return -ENOMEM;
    *reader = (struct reader){.loop = loop, .fd = fd, .direction = direction};
    aio__recurring_begin(&reader->recurring, callback, arg);
    reader->handle.run = run_reader;
    reader->watcher.handle = &reader->handle;
    rc = aio__watch_wait(loop, watch, direction, &reader->watcher);
    if (rc < 0) {
        aio__recurring_end(&reader->recurring);
        aio__sys_free(reader);
        forget_idle(loop, fd);
        return rc;
    }
    aio__list_push_back(&loop->readers, &reader->link);
    return 0;
}

static int remove_reader(aio_loop *loop, int fd, unsigned direction)
{
    struct reader *reader = find_reader(loop, fd, direction);
    if (reader == NULL)
        return 0;
    reader_free(reader);
    forget_idle(loop, fd);
    return 1;
}

int aio_loop_add_reader(aio_loop *loop, int fd, aio_callback callback, void *arg)
{
    return add(loop, fd, AIO__READ, callback, arg);
}

int aio_loop_add_writer(aio_loop *loop, int fd, aio_callback callback, void *arg)
{
    return add(loop, fd, AIO__WRITE, callback, arg);
}

int aio_loop_remove_reader(aio_loop *loop, int fd)
{
    return remove_reader(loop, fd, AIO__READ);
}

int aio_loop_remove_writer(aio_loop *loop, int fd)
{
    return remove_reader(loop, fd, AIO__WRITE);
}

void aio__reader_fini(aio_loop *loop)
{
    while (!aio__list_empty(&loop->readers))
        reader_free(aio__container(loop->readers.head.next, struct reader, link));
}
