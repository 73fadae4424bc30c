/* Errors made of errno. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/base/error.h"

static void test_errno_error_says_what_and_why(void **state)
{
    GError *error = NULL;
    (void)state;
    errno = ENOSPC;
    assert_false(proftop_error_set_errno(&error, "cannot write"));
    assert_true(g_error_matches(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED));
    assert_string_equal(error->message, "cannot write: No space left on device");
    g_clear_error(&error);
}

static void test_errno_error_may_be_ignored(void **state)
{
    (void)state;
    errno = EACCES;
    assert_false(proftop_error_set_errno(NULL, "cannot write"));
}

static void test_message_is_formatted_and_the_result_is_false(void **state)
{
    (void)state;
    GError *error = NULL;
    assert_false(proftop_error_set(&error, PROFTOP_ERROR_USAGE, "%d is no %s", 7, "pid %d"));
    assert_true(g_error_matches(error, PROFTOP_ERROR, PROFTOP_ERROR_USAGE));
    assert_string_equal(error->message, "7 is no pid %d");
    g_error_free(error);
    assert_false(proftop_error_set(NULL, PROFTOP_ERROR_FAILED, "nobody asks"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errno_error_says_what_and_why),
        cmocka_unit_test(test_errno_error_may_be_ignored),
        cmocka_unit_test(test_message_is_formatted_and_the_result_is_false),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
