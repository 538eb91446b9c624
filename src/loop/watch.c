/*
 * Watches: who waits for which descriptor.
 *
 * A table by descriptor number leads to the watch; the number's generation goes
 * with each registration and comes back with each event, so that an event of a
 * descriptor that was closed meanwhile finds nobody.  What closes a watch also
 * reaches those who were woken and have not gone on yet.
 */
#include <errno.h>
#include <string.h>

#include "base/sys.h"
#include "loop/loop.h"

#define FIRST_SLOTS 64

/* A watch of a descriptor that is not ours, kept until it is forgotten. */
struct aio__lent {
    aio__watch watch;
    struct aio__lent *next, **link;
};

/* ---- the table ------------------------------------------------------------------------------- */

static int grow_slots(aio_loop *loop, size_t fd)
{
    if (fd < loop->slot_count)
        return 0;
    /* A table as large as a number that was never opened might not fit. */
    if (aio__sys_fcntl_int((int)fd, F_GETFD, 0) < 0)
        return -errno;
    size_t count = loop->slot_count != 0 ? loop->slot_count : FIRST_SLOTS;
    while (count <= fd)
        count *= 2;
    struct aio__slot *slots = aio__sys_realloc(loop->slots, count * sizeof *slots);
    if (slots == NULL)
        return -ENOMEM;
    memset(slots + loop->slot_count, 0, (count - loop->slot_count) * sizeof *slots);
    loop->slots = slots;
    loop->slot_count = count;
    return 0;
}

aio__watch *aio__watch_find(const aio_loop *loop, int fd)
{
    return fd >= 0 && (size_t)fd < loop->slot_count ? loop->slots[fd].watch : NULL;
}

/* ---- what the selector is told --------------------------------------------------------------- */

static int tell_selector(aio_loop *loop, aio__watch *watch, unsigned interest)
{
    int rc = loop->selector.operations->change(&loop->selector, watch->fd, watch->generation,
                                               watch->interest, interest);
    if (rc == 0)
        watch->interest = watch->armed = interest;
    return rc;
}

/* What somebody waits for, and has not got. */
static unsigned wanted(const aio__watch *watch)
{
    unsigned directions = 0;
    for (unsigned i = 0; i < 2; i++)
        if (watch->watchers[i] != NULL && watch->watchers[i]->result == 0)
            directions |= 1u << i;
    return directions;
}

/* Tells the selector what is wanted, where it does not know. */
static int arm(aio_loop *loop, aio__watch *watch)
{
    const struct aio__selector_operations *operations = loop->selector.operations;
    unsigned directions = wanted(watch);
    if ((watch->mode & AIO__EDGE) == 0)
        return (directions & ~watch->armed) == 0 ? 0 : tell_selector(loop, watch, directions);
    if (operations->want != NULL)
        operations->want(&loop->selector, watch->fd, watch->generation, directions);
    return 0;
}

/* ---- a watch's life -------------------------------------------------------------------------- */

int aio__watch_open(aio_loop *loop, aio__watch *watch, int fd, unsigned mode)
{
    *watch = (aio__watch){.fd = -1, .mode = mode};
    if (fd < 0)
        return -EBADF;
    int rc = grow_slots(loop, (size_t)fd);
    if (rc < 0)
        return rc;
    if (loop->slots[fd].watch != NULL)
        return -EBUSY;
    watch->fd = fd;
    watch->generation = ++loop->slots[fd].generation;
    if ((mode & AIO__EDGE) != 0)
        rc = tell_selector(loop, watch, AIO__READ | AIO__EDGE);
    watch->always_ready = rc == -EPERM;
    if (rc < 0 && rc != -EPERM) {
        watch->fd = -1;
        return rc;
    }
    loop->slots[fd].watch = watch;
    loop->watches++;
    return 0;
}

int aio__watch_extend(aio_loop *loop, aio__watch *watch, unsigned directions)
{
    unsigned interest = watch->interest | directions;
    if (watch->fd < 0)
        return -EBADF;
    if (watch->always_ready || interest == watch->interest)
        return 0;
    int rc = tell_selector(loop, watch, interest);
    return rc == 0 ? arm(loop, watch) : rc; /* poll has forgotten who waits */
}

static void set_watcher(aio__watch *watch, unsigned directions, aio__watcher *watcher)
{
    for (unsigned i = 0; i < 2; i++)
        if ((directions & (1u << i)) != 0)
            watch->watchers[i] = watcher;
}

static void leave_watch(aio_loop *loop, aio__watch *watch, aio__watcher *watcher)
{
    set_watcher(watch, watcher->directions, NULL);
    watcher->directions = 0;
    loop->waits--;
}

static void give(aio_loop *loop, aio__watcher *watcher, int result)
{
    watcher->result = result;
    if (!aio__link_linked(&watcher->handle->link))
        aio__loop_enqueue(loop, watcher->handle);
}

/* Those who wait, or were woken and have not gone on, get an error; they need the watch no more. */
static void end_waits(aio_loop *loop, aio__watch *watch, int error)
{
    for (unsigned i = 0; i < 2; i++) {
        aio__watcher *watcher = watch->watchers[i];
        if (watcher == NULL)
            continue;
        leave_watch(loop, watch, watcher);
        give(loop, watcher, error);
    }
}

