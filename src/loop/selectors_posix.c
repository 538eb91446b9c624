/*
 * The selectors of a system that has only what POSIX asks for.
 */
#include <stddef.h>

#include "loop/selector.h"

const struct aio__selector_operations *const aio__selectors[] = {
    &aio__selector_poll,
    NULL,
};
