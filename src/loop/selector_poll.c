/*
 * poll: an array of descriptors, and where in it each number lies.
 *
 * It has no edges: what was reported is disarmed until somebody wants it again,
 * in both modes.  Entries that want nothing keep their place with the number
 * negated, which poll() passes over, so that waiting again costs no search.
 */
#include <errno.h>
#include <string.h>

#include "base/sys.h"
#include "base/util.h"
#include "loop/selector.h"

#define FIRST_CAPACITY 16

struct state {
    struct pollfd *set;   /* count entries in use; fd is ~number while it wants nothing */
    uint32_t *tags;       /* beside them */
    size_t count, capacity;
    size_t first;         /* which is looked at first after the next poll() */
    size_t *places;       /* by number: place + 1; 0: none */
    size_t place_count;
};

static int poll_open(aio__selector *selector)
{
    selector->state = aio__sys_calloc(1, sizeof(struct state));
    return selector->state != NULL ? 0 : -ENOMEM;
}

static void poll_close(aio__selector *selector)
{
    struct state *state = selector->state;
    aio__sys_free(state->set);
    aio__sys_free(state->tags);
    aio__sys_free(state->places);
    aio__sys_free(state);
}

static int grow_set(struct state *state)
{
    if (state->count < state->capacity)
        return 0;
    size_t capacity = state->capacity != 0 ? state->capacity * 2 : FIRST_CAPACITY;
    struct pollfd *set = aio__sys_realloc(state->set, capacity * sizeof *set);
    if (set == NULL)
        return -ENOMEM;
    state->set = set;
    uint32_t *tags = aio__sys_realloc(state->tags, capacity * sizeof *tags);
    if (tags == NULL)
        return -ENOMEM;
    state->tags = tags;
    state->capacity = capacity;
    return 0;
}

static int grow_places(struct state *state, size_t fd)
{
    if (fd < state->place_count)
        return 0;
    size_t count = state->place_count != 0 ? state->place_count : FIRST_CAPACITY;
    while (count <= fd)
        count *= 2;
    size_t *places = aio__sys_realloc(state->places, count * sizeof *places);
    if (places == NULL)
        return -ENOMEM;
    memset(places + state->place_count, 0, (count - state->place_count) * sizeof *places);
    state->places = places;
    state->place_count = count;
    return 0;
}

static short poll_flags(unsigned directions)
{
    return (short)(((directions & AIO__READ) != 0 ? POLLIN | POLLPRI : 0) |
                   ((directions & AIO__WRITE) != 0 ? POLLOUT : 0));
}

static void set_entry(struct state *state, size_t place, int fd, uint32_t tag, unsigned directions)
{
    short flags = poll_flags(directions);
    state->set[place] = (struct pollfd){.fd = flags != 0 ? fd : ~fd, .events = flags};
    state->tags[place] = tag;
}

static bool is_known(const struct state *state, int fd)
{
    return (size_t)fd < state->place_count && state->places[fd] != 0;
}

static void remove_entry(struct state *state, int fd)
{
    size_t place = state->places[fd] - 1, last = --state->count;
    state->places[fd] = 0;
    if (place == last)
        return;
    state->set[place] = state->set[last];
    state->tags[place] = state->tags[last];
    int moved = state->set[place].fd;
    state->places[moved >= 0 ? moved : ~moved] = place + 1;
}

/* A regular file never makes a task wait; a number that is not open would be reported for ever. */
static int check_descriptor(int fd)
{
    struct stat status;
    if (aio__sys_fstat(fd, &status) < 0)
        return -errno;
    return S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) ? -EPERM : 0;
}

static int add_entry(struct state *state, int fd)
{
    int rc = check_descriptor(fd);
    if (rc == 0)
        rc = grow_places(state, (size_t)fd);
    if (rc == 0)
        rc = grow_set(state);
    if (rc < 0)
        return rc;
    state->places[fd] = ++state->count;
    return 0;
}

static int poll_change(aio__selector *selector, int fd, uint32_t tag, unsigned before,
                       unsigned after)
{
    struct state *state = selector->state;
    (void)before;
    if (after == 0) {
        if (is_known(state, fd))
            remove_entry(state, fd);
        return 0;
    }
    if (!is_known(state, fd)) {
        int rc = add_entry(state, fd);
        if (rc < 0)
            return rc;
    }
    set_entry(state, state->places[fd] - 1, fd, tag, (after & AIO__EDGE) != 0 ? 0 : after);
    return 0;
}

static void poll_want(aio__selector *selector, int fd, uint32_t tag, unsigned directions)
{
    struct state *state = selector->state;
    if (is_known(state, fd)) /* else it was closed behind our back, and has been reported */
        set_entry(state, state->places[fd] - 1, fd, tag, directions);
}

static unsigned events_of(short flags)
{
    unsigned events = 0;
    if ((flags & (POLLIN | POLLPRI)) != 0)
        events |= AIO__READ;
    if ((flags & POLLOUT) != 0)
        events |= AIO__WRITE;
    if ((flags & (POLLERR | POLLHUP | POLLNVAL)) != 0)
        events |= AIO__BOTH;
    if ((flags & (POLLERR | POLLHUP | POLLPRI)) != 0)
        events |= AIO__HANGUP;
    return events;
}

/* Takes back what was reported.  A number that is not open is forgotten: who waits for it once more
 * is told. */
static void disarm(struct state *state, size_t place)
{
    struct pollfd *entry = &state->set[place];
    if ((entry->revents & POLLNVAL) != 0)
        remove_entry(state, entry->fd);
    else
        *entry = (struct pollfd){.fd = ~entry->fd};
}

/* Not more than `capacity` of the `left` that poll() found; the others come first next time. */
static int take_events(struct state *state, int left, aio__event *events, int capacity)
{
    int count = 0;
    size_t place = state->first < state->count ? state->first : 0;
    for (size_t n = state->count; n > 0 && count < left && count < capacity; n--) {
        const struct pollfd *entry = &state->set[place];
        if (entry->fd >= 0 && entry->revents != 0) {
            events[count++] = (aio__event){.fd = entry->fd, .tag = state->tags[place],
                                           .events = events_of(entry->revents)};
            disarm(state, place);
        }
        place = place + 1 < state->count ? place + 1 : 0;
    }
    state->first = count < left ? place : 0;
    return count;
}

static int poll_poll(aio__selector *selector, int64_t timeout, aio__event *events, int capacity)
{
    struct state *state = selector->state;
    int left = aio__sys_poll(state->set, (nfds_t)state->count, aio__milliseconds(timeout));
    if (left < 0)
        return errno == EINTR ? 0 : -errno;
    return take_events(state, left, events, capacity);
}

const struct aio__selector_operations aio__selector_poll = {
    .name = "poll",
    .open = poll_open,
    .close = poll_close,
    .change = poll_change,
    .want = poll_want,
    .poll = poll_poll,
};
