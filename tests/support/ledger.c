/*
 * Blocks are in a hash table by address, where they stay once freed, so that a
 * second free() of one is known; mappings are a list of ranges, of which any part
 * may be unmapped; descriptors are an array.
 *
 * Everything that is made takes the next number, so what is left over is the same
 * number in the next run.  A forked child of the library's does as it likes: the
 * ledger looks at its own process only.
 */
#include "support/ledger.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "support/harness.h"
#include "support/site.h"

#define BUCKETS 16384
#define DESCRIPTORS 65536
#define SHOWN 8 /* of each kind that is left over */

/* How something came to be. */
struct origin {
    const char *call;
    void *site;
    unsigned long number; /* 0: it is not there any more */
};

struct entry {
    struct origin origin;
    struct entry *next;
    char *at;
    size_t size;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pid_t owner;
static unsigned long last_number, first_number; /* of this test */
static struct entry *blocks[BUCKETS];
static struct entry *mappings;
static struct origin descriptors[DESCRIPTORS];
static bool bad_close_allowed;

static bool enter(void)
{
    if (getpid() != owner)
        return false;
    (void)pthread_mutex_lock(&lock);
    return true;
}

static void leave(void)
{
    (void)pthread_mutex_unlock(&lock);
}

static struct origin origin_of(const char *call)
{
    return (struct origin){call, harness_site, ++last_number};
}

static struct entry *entry_new(const char *call, void *at, size_t size)
{
    struct entry *entry = malloc(sizeof *entry);
    if (entry == NULL)
        abort();
    *entry = (struct entry){origin_of(call), NULL, at, size};
    return entry;
}

/* Where a call came from, as addr2line wants it. */
static const char *where(void *site, char *text, size_t size)
{
    Dl_info object;
    if (site == NULL || dladdr(site, &object) == 0)
        (void)snprintf(text, size, "%p", site);
    else
        (void)snprintf(text, size, "addr2line -e %s 0x%lx", object.dli_fname,
                       (unsigned long)((char *)site - (char *)object.dli_fbase));
    return text;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static struct entry **bucket_of(const void *block)
{
    uint64_t hash = (uint64_t)(uintptr_t)block * UINT64_C(0x9E3779B97F4A7C15);
    return &blocks[(hash >> 40) % BUCKETS];
}

static struct entry *find_block(const void *block)
{
    struct entry *entry = *bucket_of(block);
    while (entry != NULL && entry->at != block)
        entry = entry->next;
    return entry;
}

static void *add_block(const char *call, void *block, size_t size)
{
    if (block == NULL || !enter())
        return block;
    struct entry *entry = find_block(block);
    if (entry != NULL) {
        entry->origin = origin_of(call);
        entry->size = size;
    } else {
        struct entry **bucket = bucket_of(block);
        entry = entry_new(call, block, size);
        entry->next = *bucket;
        *bucket = entry;
    }
    leave();
    return block;
}

/* Notes that a block goes.  False: it has gone already. */
static bool take_block(void *block)
{
    if (block == NULL || !enter())
        return true;
    struct entry *entry = find_block(block);
    bool there = entry == NULL || entry->origin.number != 0;
    if (entry != NULL)
        entry->origin.number = 0;
    leave();
    return there;
}

static void *ledger_malloc(size_t size)
{
    return add_block("malloc", aio__sys_real.malloc(size), size);
}

static void *ledger_calloc(size_t count, size_t size)
{
    return add_block("calloc", aio__sys_real.calloc(count, size), count * size);
}

static void freed_twice(const char *call)
{
    char text[256];
    test_leak("%s of a block that is free already (%s)", call,
              where(harness_site, text, sizeof text));
}

static void ledger_free(void *block)
{
    if (!take_block(block)) {
        freed_twice("free");
        return;
    }
    aio__sys_real.free(block);
}

/* The old block counts as gone before it is: another thread may be given its address at once. */
static void *ledger_realloc(void *block, size_t size)
{
    if (!take_block(block)) {
        freed_twice("realloc");
        return NULL;
    }
    void *moved = aio__sys_real.realloc(block, size);
    if (moved == NULL && size != 0)
        (void)add_block("realloc", block, 0);
    return add_block("realloc", moved, size);
}

/* ---- mappings -------------------------------------------------------------------------------- */

static void cut_out(struct entry **place, char *from, char *to)
{
    struct entry *entry = *place;
    char *end = entry->at + entry->size;
    if (from > entry->at && to < end) {
        struct entry *rest = entry_new(entry->origin.call, to, (size_t)(end - to));
        rest->origin = entry->origin;
        rest->next = entry->next;
        entry->next = rest;
    }
    if (from > entry->at) {
        entry->size = (size_t)(from - entry->at);
    } else if (to < end) {
        entry->at = to;
        entry->size = (size_t)(end - to);
    } else {
        *place = entry->next;
        free(entry);
    }
}

/* Takes a range out of the mappings; how many of its bytes were in. */
static size_t forget_range(char *from, char *to)
{
    size_t found = 0;
    for (struct entry **place = &mappings; *place != NULL;) {
        struct entry *entry = *place;
        char *low = from > entry->at ? from : entry->at;
        char *high = to < entry->at + entry->size ? to : entry->at + entry->size;
        if (low < high) {
            found += (size_t)(high - low);
            cut_out(place, low, high);
        }
        if (*place == entry)
            place = &entry->next;
    }
    return found;
}

static size_t whole_pages(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (size + page - 1) / page * page;
}

static void *ledger_mmap(void *at, size_t size, int access, int flags, int fd, off_t offset)
{
    void *mapping = aio__sys_real.mmap(at, size, access, flags, fd, offset);
    if (mapping == MAP_FAILED || !enter())
        return mapping;
    size = whole_pages(size);
    (void)forget_range(mapping, (char *)mapping + size);
    struct entry *entry = entry_new("mmap", mapping, size);
    entry->next = mappings;
    mappings = entry;
    leave();
    return mapping;
}

static int ledger_munmap(void *at, size_t size)
{
    if (enter()) {
        size_t wanted = whole_pages(size), found = forget_range(at, (char *)at + wanted);
        leave();
        if (found != wanted)
            test_leak("munmap of %zu bytes, of which %zu are mapped", wanted, found);
    }
    return aio__sys_real.munmap(at, size);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static int add_descriptor(const char *call, int fd)
{
    if (fd < 0 || fd >= DESCRIPTORS || !enter())
        return fd;
    descriptors[fd] = origin_of(call);
    leave();
    return fd;
}

static int add_pair(const char *call, int rc, const int ends[2])
{
    if (rc == 0) {
        (void)add_descriptor(call, ends[0]);
        (void)add_descriptor(call, ends[1]);
    }
    return rc;
}

static int ledger_socket(int domain, int type, int protocol)
{
    return add_descriptor("socket", aio__sys_real.socket(domain, type, protocol));
}

static int ledger_accept(int fd, struct sockaddr *name, socklen_t *size)
{
    return add_descriptor("accept", aio__sys_real.accept(fd, name, size));
}

static int ledger_pipe(int ends[2])
{
    return add_pair("pipe", aio__sys_real.pipe(ends), ends);
}

static int ledger_fcntl_int(int fd, int command, int value)
{
    int rc = aio__sys_real.fcntl_int(fd, command, value);
    bool duplicates = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
    return duplicates ? add_descriptor("fcntl", rc) : rc;
}

/* Forgotten first: once it is closed, another thread may be given its number. */
static int ledger_close(int fd)
{
    if (fd >= 0 && fd < DESCRIPTORS && enter()) {
        descriptors[fd].number = 0;
        leave();
    }
    int rc = aio__sys_real.close(fd);
    char text[256];
    if (rc < 0 && fd >= 0 && errno == EBADF && getpid() == owner && !bad_close_allowed) {
        test_leak("close of descriptor %d, which is not open (%s)", fd,
                  where(harness_site, text, sizeof text));
        errno = EBADF;
    }
    return rc;
}

#if defined(__linux__)
static int ledger_accept4(int fd, struct sockaddr *name, socklen_t *size, int flags)
{
    return add_descriptor("accept4", aio__sys_real.accept4(fd, name, size, flags));
}

static int ledger_pipe2(int ends[2], int flags)
{
    return add_pair("pipe2", aio__sys_real.pipe2(ends, flags), ends);
}

static int ledger_epoll_create1(int flags)
{
    return add_descriptor("epoll_create1", aio__sys_real.epoll_create1(flags));
}

static int ledger_eventfd(unsigned value, int flags)
{
    return add_descriptor("eventfd", aio__sys_real.eventfd(value, flags));
}

static void install_system(void)
{
    aio__sys.accept4 = ledger_accept4;
    aio__sys.pipe2 = ledger_pipe2;
    aio__sys.epoll_create1 = ledger_epoll_create1;
    aio__sys.eventfd = ledger_eventfd;
}
#else
static void install_system(void)
{
}
#endif

/* ---- before and after a test ----------------------------------------------------------------- */

void ledger_begin(void)
{
    owner = getpid();
    first_number = last_number + 1;
    bad_close_allowed = false;
    aio__sys.malloc = ledger_malloc;
    aio__sys.calloc = ledger_calloc;
    aio__sys.realloc = ledger_realloc;
    aio__sys.free = ledger_free;
    aio__sys.mmap = ledger_mmap;
    aio__sys.munmap = ledger_munmap;
    aio__sys.socket = ledger_socket;
    aio__sys.accept = ledger_accept;
    aio__sys.pipe = ledger_pipe;
    aio__sys.fcntl_int = ledger_fcntl_int;
    aio__sys.close = ledger_close;
    install_system();
}

void ledger_allow_bad_close(void)
{
    bad_close_allowed = true;
}

static bool is_left(const struct origin *origin)
{
    return origin->number >= first_number;
}

/* Shows the first few of a kind that are left; counts all. */
static void show(size_t *count, const struct origin *origin, const char *what, size_t amount)
{
    char text[256];
    if (!is_left(origin) || ++*count > SHOWN)
        return;
    test_leak("%s %zu is left, number %lu, of %s (%s)", what, amount, origin->number, origin->call,
              where(origin->site, text, sizeof text));
}

static void show_rest(size_t count, const char *what)
{
    if (count > SHOWN)
        test_leak("%zu %ss are left in all", count, what);
}

static void show_all(struct entry *const *first, size_t lists, const char *what)
{
    size_t count = 0;
    for (size_t i = 0; i < lists; i++)
        for (const struct entry *entry = first[i]; entry != NULL; entry = entry->next)
            show(&count, &entry->origin, what, entry->size);
    show_rest(count, what);
}

/* The test may itself have closed what the library made for it. */
static void show_descriptors(void)
{
    size_t count = 0;
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        if (is_left(&descriptors[fd]) && fcntl(fd, F_GETFD) >= 0)
            show(&count, &descriptors[fd], "descriptor", (size_t)fd);
    show_rest(count, "descriptor");
}

void ledger_end(void)
{
    aio__sys = aio__sys_real;
    show_all(blocks, BUCKETS, "block of size");
    show_all(&mappings, 1, "mapping of size");
    show_descriptors();
}

/* ---- for tests ------------------------------------------------------------------------------- */

static void sum(const struct entry *entry, size_t *count, size_t *bytes)
{
    for (; entry != NULL; entry = entry->next) {
        if (!is_left(&entry->origin))
            continue;
        ++*count;
        *bytes += entry->size;
    }
}

static size_t all_blocks(bool want_bytes)
{
    size_t count = 0, bytes = 0;
    if (!enter())
        return 0;
    for (size_t i = 0; i < BUCKETS; i++)
        sum(blocks[i], &count, &bytes);
    leave();
    return want_bytes ? bytes : count;
}

size_t ledger_blocks(void)
{
    return all_blocks(false);
}

size_t ledger_bytes(void)
{
    return all_blocks(true);
}

size_t ledger_mapped(void)
{
    size_t count = 0, bytes = 0;
    if (!enter())
        return 0;
    sum(mappings, &count, &bytes);
    leave();
    return bytes;
}

size_t ledger_descriptors(void)
{
    size_t count = 0;
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        count += is_left(&descriptors[fd]) && fcntl(fd, F_GETFD) >= 0;
    return count;
}
