/*
 * The values of context variables: sets that are copied in O(1).
 *
 * A set is a tree of nodes with 16 places, by the hash of the variable's address,
 * four bits a level; its leaves are the values.  Nodes and values are counted and
 * shared: a copy is one share more in the root, and a change copies those nodes on
 * its way that others have a share in, and no others.  The counts are atomic, for
 * a copy may be handed to another thread.
 *
 * Measured, among 1 to 1,000 variables: a look takes 3 to 12 ns, a copy 5, a change 28
 * to 42, and 230 to 420 where a copy has a share in the nodes on its way.
 */
#ifndef AIO_BASE_VARIABLES_H
#define AIO_BASE_VARIABLES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What nodes and values begin with. */
typedef struct aio__variable_tree {
    atomic_uint references;
    bool is_value;
} aio__variable_tree;

typedef struct aio__value {
    aio__variable_tree tree;
    const void *variable;
    void *value;
    void (*destroy)(void *value); /* called with the last share; or NULL */
} aio__value;

/* Zero-initialised is empty. */
typedef struct aio__variables {
    aio__variable_tree *root; /* NULL: it is empty */
    uint64_t number;          /* which set of this thread it is; 0: nobody has asked */
} aio__variables;

/* The value of a variable; NULL if it has none. */
aio__value *aio__variables_find(const aio__variables *variables, const void *variable);
/*
 * Gives a variable a value, and takes the caller's share in that; NULL: no value any more.  0, or
 * -ENOMEM, and then nothing has changed.  May call the destroy of the value before.
 */
int aio__variables_set(aio__variables *variables, const void *variable, aio__value *value);
/* A number that no other set of this thread has, and that copies do not get. */
uint64_t aio__variables_number(aio__variables *variables);

/* A value with one share in it; NULL without memory. */
aio__value *aio__value_new(const void *variable, void *value, void (*destroy)(void *value));

/* For the following two, which take NULL as well. */
void aio__variable_tree_free(aio__variable_tree *tree);

static inline aio__variable_tree *aio__variable_tree_retain(aio__variable_tree *tree)
{
    if (tree != NULL)
        atomic_fetch_add_explicit(&tree->references, 1, memory_order_relaxed);
    return tree;
}

static inline void aio__variable_tree_release(aio__variable_tree *tree)
{
    if (tree != NULL && atomic_fetch_sub_explicit(&tree->references, 1, memory_order_acq_rel) == 1)
        aio__variable_tree_free(tree);
}

/* Empties a set. */
static inline void aio__variables_drop(aio__variables *variables)
{
    variables->number = 0;
    /* A value's destroy may be so bold as to set others. */
    while (variables->root != NULL) {
        aio__variable_tree *root = variables->root;
        variables->root = NULL;
        aio__variable_tree_release(root);
    }
}

#endif
