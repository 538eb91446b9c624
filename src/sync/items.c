/*
 * The items of a queue.
 */
#include "sync/items.h"

#include <errno.h>
#include <string.h>

#include "base/sys.h"
#include "base/util.h"

#define FEWEST_SLOTS 8
/* As much memory as this is kept while there is nothing in it. */
#define KEPT_SIZE 4096

/* ---- memory --------------------------------------------------------------------------------- */

static char *slot(const aio__items *items, size_t i)
{
    size_t place = items->start + i;
    if (place >= items->capacity)
        place -= items->capacity;
    return items->slots + place * items->slot_size;
}

/* More slots, the items in them from the first one on. */
static int enlarge(aio__items *items, size_t capacity)
{
    if (capacity > SIZE_MAX / items->slot_size)
        return -ENOMEM;
    char *slots = aio__sys_malloc(capacity * items->slot_size);
    if (slots == NULL)
        return -ENOMEM;
    if (items->count != 0) {
        size_t behind = items->capacity - items->start;
        size_t first = items->count < behind ? items->count : behind;
        memcpy(slots, slot(items, 0), first * items->slot_size);
        memcpy(slots + first * items->slot_size, items->slots,
               (items->count - first) * items->slot_size);
    }
    aio__sys_free(items->slots);
    items->slots = slots;
    items->capacity = capacity;
    items->start = 0;
    return 0;
}

static int make_room(aio__items *items)
{
    if (items->count < items->capacity)
        return 0;
    if (items->capacity > SIZE_MAX / 2)
        return -ENOMEM;
    return enlarge(items, items->capacity != 0 ? items->capacity * 2 : FEWEST_SLOTS);
}

void aio__items_clear(aio__items *items)
{
    items->count = items->start = 0;
    if (items->capacity > items->reserved && items->capacity * items->slot_size > KEPT_SIZE) {
        aio__sys_free(items->slots);
        items->slots = NULL;
        items->capacity = 0;
    }
}

/*
 * An item and its number, so that the item behind it is aligned, too: as the item's type may want
 * it, of which its size is a multiple, but not more than malloc() does.
 */
static size_t numbered_size(size_t item_size)
{
    size_t unit = item_size & (~item_size + 1);
    if (unit > _Alignof(max_align_t))
        unit = _Alignof(max_align_t);
    if (unit < _Alignof(uint64_t))
        unit = _Alignof(uint64_t);
    return aio__round_up(item_size + sizeof(uint64_t), unit);
}

int aio__items_init(aio__items *items, size_t item_size, size_t reserved, aio_compare compare)
{
    if (item_size > SIZE_MAX / 2)
        return -ENOMEM;
    *items = (aio__items){.item_size = item_size, .reserved = reserved, .compare = compare};
    items->slot_size = compare != NULL ? numbered_size(item_size) : item_size;
    return reserved != 0 ? enlarge(items, reserved) : 0;
}

void aio__items_fini(aio__items *items)
{
    aio__sys_free(items->slots);
    *items = (aio__items){.slots = NULL};
}

/* ---- by priority ---------------------------------------------------------------------------- */

static uint64_t number_of(const aio__items *items, const char *item)
{
    uint64_t number;
    memcpy(&number, item + items->slot_size - sizeof number, sizeof number);
    return number;
}

static bool before(const aio__items *items, const char *a, const char *b)
{
    int order = items->compare(a, b);
    return order != 0 ? order < 0 : number_of(items, a) < number_of(items, b);
}

/* The place for a new item, the last of all to come: those that it goes before have moved down. */
static char *sift_up(aio__items *items, const void *item)
{
    size_t hole = items->count;
    while (hole > 0) {
        size_t parent = (hole - 1) / 2;
        if (items->compare(item, slot(items, parent)) >= 0)
            break;
        memcpy(slot(items, hole), slot(items, parent), items->slot_size);
        hole = parent;
    }
    return slot(items, hole);
}

/* The first one was taken: what was the last one, still at its end, gets a new place. */
static void sift_down(aio__items *items)
{
    const char *last = slot(items, items->count);
    size_t hole = 0;
    for (;;) {
        size_t child = 2 * hole + 1;
        if (child >= items->count)
            break;
        if (child + 1 < items->count && before(items, slot(items, child + 1), slot(items, child)))
            child++;
        if (before(items, last, slot(items, child)))
            break;
        memcpy(slot(items, hole), slot(items, child), items->slot_size);
        hole = child;
    }
    if (hole != items->count)
        memcpy(slot(items, hole), last, items->slot_size);
}

/* ---- putting and taking --------------------------------------------------------------------- */

int aio__items_put(aio__items *items, const void *item)
{
    int rc = make_room(items);
    if (rc < 0)
        return rc;
    char *place = items->compare != NULL ? sift_up(items, item) : slot(items, items->count);
    memcpy(place, item, items->item_size);
    if (items->compare != NULL) {
        uint64_t number = items->sequence++;
        memcpy(place + items->slot_size - sizeof number, &number, sizeof number);
    }
    items->count++;
    return 0;
}

void aio__items_take(aio__items *items, void *out_item)
{
    items->count--;
    memcpy(out_item, slot(items, items->last_first ? items->count : 0), items->item_size);
    if (items->compare != NULL)
        sift_down(items);
    else if (!items->last_first)
        items->start = items->start + 1 < items->capacity ? items->start + 1 : 0;
    if (items->count == 0)
        aio__items_clear(items);
}
