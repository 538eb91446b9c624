/*
 * Intrusive lists.
 */
#include "base/list.h"

#include "support/test.h"

struct number {
    int value;
    aio__link link;
};

static int value_of(const aio__link *link)
{
    return aio__container(link, struct number, link)->value;
}

/* Fills a list with 1 ... count. */
static void fill(aio__list *list, struct number *numbers, int first, int count)
{
    aio__list_init(list);
    for (int i = 0; i < count; i++) {
        numbers[i] = (struct number){.value = first + i};
        aio__list_push_back(list, &numbers[i].link);
    }
}

/* The values as the digits of a number, first to last, and last to first. */
static int forward(const aio__list *list)
{
    int digits = 0;
    aio__list_foreach(link, list) digits = digits * 10 + value_of(link);
    return digits;
}

static int backward(const aio__list *list)
{
    int digits = 0;
    for (aio__link *link = list->head.previous; link != &list->head; link = link->previous)
        digits = digits * 10 + value_of(link);
    return digits;
}

static void check_is(const aio__list *list, int there, int back)
{
    check_int(forward(list), there);
    check_int(backward(list), back);
}

TEST(new_list_is_empty)
{
    aio__list list;
    aio__list_init(&list);
    check(aio__list_empty(&list));
    check(aio__list_pop_front(&list) == NULL);
}

TEST(elements_stand_in_the_order_in_which_they_were_pushed_back)
{
    struct number numbers[3];
    aio__list list;
    fill(&list, numbers, 1, 3);
    check(!aio__list_empty(&list));
    check_is(&list, 123, 321);
}

TEST(element_that_is_pushed_to_the_front_is_the_first)
{
    struct number numbers[2], third = {.value = 3};
    aio__list list;
    fill(&list, numbers, 1, 2);
    aio__list_push_front(&list, &third.link);
    check_is(&list, 312, 213);
}

TEST(first_middle_and_last_can_be_taken_out_without_the_list)
{
    struct number numbers[5];
    aio__list list;
    fill(&list, numbers, 1, 5);
    aio__link_remove(&numbers[2].link);
    check_is(&list, 1245, 5421);
    aio__link_remove(&numbers[0].link);
    check_is(&list, 245, 542);
    aio__link_remove(&numbers[4].link);
    check_is(&list, 24, 42);
}

TEST(link_knows_whether_it_is_in_a_list)
{
    struct number numbers[2];
    aio__list list;
    fill(&list, numbers, 1, 2);
    check(aio__link_linked(&numbers[0].link));
    aio__link_remove(&numbers[0].link);
    check(!aio__link_linked(&numbers[0].link));
    check(aio__list_pop_front(&list) == &numbers[1].link);
    check(!aio__link_linked(&numbers[1].link));
    check(aio__list_empty(&list));
}

TEST(popping_empties_a_list_from_the_front)
{
    struct number numbers[3];
    aio__list list;
    fill(&list, numbers, 1, 3);
    for (int i = 0; i < 3; i++)
        check(aio__list_pop_front(&list) == &numbers[i].link);
    check(aio__list_empty(&list));
    check_is(&list, 0, 0);
}

TEST(appending_moves_all_and_leaves_the_other_list_empty)
{
    struct number some[2], others[3];
    aio__list list, from;
    fill(&list, some, 1, 2);
    fill(&from, others, 3, 3);
    aio__list_append(&list, &from);
    check_is(&list, 12345, 54321);
    check(aio__list_empty(&from));
}

TEST(appending_to_an_empty_list_and_from_one)
{
    struct number some[2];
    aio__list list, from;
    aio__list_init(&list);
    fill(&from, some, 1, 2);
    aio__list_append(&list, &from);
    check_is(&list, 12, 21);
    aio__list_append(&list, &from);
    check_is(&list, 12, 21);
}

TEST(list_that_was_appended_can_be_filled_again)
{
    struct number some[1], others[1], later = {.value = 9};
    aio__list list, from;
    fill(&list, some, 1, 1);
    fill(&from, others, 2, 1);
    aio__list_append(&list, &from);
    aio__list_push_back(&from, &later.link);
    check_is(&list, 12, 21);
    check_is(&from, 9, 9);
}

TEST(link_goes_between_two_neighbours)
{
    struct number some[2], third = {.value = 3};
    aio__list list;
    fill(&list, some, 1, 2);
    aio__link_between(&third.link, &some[0].link, &some[1].link);
    check_is(&list, 132, 231);
}
