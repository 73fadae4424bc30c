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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errno_error_says_what_and_why),
        cmocka_unit_test(test_errno_error_may_be_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
