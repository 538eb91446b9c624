/*
 * Doubly linked intrusive lists, as a ring through a head.
 *
 * A link that is in no list has a NULL `next`.  An element can be taken out
 * without knowing which list it is in; a whole list is appended to another in
 * O(1), which is how a future wakes all that wait for it.
 */
#ifndef AIO_BASE_LIST_H
#define AIO_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include <aio/loop.h>

#include "base/util.h"

typedef struct aio__link aio__link;

typedef struct aio__list {
    aio__link head; /* head.next is the first element, or the head itself */
} aio__list;

static inline void aio__list_init(aio__list *list)
{
    list->head.next = list->head.previous = &list->head;
}

static inline bool aio__list_empty(const aio__list *list)
{
    return list->head.next == &list->head;
}

static inline bool aio__link_linked(const aio__link *link)
{
    return link->next != NULL;
}

/* Puts a link between two neighbours of a list. */
static inline void aio__link_between(aio__link *link, aio__link *previous, aio__link *next)
{
    link->previous = previous;
    link->next = next;
    previous->next = link;
    next->previous = link;
}

static inline void aio__list_push_back(aio__list *list, aio__link *link)
{
    aio__link_between(link, list->head.previous, &list->head);
}

static inline void aio__list_push_front(aio__list *list, aio__link *link)
{
    aio__link_between(link, &list->head, list->head.next);
}

/* Takes a link out of the list it is in. */
static inline void aio__link_remove(aio__link *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link->next = link->previous = NULL;
}

/* The first element, taken out; NULL if there is none. */
static inline aio__link *aio__list_pop_front(aio__list *list)
{
    aio__link *first = list->head.next;
    if (first == &list->head)
        return NULL;
    list->head.next = first->next;
    first->next->previous = &list->head;
    first->next = first->previous = NULL;
    return first;
}

/* Appends all of `from`, and leaves that empty. */
static inline void aio__list_append(aio__list *list, aio__list *from)
{
    if (aio__list_empty(from))
        return;
    aio__link *first = from->head.next, *last = from->head.previous;
    first->previous = list->head.previous;
    list->head.previous->next = first;
    last->next = &list->head;
    list->head.previous = last;
    aio__list_init(from);
}

/* The structure of a type whose member `field` is at `pointer`. */
#define aio__container(pointer, type, field)                                                       \
    ((type *)(void *)((char *)(pointer) - offsetof(type, field)))

#define aio__list_foreach(link, list)                                                              \
    for (aio__link *link = (list)->head.next; link != &(list)->head; link = link->next)

#endif
