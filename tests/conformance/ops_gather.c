/*
 * Ops that wait for several tasks and futures, or for one with a limit.
 */
#include <stdio.h>
#include <string.h>

#include "conformance/ops.h"

/* The items of the futures that are named from a word on. */
static aio_wait_item *take_items(struct step *step, size_t first, size_t *out_count)
{
    size_t count = step->word_count - first;
    aio_wait_item *items = arena_take(&step->scenario->arena, count * sizeof *items);
    for (size_t i = 0; i < count; i++)
        items[i].future = scenario_find(step->scenario, step->words[first + i]);
    *out_count = count;
    return items;
}

/* Adds a word to a list of them, separated by commas. */
static void add_word(char *text, size_t size, const char *word)
{
    size_t length = strlen(text);
    snprintf(text + length, size - length, "%s%s", length > 0 ? "," : "", word);
}

static void add_result(char *text, size_t size, int result)
{
    char word[32];
    if (result < 0) {
        add_word(text, size, failure_word(result, word, sizeof word));
        return;
    }
    snprintf(word, sizeof word, "%d", result);
    add_word(text, size, word);
}

static int gather(struct step *step, unsigned flags)
{
    size_t count, size = 256;
    aio_wait_item *items = take_items(step, 0, &count);
    int rc = aio_gather(items, count, flags);
    if (rc < 0)
        return rc == -EDEADLK ? FAILURE_RUNTIME : rc;
    char *text = arena_take(&step->scenario->arena, size);
    for (size_t i = 0; i < count; i++)
        add_result(text, size, items[i].result);
    step->text = text;
    return 0;
}

int op_gather(struct step *step)
{
    return gather(step, 0);
}

int op_gatherx(struct step *step)
{
    return gather(step, AIO_GATHER_ERRORS);
}

static aio_wait_until until(const char *word)
{
    if (strcmp(word, "first") == 0)
        return AIO_WAIT_FIRST;
    return strcmp(word, "error") == 0 ? AIO_WAIT_ERROR : AIO_WAIT_ALL;
}

int op_wait(struct step *step)
{
    size_t count, size = 256;
    aio_wait_item *items = take_items(step, 2, &count);
    bool limited = strcmp(step->words[1], "-") != 0;
    int64_t duration = limited ? AIO_USEC(step_number(step, 1)) : AIO_FOREVER;
    int rc = aio_wait(items, count, until(step->words[0]), duration);
    if (rc < 0)
        return rc;
    char *text = arena_take(&step->scenario->arena, size);
    for (size_t i = 0; i < count; i++)
        if (items[i].done)
            add_word(text, size, step->words[2 + i]);
    step->text = text[0] != '\0' ? text : "none";
    return 0;
}

/* asyncio takes a set of them. */
static size_t take_out_doubles(aio_wait_item *items, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        size_t j = 0;
        while (j < kept && items[j].future != items[i].future)
            j++;
        if (j == kept)
            items[kept++] = items[i];
    }
    return kept;
}

/* The first name of what an item is about. */
static void log_completed(struct step *step, const aio_wait_item *item)
{
    size_t i = 0;
    while (scenario_find(step->scenario, step->words[i]) != item->future)
        i++;
    scenario_log(step->scenario, step->who, "completed", step->words[i]);
}

int op_ascompleted(struct step *step)
{
    size_t count;
    aio_wait_item *items = take_items(step, 0, &count), *item;
    aio_as_completed next;
    count = take_out_doubles(items, count);
    int rc = aio_as_completed_begin(&next, items, count, AIO_FOREVER);
    while (rc == 0 && (rc = aio_as_completed_next(&next, &item)) > 0) {
        log_completed(step, item);
        rc = 0;
    }
    aio_as_completed_end(&next);
    return rc;
}

int op_waitfor(struct step *step)
{
    if (step->object == NULL) {
        step->text = "MISSING";
        return 0;
    }
    int rc = aio_wait_for(step->object, AIO_USEC(step_number(step, 1)));
    return rc == -EDEADLK ? FAILURE_RUNTIME : rc;
}

int op_shield(struct step *step)
{
    int rc = aio_shield(step->object);
    return rc == -EDEADLK ? FAILURE_RUNTIME : rc;
}
