/*
 * The selectors of Linux, the best first.
 */
#include <stddef.h>

#include "loop/selector.h"

const struct aio__selector_operations *const aio__selectors[] = {
    &aio__selector_epoll,
    &aio__selector_poll,
    NULL,
};
