/*
 * Tests of lists: scrolling without a cursor.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tui/widgets/w_list.h"

static void assert_top(struct list *list, enum request request, int top)
{
    assert_true(list_scroll_request(list, request));
    assert_int_equal(list->top, top);
    assert_in_range(list->cursor, list->top, list->top + list->height - 1);
}

static void test_requests_scroll_at_once_and_stop_at_the_ends(void **state)
{
    (void)state;
    struct list list = {0};
    list_fit(&list, 100, 11);
    assert_top(&list, REQUEST_UP, 0);
    assert_top(&list, REQUEST_DOWN, 1);
    assert_top(&list, REQUEST_PAGE_DOWN, 12);
    assert_top(&list, REQUEST_HALF_DOWN, 17);
    assert_top(&list, REQUEST_UP, 16);
    assert_top(&list, REQUEST_END, 89);
    assert_top(&list, REQUEST_PAGE_DOWN, 89);
    assert_top(&list, REQUEST_HALF_UP, 84);
    assert_top(&list, REQUEST_PAGE_UP, 73);
    assert_top(&list, REQUEST_HOME, 0);
    assert_false(list_scroll_request(&list, REQUEST_QUIT));
    list_fit(&list, 5, 11);
    assert_top(&list, REQUEST_END, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_scroll_at_once_and_stop_at_the_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
