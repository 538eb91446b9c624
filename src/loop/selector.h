/*
 * Selectors: the contract of epoll, kqueue and poll.
 *
 * A selector watches descriptors for two directions, AIO__READ and AIO__WRITE,
 * in one of two modes:
 *
 *     one-shot   what is watched is reported once and then no more, until it is
 *                changed again.  So an entry that nobody can reach any longer (a
 *                descriptor that was duplicated and closed) can't spin.
 *     edge       (AIO__EDGE) reported whenever something new has come, for as
 *                long as it is watched: one registration for a descriptor's life.
 *
 * poll has no edges: it reports in both modes as if one-shot.  Whoever waits
 * says so with aio__selector.want each time, which the others ignore in edge
 * mode.  Hence every user works with all three, and tolerates an event that has
 * nothing behind it.
 *
 * An event comes back with the tag that was given: a generation, so that one of
 * a descriptor that was closed meanwhile is told from its successor's.
 */
#ifndef AIO_LOOP_SELECTOR_H
#define AIO_LOOP_SELECTOR_H

#include <stdint.h>

#include <aio/loop.h>

#define AIO__READ 1u
#define AIO__WRITE 2u
#define AIO__BOTH (AIO__READ | AIO__WRITE)
#define AIO__EDGE 4u /* in an interest: edge mode */
/* In an event, beside the directions: the stream ends, or has failed: a short read must not be
 * taken for "drained". */
#define AIO__HANGUP 8u

typedef struct aio__event {
    int fd;
    uint32_t tag;
    unsigned events; /* AIO__READ, AIO__WRITE; an error or a hang-up is both; AIO__HANGUP */
} aio__event;

typedef struct aio__selector aio__selector;

struct aio__selector_operations {
    const char *name;
    /* 0 or -errno.  `close` is only called after `open` has worked. */
    int (*open)(aio__selector *selector);
    void (*close)(aio__selector *selector);
    /*
     * Watches fd for `after`, where `before` was what it was last told (0: nothing); 0 for `after`
     * ends it.  0, or -errno: -EPERM a descriptor that is always ready (a regular file), -EBADF,
     * -ENOMEM, -ENOSPC.  Ending never fails: the descriptor may be closed already.
     */
    int (*change)(aio__selector *selector, int fd, uint32_t tag, unsigned before, unsigned after);
    /* In edge mode: somebody waits for these directions.  NULL where the kernel remembers. */
    void (*want)(aio__selector *selector, int fd, uint32_t tag, unsigned directions);
    /*
     * Waits at most `timeout` ns (0: not at all; AIO_FOREVER) for at most `capacity` events.
     * Returns how many; 0 too where a signal came; -errno.  Never early.
     */
    int (*poll)(aio__selector *selector, int64_t timeout, aio__event *events, int capacity);
};

struct aio__selector {
    const struct aio__selector_operations *operations;
    int fd;         /* epoll's or kqueue's own; -1 with poll */
    bool no_pwait2; /* epoll: the system has no epoll_pwait2() */
    void *state;    /* the backend's */
    size_t watched; /* how many descriptors it watches */
};

/* The backends this system has, the best first, NULL at the end: in selectors_*.c. */
extern const struct aio__selector_operations *const aio__selectors[];
extern const struct aio__selector_operations aio__selector_epoll, aio__selector_kqueue,
    aio__selector_poll;

/* Opens the backend that is asked for (see aio_selector); 0, -ENOTSUP, or what opening gave. */
int aio__selector_open(aio__selector *selector, aio_selector which);
void aio__selector_close(aio__selector *selector);

#endif
