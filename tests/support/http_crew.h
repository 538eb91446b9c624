/*
 * A crew: any number of clients, all in one process of their own, that do what they
 * are told all together.
 *
 *     struct http_crew crew;
 *     if (http_crew_start(&crew)) {                      // before there is a loop
 *         check_int(test_run(serve_them, &crew), 0);     // http_crew_do(&crew, &order) ...
 *         http_crew_end(&crew);
 *     }
 *
 * They are plain sockets, blocking; so the loop that serves them must run while they
 * work, which http_crew_do() lets it.
 */
#ifndef TESTS_SUPPORT_HTTP_CREW_H
#define TESTS_SUPPORT_HTTP_CREW_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum http_crew_work {
    HTTP_CREW_CONNECT, /* `count` more clients, to `port` */
    HTTP_CREW_SEND,    /* each one: the text, `count` times */
    HTTP_CREW_READ,    /* each one, to the end: is it what `ending` says? */
    HTTP_CREW_CLOSE
};

/* Instead of the status of a last response: */
enum http_crew_ending {
    HTTP_CREW_SILENT = 0, /* the end, and not a byte before */
    HTTP_CREW_RESET = -1  /* whatever was before */
};

struct http_crew_order {
    enum http_crew_work work;
    int port, ending;
    size_t count, size; /* of the text */
    char text[512];
};

struct http_crew {
    pid_t process;
    int orders, answers;
};

/* So many clients, or fewer where that would take too long, or there are no descriptors for them.
 */
size_t http_crew_size(size_t wanted);

bool http_crew_start(struct http_crew *crew);
/* In a task.  Returns how many of them could do it; or an error. */
int http_crew_do(struct http_crew *crew, const struct http_crew_order *order);
void http_crew_end(struct http_crew *crew);

#endif
