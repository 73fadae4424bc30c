/*
 * Tests of the list of functions that only allocate.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/model/allocators.h"

static void test_have_when_it_only_allocates(void **state)
{
    (void)state;
    assert_true(allocators_have("_Znwm"));
    assert_true(allocators_have("_ZnamSt11align_val_tRKSt9nothrow_t"));
    assert_true(allocators_have("_IO_getdelim")); /* the first */
    assert_true(allocators_have("wcsdup"));       /* the last */
    assert_true(allocators_have("strdup"));
    assert_true(allocators_have("__vasprintf_internal"));
    assert_true(allocators_have("_ZNSt12_Vector_baseIiSaIiEE11_M_allocateEm"));
    assert_true(allocators_have("_ZN9__gnu_cxx13new_allocatorIiE8allocateEmPKv"));
}

static void test_have_not_when_it_does_more(void **state)
{
    (void)state;
    assert_false(allocators_have("main"));
    assert_false(allocators_have(""));
    assert_false(allocators_have("_ZdlPv")); /* operator delete */
    assert_false(allocators_have("strdupa"));
    assert_false(allocators_have("_ZNSt6vectorIiSaIiEE17_M_realloc_insertE"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_have_when_it_only_allocates),
        cmocka_unit_test(test_have_not_when_it_does_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
