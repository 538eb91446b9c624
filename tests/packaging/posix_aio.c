/*
 * POSIX AIO in a program that is linked with us as well: its calls begin with aio_ too, and must stay
 * the C library's.
 */
#include <aio.h>
#include <aio/asyncio.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The first bytes of this program, read by POSIX AIO. */
static int read_magic(void *arg)
{
    const char *path = (const char *)arg;
    char magic[4] = "";
    struct aiocb request;
    memset(&request, 0, sizeof request);
    request.aio_fildes = open(path, O_RDONLY);
    request.aio_buf = magic;
    request.aio_nbytes = sizeof magic;
    if (request.aio_fildes < 0 || aio_read(&request) != 0)
        return -errno;
    while (aio_error(&request) == EINPROGRESS) {
        int rc = aio_sleep(AIO_MSEC(1));
        if (rc < 0)
            return rc;
    }
    ssize_t size = aio_return(&request);
    close(request.aio_fildes);
    return size == 4 && memcmp(magic, "\177ELF", 4) == 0 ? 0 : -EIO;
}

int main(int argc, char **argv)
{
    (void)argc;
    return aio_run(read_magic, argv[0]) == 0 ? 0 : 1;
}
