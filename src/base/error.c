/*
 * The names of results, and what they say.
 *
 * One table: POSIX's error numbers (the text is the C library's) and the
 * library's own (text of ours).  Searched from the start, so that of two names
 * for one number the first is given.
 */
#include <stdio.h>
#include <string.h>

#include <aio/base.h>

#include "base/compat.h"
#include "base/util.h"

static const struct {
    int number;
    const char *name, *text;
} errors[] = {
#define POSIX(name, text) {name, #name, text}
    POSIX(EPERM, "operation not permitted: not in a task, or not the holder"),
    POSIX(ENOENT, "no such file or directory"),
    POSIX(ESRCH, "no such process"),
    POSIX(EINTR, "interrupted"),
    POSIX(EIO, "input or output error"),
    POSIX(ENXIO, "no such device or address"),
    POSIX(E2BIG, "argument list too long"),
    POSIX(ENOEXEC, "not an executable"),
    POSIX(EBADF, "bad file descriptor, or closed meanwhile"),
    POSIX(ECHILD, "no child process"),
    POSIX(EAGAIN, "not now; try again"),
    POSIX(ENOMEM, "out of memory"),
    POSIX(EACCES, "permission denied"),
    POSIX(EFAULT, "bad address"),
    POSIX(EBUSY, "busy: in use by another"),
    POSIX(EEXIST, "exists already"),
    POSIX(EXDEV, "link across file systems"),
    POSIX(ENODEV, "no such device"),
    POSIX(ENOTDIR, "not a directory"),
    POSIX(EISDIR, "is a directory"),
    POSIX(EINVAL, "invalid argument"),
    POSIX(ENFILE, "too many open files in the system"),
    POSIX(EMFILE, "too many open files"),
    POSIX(ENOTTY, "not a terminal"),
    POSIX(ETXTBSY, "text file busy"),
    POSIX(EFBIG, "file too large"),
    POSIX(ENOSPC, "no space left"),
    POSIX(ESPIPE, "cannot seek"),
    POSIX(EROFS, "read-only file system"),
    POSIX(EMLINK, "too many links"),
    POSIX(EPIPE, "broken pipe: nobody reads any more"),
    POSIX(EDOM, "argument out of domain"),
    POSIX(ERANGE, "result out of range"),
    POSIX(EDEADLK, "deadlock: nothing can wake this"),
    POSIX(ENAMETOOLONG, "name too long"),
    POSIX(ENOLCK, "no locks available"),
    POSIX(ENOSYS, "not implemented"),
    POSIX(ENOTEMPTY, "directory not empty"),
    POSIX(ELOOP, "too many symbolic links"),
    POSIX(EIDRM, "identifier removed"),
    POSIX(EPROTO, "protocol error"),
    POSIX(EBADMSG, "bad message"),
    POSIX(EOVERFLOW, "value too large"),
    POSIX(EILSEQ, "illegal byte sequence"),
    POSIX(ENOTSOCK, "not a socket"),
    POSIX(EDESTADDRREQ, "destination address required"),
    POSIX(EMSGSIZE, "message too long"),
    POSIX(EPROTOTYPE, "wrong protocol type"),
    POSIX(ENOPROTOOPT, "protocol not available"),
    POSIX(EPROTONOSUPPORT, "protocol not supported"),
    POSIX(ENOTSUP, "not supported"),
    POSIX(EOPNOTSUPP, "operation not supported"),
    POSIX(EAFNOSUPPORT, "address family not supported"),
    POSIX(EADDRINUSE, "address in use"),
    POSIX(EADDRNOTAVAIL, "address not available"),
    POSIX(ENETDOWN, "network is down"),
    POSIX(ENETUNREACH, "network unreachable"),
    POSIX(ENETRESET, "network reset the connection"),
    POSIX(ECONNABORTED, "connection aborted"),
    POSIX(ECONNRESET, "connection reset by peer"),
    POSIX(ENOBUFS, "no buffer space"),
    POSIX(EISCONN, "already connected"),
    POSIX(ENOTCONN, "not connected"),
    POSIX(ESHUTDOWN, "shut down"),
    POSIX(ETIMEDOUT, "timed out"),
    POSIX(ECONNREFUSED, "connection refused"),
    POSIX(EHOSTDOWN, "host is down"),
    POSIX(EHOSTUNREACH, "no route to host"),
    POSIX(EALREADY, "already in progress"),
    POSIX(EINPROGRESS, "in progress"),
    POSIX(ESTALE, "stale file handle"),
    POSIX(EDQUOT, "quota exceeded"),
    POSIX(ECANCELED, "cancelled"),
    POSIX(EOWNERDEAD, "owner died"),
    POSIX(ENOTRECOVERABLE, "state not recoverable"),
#undef POSIX
    {AIO_EINCOMPLETE, "AIO_EINCOMPLETE", "the stream ended before the request was met"},
    {AIO_ELIMIT, "AIO_ELIMIT", "longer than there is room for"},
    {AIO_EBROKEN, "AIO_EBROKEN", "the barrier is broken"},
    {AIO_ESTATE, "AIO_ESTATE", "the future is in the wrong state"},
    {AIO_ECLOSED, "AIO_ECLOSED", "closed"},
    {AIO_ENAME, "AIO_ENAME", "no such host or service"},
    {AIO_ENAMESERVER, "AIO_ENAMESERVER", "the name servers do not answer"},
};

/* For the numbers that the table lacks. */
static _Thread_local char text_scratch[48], name_scratch[48];

/* The positive number of a result; 0 if it is none. */
static int number_of(int rc)
{
    if (rc <= AIO_USER_ERROR(0))
        return 0;
    return rc < 0 ? -rc : rc;
}

/* Its place in the table, or AIO__COUNT(errors). */
static size_t find(int number)
{
    size_t i = 0;
    while (i < AIO__COUNT(errors) && errors[i].number != number)
        i++;
    return i;
}

const char *aio_strerror(int rc)
{
    int number = number_of(rc);
    size_t i = find(number);
    if (rc == 0)
        return "success";
    if (i < AIO__COUNT(errors))
        return errors[i].text;
    const char *whose = number == 0 ? "the program's own error" : "error";
    (void)snprintf(text_scratch, sizeof text_scratch, "%s %d", whose,
                   number == 0 ? AIO_USER_ERROR_NUMBER(rc) : number);
    return text_scratch;
}

const char *aio_errname(int rc)
{
    int number = number_of(rc);
    size_t i = find(number);
    if (rc == 0)
        return "0";
    if (i < AIO__COUNT(errors))
        return errors[i].name;
    if (number == 0)
        (void)snprintf(name_scratch, sizeof name_scratch, "AIO_USER_ERROR(%d)",
                       AIO_USER_ERROR_NUMBER(rc));
    else
        (void)snprintf(name_scratch, sizeof name_scratch, "%d", rc);
    return name_scratch;
}

const char *aio_version(void)
{
    return AIO_VERSION_STRING;
}
