/*
 * 19_select: whatever happens first.
 *
 *     import asyncio
 *
 *     async def speak(words):
 *         for ms, word in (10, "er"), (10, "well"), (40, "yes"):
 *             await asyncio.sleep(ms / 1000)
 *             await words.put(word)
 *
 *     async def follow(words, bell):
 *         while True:
 *             get = asyncio.create_task(words.get())
 *             await asyncio.wait([get, bell], timeout=0.03, return_when=asyncio.FIRST_COMPLETED)
 *             if get.done():
 *                 print("heard:", get.result())
 *                 continue
 *             get.cancel()
 *             if bell.done():
 *                 return print("the bell rings")
 *             print("silence")
 *
 *     async def main():
 *         words, bell = asyncio.Queue(), asyncio.create_task(asyncio.sleep(0.08))
 *         async with asyncio.TaskGroup() as group:
 *             group.create_task(speak(words))
 *             group.create_task(follow(words, bell))
 *
 *     asyncio.run(main())
 *
 * A case is a channel to send to or to receive from, a future, or a descriptor.  Exactly one of
 * them happens; of the others nothing was taken, so no word is lost when the time is up.
 *
 * Output:
 *   heard: er
 *   heard: well
 *   silence
 *   heard: yes
 *   the bell rings
 */
#include <stdio.h>

#include <aio/asyncio.h>

struct talk {
    aio_channel *words; /* of const char * */
    aio_task *bell;
};

static int ring(void *arg)
{
    (void)arg;
    return aio_sleep(AIO_MSEC(80));
}

static int speak(void *arg)
{
    static const struct {
        int milliseconds;
        const char *word;
    } speech[] = {{10, "er"}, {10, "well"}, {40, "yes"}};
    const struct talk *talk = arg;
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = aio_sleep(AIO_MSEC(speech[i].milliseconds));
        if (rc == 0)
            rc = aio_channel_send(talk->words, &speech[i].word);
    }
    return rc;
}

static int follow(void *arg)
{
    const struct talk *talk = arg;
    const char *word;
    aio_select_case cases[] = {
        AIO_SELECT_RECEIVE(talk->words, &word),
        AIO_SELECT_FUTURE(talk->bell),
    };
    for (;;) {
        int which = aio_select(cases, 2, AIO_MSEC(30));
        if (which == -ETIMEDOUT) {
            puts("silence");
            continue;
        }
        if (which < 0 || cases[which].result < 0)
            return which < 0 ? which : cases[which].result;
        if (which == 1)
            break;
        printf("heard: %s\n", word);
    }
    puts("the bell rings");
    return 0;
}

static int talk(aio_group *group, void *arg)
{
    int rc = aio_group_spawn(group, speak, arg);
    return rc < 0 ? rc : aio_group_spawn(group, follow, arg);
}

static int program(void *arg)
{
    (void)arg;
    struct talk both = {aio_channel_new(sizeof(const char *), 0), aio_spawn(ring, NULL)};
    int rc = both.words != NULL && both.bell != NULL ? aio_group_run(talk, &both) : -ENOMEM;
    (void)aio_task_stop(both.bell);
    aio_channel_free(both.words);
    return rc;
}

int main(void)
{
    aio_options options = AIO_OPTIONS_INIT;
    options.clock = AIO_CLOCK_VIRTUAL;
    int rc = aio_run_with(&options, program, NULL);
    if (rc < 0)
        fprintf(stderr, "select: %s\n", aio_strerror(rc));
    return rc < 0;
}
