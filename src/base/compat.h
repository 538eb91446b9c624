/*
 * What compilers, processors and systems have under different names, or lack:
 * thread-local storage, the cycle counter, marking memory for the checking
 * tools, descriptors that are born non-blocking and close-on-exec.
 *
 * A missing call is tried and falls back, as musl's accept4.c does.
 */
#ifndef AIO_BASE_COMPAT_H
#define AIO_BASE_COMPAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;

/*
 * One pointer per thread that is read on hot paths: reached without a call, also from a shared
 * object.
 */
#if defined(__ELF__)
#define AIO__THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define AIO__THREAD_LOCAL _Thread_local
#endif

#if defined(__GNUC__)
#define AIO__NOINLINE __attribute__((noinline))
#define AIO__LIKELY(x) __builtin_expect(!!(x), 1)
#define AIO__UNLIKELY(x) __builtin_expect(!!(x), 0)
#else
#define AIO__NOINLINE
#define AIO__LIKELY(x) (x)
#define AIO__UNLIKELY(x) (x)
#endif

#if defined(__SANITIZE_ADDRESS__)
#define AIO__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define AIO__ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define AIO__TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define AIO__TSAN 1
#endif
#endif

/*
 * ThreadSanitizer keeps a signal back until the next call that it knows: a wait in one that it does
 * not know has no end.
 */
#if defined(AIO__TSAN)
#define AIO__WAIT_IN_KNOWN_CALLS true
#else
#define AIO__WAIT_IN_KNOWN_CALLS false
#endif

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>) && !defined(AIO_NO_VALGRIND)
#define AIO__VALGRIND 1
#endif
#endif

/*
 * Marks memory for AddressSanitizer and valgrind: forbidden to touch; allowed,
 * its contents undefined; allowed, its contents defined.  Nothing in a plain
 * build without valgrind's header; a few no-operations with it.
 */
#if defined(AIO__ASAN)
void __asan_poison_memory_region(void const volatile *at, size_t size);
void __asan_unpoison_memory_region(void const volatile *at, size_t size);
#define aio__memory_forbid(at, size) __asan_poison_memory_region(at, size)
#define aio__memory_allow(at, size) __asan_unpoison_memory_region(at, size)
#define aio__memory_define(at, size) __asan_unpoison_memory_region(at, size)
#elif defined(AIO__VALGRIND)
#include <valgrind/memcheck.h>
#define aio__memory_forbid(at, size) ((void)VALGRIND_MAKE_MEM_NOACCESS(at, size))
#define aio__memory_allow(at, size) ((void)VALGRIND_MAKE_MEM_UNDEFINED(at, size))
#define aio__memory_define(at, size) ((void)VALGRIND_MAKE_MEM_DEFINED(at, size))
#else
#define aio__memory_forbid(at, size) ((void)(at), (void)(size))
#define aio__memory_allow(at, size) ((void)(at), (void)(size))
#define aio__memory_define(at, size) ((void)(at), (void)(size))
#endif

/*
 * A counter that goes up steadily, some billion times a second where there is
 * such an instruction; ns of the clock elsewhere.  Only to compare with
 * AIO__TICKS_50US, roughly.
 */
#if defined(__x86_64__) || defined(__i386__)
static inline uint64_t aio__ticks(void)
{
    return __builtin_ia32_rdtsc();
}
#define AIO__TICKS_50US UINT64_C(120000) /* at 2.4 GHz */
#elif defined(__aarch64__)
static inline uint64_t aio__ticks(void)
{
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
}
#define AIO__TICKS_50US UINT64_C(1200) /* at 24 MHz, the least in use */
#else
uint64_t aio__ticks(void);
#define AIO__TICKS_50US UINT64_C(50000)
#endif

/* Each gives a descriptor (or two) that is non-blocking and close-on-exec; -1 with errno. */
int aio__accept(int listener, struct sockaddr *name, unsigned *size);
int aio__socket(int domain, int type, int protocol);
int aio__pipe(int ends[2]);
/* What wakes a selector: an eventfd, twice, or a pipe's two ends; 0, or -1 with errno. */
int aio__event_pair(int ends[2]);
/* Whether this is the thread that main() runs on. */
bool aio__is_main_thread(void);
/*
 * The file that a function is in, "program" for the program itself, and where in it; NULL, and the
 * offset is left alone, if that can't be told.
 */
const char *aio__file_of_code(uintptr_t address, uintptr_t *out_offset);
/* getenv(), but NULL in a program with more rights than who started it. */
const char *aio__environment(const char *name);
/* Makes a descriptor of someone else's non-blocking; 0 or -errno. */
int aio__set_nonblocking(int fd);
/* Makes it blocking again, if that can be. */
void aio__set_blocking(int fd);
/* send() that never raises SIGPIPE; aio__write() where fd is no socket. */
int64_t aio__send(int fd, const void *data, size_t size);
/* write() that never raises SIGPIPE, and leaves its disposition alone. */
int64_t aio__write(int fd, const void *data, size_t size);
/* Whether a stream socket of the internet is TCP itself, and not what looks like it (MPTCP). */
bool aio__is_tcp(int fd);
/* Whether a pipe keeps each write apart (Linux, O_DIRECT): a short read then says nothing. */
bool aio__pipe_keeps_packets(int fd);

#endif
