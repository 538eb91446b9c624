/*
 * Which selector a loop gets.
 */
#include "loop/selector.h"

#include <errno.h>
#include <string.h>

#include "base/compat.h"
#include "base/util.h"

static const char *const names[] = {
    [AIO_SELECTOR_EPOLL] = "epoll",
    [AIO_SELECTOR_KQUEUE] = "kqueue",
    [AIO_SELECTOR_POLL] = "poll",
};

/* The name that is asked for: by the option, by the environment, or NULL for the best. */
static const char *wanted_name(aio_selector which)
{
    if (which != AIO_SELECTOR_DEFAULT)
        return (size_t)which < AIO__COUNT(names) ? names[which] : "";
    const char *name = aio__environment("AIO_SELECTOR");
    return name != NULL && name[0] != '\0' ? name : NULL;
}

int aio__selector_open(aio__selector *selector, aio_selector which)
{
    const char *name = wanted_name(which);
    for (size_t i = 0; aio__selectors[i] != NULL; i++) {
        if (name != NULL && strcmp(name, aio__selectors[i]->name) != 0)
            continue;
        *selector = (aio__selector){.operations = aio__selectors[i], .fd = -1};
        return selector->operations->open(selector);
    }
    return -ENOTSUP;
}

void aio__selector_close(aio__selector *selector)
{
    selector->operations->close(selector);
}
