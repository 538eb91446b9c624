/*
 * Sets of variables: looked up, changed, and shared by copies.
 */
#include "base/variables.h"

#include <errno.h>

#include "support/faults.h"
#include "support/test.h"

#define COUNT 1000

static char keys[COUNT * 8];

static void count_destroyed(void *count)
{
    ++*(int *)count;
}

static const void *key(size_t i)
{
    return &keys[i * 8];
}

static int set(aio__variables *variables, const void *variable, void *value)
{
    aio__value *made = aio__value_new(variable, value, NULL);
    if (made == NULL)
        return -ENOMEM;
    int rc = aio__variables_set(variables, variable, made);
    if (rc < 0)
        aio__variable_tree_release(&made->tree);
    return rc;
}

static void *get(const aio__variables *variables, const void *variable)
{
    const aio__value *value = aio__variables_find(variables, variable);
    return value != NULL ? value->value : NULL;
}

static aio__variables copy(const aio__variables *variables)
{
    return (aio__variables){aio__variable_tree_retain(variables->root), 0};
}

/* Sets so many, each to its key; how many that were. */
static size_t fill(aio__variables *variables, size_t count)
{
    size_t i = 0;
    while (i < count && set(variables, key(i), &keys[i * 8]) == 0)
        i++;
    return i;
}

TEST(an_empty_set_has_no_values)
{
    aio__variables variables = {NULL, 0};
    check(aio__variables_find(&variables, key(0)) == NULL);
    check_int(aio__variables_set(&variables, key(0), NULL), 0);
    aio__variables_drop(&variables);
}

TEST(each_of_many_variables_has_its_own_value)
{
    aio__variables variables = {NULL, 0};
    const size_t count = test_scale(COUNT);
    check_int(fill(&variables, count), count);
    int wrong = 0;
    for (size_t i = 0; i < count; i++)
        wrong += get(&variables, key(i)) != key(i);
    check_int(wrong, 0);
    check(get(&variables, &variables) == NULL);
    aio__variables_drop(&variables);
}

TEST(a_set_replaces_the_value_and_destroys_it)
{
    aio__variables variables = {NULL, 0};
    int first = 0, second = 0;
    aio__value *one = aio__value_new(key(0), &first, count_destroyed);
    if (one == NULL || !check_int(aio__variables_set(&variables, key(0), one), 0))
        return;
    aio__value *two = aio__value_new(key(0), &second, count_destroyed);
    if (two != NULL && check_int(aio__variables_set(&variables, key(0), two), 0))
        check_int(first, 1);
    aio__variables_drop(&variables);
    check_int(first, 1);
    check_int(second, two != NULL);
}

TEST(a_value_can_be_taken_out_again)
{
    aio__variables variables = {NULL, 0};
    size_t count = fill(&variables, 20);
    for (size_t i = 0; i < count; i += 2)
        check_int(aio__variables_set(&variables, key(i), NULL), 0);
    for (size_t i = 0; i < count; i++)
        check(get(&variables, key(i)) == (i % 2 == 0 ? NULL : key(i)));
    aio__variables_drop(&variables);
}

TEST(a_copy_and_what_it_was_made_of_change_independently)
{
    aio__variables a = {NULL, 0};
    size_t count = fill(&a, 40);
    aio__variables b = copy(&a);
    bool changed = count > 3 && set(&a, key(1), keys + 1) == 0 && set(&b, key(2), keys + 2) == 0 &&
                   aio__variables_set(&b, key(3), NULL) == 0;
    if (changed) {
        check(get(&a, key(1)) == keys + 1 && get(&b, key(1)) == key(1));
        check(get(&a, key(2)) == key(2) && get(&b, key(2)) == keys + 2);
        check(get(&a, key(3)) == key(3) && get(&b, key(3)) == NULL);
    }
    aio__variables_drop(&a);
    for (size_t i = 4; i < count; i++)
        check(get(&b, key(i)) == key(i));
    aio__variables_drop(&b);
}

TEST(a_copy_allocates_nothing_and_an_unshared_change_only_the_value)
{
    aio__variables a = {NULL, 0};
    if (fill(&a, 40) == 40) {
        unsigned long before = faults_count("memory");
        aio__variables b = copy(&a);
        check_int(faults_count("memory") - before, 0);
        aio__variables_drop(&b);
        check_int(set(&a, key(7), keys), 0);
        check_int(faults_count("memory") - before, 1);
    }
    aio__variables_drop(&a);
}

TEST(a_value_lives_as_long_as_any_set_has_it)
{
    aio__variables a = {NULL, 0};
    int destroyed = 0;
    aio__value *value = aio__value_new(key(0), &destroyed, count_destroyed);
    if (value == NULL)
        return;
    check_int(aio__variables_set(&a, key(0), value), 0);
    aio__variables b = copy(&a);
    aio__variables_drop(&a);
    check_int(destroyed, 0);
    aio__variables_drop(&b);
    check_int(destroyed, 1);
}

/* Each allocation on the way of one change fails once: what was there stays. */
TEST(a_change_without_memory_changes_nothing)
{
    aio__variables a = {NULL, 0};
    check_int(fill(&a, 200), 200);
    aio__variables b = copy(&a);
    int rc = -ENOMEM;
    for (unsigned long nth = 1; rc < 0 && nth < 10; nth++) {
        check(faults_fail("memory", nth, ENOMEM, FAULTS_ONCE));
        rc = set(&b, key(5), keys);
        faults_clear();
        if (rc < 0)
            check(get(&b, key(5)) == key(5));
    }
    check_int(rc, 0);
    check(get(&a, key(5)) == key(5));
    for (size_t i = 6; i < 200; i++)
        check(get(&b, key(i)) == key(i));
    aio__variables_drop(&a);
    aio__variables_drop(&b);
}

TEST(numbers_tell_sets_from_each_other)
{
    aio__variables a = {NULL, 0}, b = {NULL, 0};
    uint64_t number = aio__variables_number(&a);
    check(number != 0 && number == aio__variables_number(&a));
    check(number != aio__variables_number(&b));
    aio__variables_drop(&a);
    check(number != aio__variables_number(&a));
}
