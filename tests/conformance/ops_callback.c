/*
 * Callbacks of the loop: `soon` and `later` print when they are called.
 */
#include <string.h>

#include "conformance/ops.h"

struct printer {
    struct scenario *scenario;
    const char *what;
};

static void print(void *arg)
{
    const struct printer *printer = arg;
    scenario_log(printer->scenario, "loop", printer->what, "ok");
}

/* The printer of "soon WORD" or "later WORD". */
static struct printer *make_printer(struct step *step, const char *word)
{
    struct arena *arena = &step->scenario->arena;
    const char *name = step->op->name;
    size_t length = strlen(name);
    char *what = arena_take(arena, length + strlen(word) + 2);
    memcpy(what, name, length);
    what[length] = ' ';
    strcpy(what + length + 1, word);
    struct printer *printer = arena_take(arena, sizeof *printer);
    *printer = (struct printer){step->scenario, what};
    return printer;
}

int op_soon(struct step *step)
{
    struct printer *printer = make_printer(step, step->words[0]);
    return aio_loop_call_soon_new(step->scenario->loop, print, printer) != NULL ? 0 : -errno;
}

int op_later(struct step *step)
{
    struct printer *printer = make_printer(step, step->words[1]);
    int64_t delay = AIO_USEC(step_number(step, 0));
    return aio_loop_call_later_new(step->scenario->loop, delay, print, printer) != NULL ? 0
                                                                                        : -errno;
}
