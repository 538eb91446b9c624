/*
 * Scenes.
 */
#include "support/scene.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "support/pairs.h"
#include "support/test.h"

static int open_and_play(void *arg)
{
    struct scene *scene = arg;
    int ends[2];
    if (!scene->make(ends))
        return -EMFILE;
    scene->stream = aio_stream_open(ends[0]);
    scene->peer = ends[1];
    int rc = -errno;
    if (scene->stream != NULL) {
        rc = scene->play(scene);
        ends[0] = -1;
    }
    aio_stream_abort(scene->stream);
    ends[1] = scene->peer;
    pairs_close(ends);
    return rc;
}

void scene_play(bool (*make)(int ends[2]), int (*play)(struct scene *scene))
{
    struct scene scene = {.peer = -1, .make = make, .play = play};
    check_int(test_run(open_and_play, &scene), 0);
}

void scene_put(struct scene *scene, const char *text)
{
    check_int(write(scene->peer, text, strlen(text)), strlen(text));
}

void scene_end(struct scene *scene)
{
    close(scene->peer);
    scene->peer = -1;
}

int scene_read(void *arg)
{
    struct scene_reading *reading = arg;
    return (int)aio_stream_read(reading->stream, reading->data, reading->size);
}

int scene_read_exactly(void *arg)
{
    struct scene_reading *reading = arg;
    return (int)aio_stream_read_exactly(reading->stream, reading->data, reading->size);
}

int scene_readline(void *arg)
{
    struct scene_reading *reading = arg;
    return (int)aio_stream_readline(reading->stream, reading->data, reading->size);
}
