/*
 * 06_group: tasks that end together.
 *
 *     import asyncio
 *
 *     class Ill(Exception): pass
 *
 *     async def prepare(who, ms, ill=False):
 *         try:
 *             await asyncio.sleep(ms / 1000)
 *         except asyncio.CancelledError:
 *             print(f"{who}: goes home")
 *             raise
 *         if ill:
 *             print(f"{who}: ill")
 *             raise Ill
 *         print(f"{who}: ready")
 *
 *     async def concert(ill):
 *         async with asyncio.TaskGroup() as group:
 *             group.create_task(prepare("drums", 30))
 *             group.create_task(prepare("voice", 20, ill))
 *             group.create_task(prepare("bass", 10))
 *         print("music")
 *
 *     async def main():
 *         await concert(ill=False)
 *         try:
 *             await concert(ill=True)
 *         except* Ill:
 *             print("no concert")
 *
 *     asyncio.run(main())
 *
 * When a group is over, so are its tasks: they may use the variables around it, and none is left
 * behind.  If one fails, the others are cancelled, and the group's result is that failure.
 *
 * Output:
 *   bass: ready
 *   voice: ready
 *   drums: ready
 *   music
 *   bass: ready
 *   voice: ill
 *   drums: goes home
 *   no concert
 */
#include <stdbool.h>
#include <stdio.h>

#include <aio/asyncio.h>

#define ILL AIO_USER_ERROR(1)

struct musician {
    const char *name;
    int milliseconds;
    bool ill;
};

static int prepare(void *arg)
{
    const struct musician *musician = arg;
    int rc = aio_sleep(AIO_MSEC(musician->milliseconds));
    if (rc == 0 && musician->ill)
        rc = ILL;
    printf("%s: %s\n", musician->name, rc == 0 ? "ready" : rc == ILL ? "ill" : "goes home");
    return rc;
}

static int invite(aio_group *group, void *band)
{
    struct musician *musicians = band;
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = aio_group_spawn(group, prepare, &musicians[i]);
    return rc;
}

static int concert(bool ill)
{
    struct musician band[] = {{"drums", 30, false}, {"voice", 20, ill}, {"bass", 10, false}};
    int rc = aio_group_run(invite, band);
    if (rc == 0)
        puts("music");
    return rc;
}

static int program(void *arg)
{
    (void)arg;
    int rc = concert(false);
    if (rc < 0)
        return rc;
    rc = concert(true);
    if (rc == ILL)
        puts("no concert");
    return rc == ILL ? 0 : rc;
}

int main(void)
{
    int rc = aio_run(program, NULL);
    if (rc < 0)
        fprintf(stderr, "group: %s\n", aio_strerror(rc));
    return rc < 0;
}
