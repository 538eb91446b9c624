/*
 * A stream on one end of a pair, and what a test does with it: the setting of most
 * tests of streams.
 */
#ifndef TESTS_SUPPORT_SCENE_H
#define TESTS_SUPPORT_SCENE_H

#include <stdbool.h>

#include <aio/stream.h>

struct scene {
    aio_stream *stream; /* NULL, once the test has closed it */
    int peer;           /* -1, once the test has closed it */
    bool (*make)(int ends[2]);
    int (*play)(struct scene *scene);
};

/* Runs play() as the main task; its stream is a pair's first end (a pipe's reading one). */
void scene_play(bool (*make)(int ends[2]), int (*play)(struct scene *scene));
/* The peer writes; goes. */
void scene_put(struct scene *scene, const char *text);
void scene_end(struct scene *scene);

/* Reading calls, for a task of their own. */
struct scene_reading {
    aio_stream *stream;
    char data[64];
    size_t size;
};
int scene_read(void *reading);
int scene_read_exactly(void *reading);
int scene_readline(void *reading);

#endif
