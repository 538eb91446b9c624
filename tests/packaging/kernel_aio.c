/*
 * A program that uses Linux's library of our name, kernel AIO, and ours.
 */
#include <libaio.h>

#include <aio/asyncio.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int read_magic(void *arg)
{
    io_context_t context = 0;
    struct iocb request, *requests[] = {&request};
    struct io_event event;
    char magic[4] = "";
    int fd = open((const char *)arg, O_RDONLY);
    int rc = io_setup(1, &context);
    if (fd < 0 || rc < 0)
        return fd < 0 ? -errno : rc;
    io_prep_pread(&request, fd, magic, sizeof magic, 0);
    rc = io_submit(context, 1, requests) == 1 ? 0 : -EIO;
    while (rc == 0 && io_getevents(context, 0, 1, &event, NULL) == 0)
        rc = aio_sleep(AIO_MSEC(1));
    io_destroy(context);
    close(fd);
    return rc == 0 && memcmp(magic, "\177ELF", 4) == 0 ? 0 : -EIO;
}

int main(int argc, char **argv)
{
    (void)argc;
    return aio_run(read_magic, argv[0]) == 0 ? 0 : 1;
}
