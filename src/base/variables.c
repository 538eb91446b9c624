/*
 * Sets of context variables: a trie, whose nodes are copied where they are shared.
 *
 * Addresses are multiplied by an odd constant, which is one to one, so that two of
 * them differ within 16 levels; the upper bits of the product, which depend on all
 * of the address, come first.
 */
#include "base/variables.h"

#include <errno.h>

#include "base/compat.h"
#include "base/sys.h"

#define BITS 4
#define PLACES (1u << BITS)

struct node {
    aio__variable_tree tree;
    aio__variable_tree *places[PLACES];
};

static uint64_t hash_of(const void *variable)
{
    return (uint64_t)(uintptr_t)variable * UINT64_C(0x9E3779B97F4A7C15);
}

/* The place of a hash in the nodes of a level; the root's is level 0. */
static unsigned place_at(uint64_t hash, unsigned level)
{
    return (unsigned)(hash >> (64 - BITS * (level + 1))) & (PLACES - 1);
}

static struct node *node_of(aio__variable_tree *tree)
{
    return (struct node *)(void *)tree;
}

static aio__value *value_of(aio__variable_tree *tree)
{
    return (aio__value *)(void *)tree;
}

/* ---- shares --------------------------------------------------------------------------------- */

aio__value *aio__value_new(const void *variable, void *value, void (*destroy)(void *value))
{
    aio__value *made = aio__sys_malloc(sizeof *made);
    if (made == NULL)
        return NULL;
    atomic_init(&made->tree.references, 1);
    made->tree.is_value = true;
    made->variable = variable;
    made->value = value;
    made->destroy = destroy;
    return made;
}

static struct node *node_new(void)
{
    struct node *node = aio__sys_calloc(1, sizeof *node);
    if (node != NULL)
        atomic_init(&node->tree.references, 1);
    return node;
}

void aio__variable_tree_free(aio__variable_tree *tree)
{
    if (tree->is_value) {
        aio__value *value = value_of(tree);
        if (value->destroy != NULL)
            value->destroy(value->value);
    } else {
        for (unsigned i = 0; i < PLACES; i++)
            aio__variable_tree_release(node_of(tree)->places[i]);
    }
    aio__sys_free(tree);
}

uint64_t aio__variables_number(aio__variables *variables)
{
    static AIO__THREAD_LOCAL uint64_t last;
    if (variables->number == 0)
        variables->number = ++last;
    return variables->number;
}

/* ---- looking and changing ------------------------------------------------------------------- */

aio__value *aio__variables_find(const aio__variables *variables, const void *variable)
{
    aio__variable_tree *tree = variables->root;
    uint64_t hash = hash_of(variable);
    for (; tree != NULL && !tree->is_value; hash <<= BITS)
        tree = node_of(tree)->places[hash >> (64 - BITS)];
    return tree != NULL && value_of(tree)->variable == variable ? value_of(tree) : NULL;
}

/* Makes the node there one that nobody else has a share in. */
static bool own_node(aio__variable_tree **at)
{
    if (atomic_load_explicit(&(*at)->references, memory_order_acquire) == 1)
        return true;
    struct node *copy = node_new();
    if (copy == NULL)
        return false;
    for (unsigned i = 0; i < PLACES; i++)
        copy->places[i] = aio__variable_tree_retain(node_of(*at)->places[i]);
    aio__variable_tree_release(*at);
    *at = &copy->tree;
    return true;
}

/* Puts a node where there is a value, with the value in it. */
static bool make_room(aio__variable_tree **at, unsigned level)
{
    struct node *node = node_new();
    if (node == NULL)
        return false;
    node->places[place_at(hash_of(value_of(*at)->variable), level)] = *at;
    *at = &node->tree;
    return true;
}

int aio__variables_set(aio__variables *variables, const void *variable, aio__value *value)
{
    aio__variable_tree **at = &variables->root;
    uint64_t hash = hash_of(variable);
    if (value == NULL && aio__variables_find(variables, variable) == NULL)
        return 0;
    for (unsigned level = 0; *at != NULL; level++) {
        if ((*at)->is_value && value_of(*at)->variable == variable)
            break;
        /* What was copied or made before this fails is as good as what was there. */
        if (!((*at)->is_value ? make_room(at, level) : own_node(at)))
            return -ENOMEM;
        at = &node_of(*at)->places[place_at(hash, level)];
    }
    aio__variable_tree *old = *at;
    *at = value != NULL ? &value->tree : NULL;
    aio__variable_tree_release(old);
    return 0;
}