void aio__watch_close(aio_loop *loop, aio__watch *watch)
{
    if (watch->fd < 0)
        return;
    /* Not when the loop closes: in a forked child the kernel's set is the parent's as well. */
    if (watch->interest != 0 && !loop->closing)
        (void)tell_selector(loop, watch, 0);
    loop->slots[watch->fd].watch = NULL;
    loop->watches--;
    watch->fd = -1;
    end_waits(loop, watch, -EBADF);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static bool taken(const aio__watch *watch, unsigned directions)
{
    return ((directions & AIO__READ) != 0 && watch->watchers[0] != NULL) ||
           ((directions & AIO__WRITE) != 0 && watch->watchers[1] != NULL);
}

/* What needs no waiting: reported before, or always so. */
static unsigned ready_now(aio__watch *watch, unsigned directions)
{
    unsigned ready = watch->always_ready ? directions : watch->pending & directions;
    watch->pending &= ~ready;
    return ready;
}

int aio__watch_wait(aio_loop *loop, aio__watch *watch, unsigned directions, aio__watcher *watcher)
{
    if (watch->fd < 0)
        return -EBADF;
    if (taken(watch, directions))
        return -EBUSY;
    watcher->directions = directions;
    watcher->result = 0;
    set_watcher(watch, directions, watcher);
    unsigned ready = ready_now(watch, directions);
    int rc = ready == 0 ? arm(loop, watch) : 0;
    if (rc == -EPERM) {
        watch->always_ready = true;
        ready = directions;
    } else if (rc < 0) {
        set_watcher(watch, directions, NULL);
        watcher->directions = 0;
        return rc;
    }
    loop->waits++;
    if (ready != 0)
        give(loop, watcher, (int)ready);
    return 0;
}

void aio__watch_unwait(aio_loop *loop, aio__watch *watch, aio__watcher *watcher)
{
    if (watcher->directions == 0)
        return; /* the watch was closed, and may be gone */
    /* If it was not woken, the kernel may have forgotten the descriptor before it is waited for
     * again (it was closed behind our back): so that wait tells the selector anew. */
    if (watcher->result == 0)
        watch->armed = 0;
    leave_watch(loop, watch, watcher);
}

void aio__watch_deliver(aio_loop *loop, const aio__event *event)
{
    aio__watch *watch = aio__watch_find(loop, event->fd);
    if (watch == NULL || watch->generation != event->tag)
        return;
    unsigned left = event->events & AIO__BOTH;
    watch->armed = 0;
    for (unsigned i = 0; i < 2; i++) {
        aio__watcher *watcher = watch->watchers[i];
        unsigned direction = 1u << i;
        if (watcher == NULL || (left & direction) == 0 || watcher->result < 0)
            continue;
        /* One that was woken already, and has not gone on, is woken for this as well. */
        give(loop, watcher, watcher->result | (int)direction);
        left &= ~direction;
    }
    if ((watch->mode & AIO__EDGE) != 0)
        watch->pending |= left | (event->events & AIO__HANGUP);
    if (wanted(watch) == 0)
        return;
    int rc = arm(loop, watch);
    if (rc < 0)
        end_waits(loop, watch, rc);
}

/* ---- descriptors that are not ours ----------------------------------------------------------- */

int aio__watch_lend(aio_loop *loop, int fd, aio__watch **out_watch)
{
    aio__watch *watch = aio__watch_find(loop, fd);
    if (watch != NULL && (watch->mode & AIO__EDGE) != 0)
        return -EBUSY;
    if (watch != NULL) {
        *out_watch = watch;
        return 0;
    }
    struct aio__lent *lent = aio__sys_malloc(sizeof *lent);
    if (lent == NULL)
        return -ENOMEM;
    int rc = aio__watch_open(loop, &lent->watch, fd, 0);
    if (rc < 0) {
        aio__sys_free(lent);
        return rc;
    }
    lent->next = loop->lent;
    lent->link = &loop->lent;
    if (lent->next != NULL)
        lent->next->link = &lent->next;
    loop->lent = lent;
    *out_watch = &lent->watch;
    return 0;
}

void aio__watch_forget(aio_loop *loop, int fd)
{
    aio__watch *watch = aio__watch_find(loop, fd);
    if (watch == NULL || (watch->mode & AIO__EDGE) != 0)
        return;
    struct aio__lent *lent = aio__container(watch, struct aio__lent, watch);
    *lent->link = lent->next;
    if (lent->next != NULL)
        lent->next->link = lent->link;
    aio__watch_close(loop, watch);
    aio__sys_free(lent);
}

void aio__watch_give_back(aio_loop *loop, int fd, int rc)
{
    const aio__watch *watch = aio__watch_find(loop, fd);
    bool failed = rc < 0 && rc != -ECANCELED;
    if (watch != NULL && (failed || watch->always_ready) && watch->watchers[0] == NULL &&
        watch->watchers[1] == NULL)
        aio__watch_forget(loop, fd);
}

void aio__watch_fini(aio_loop *loop)
{
    while (loop->lent != NULL) {
        /* The selector is closed next, and need not be told.  In a forked child it must not be: it
         * is the parent's as well. */
        loop->lent->watch.interest = 0;
        aio__watch_forget(loop, loop->lent->watch.fd);
    }
    aio__sys_free(loop->slots);
    loop->slots = NULL;
    loop->slot_count = 0;
}
