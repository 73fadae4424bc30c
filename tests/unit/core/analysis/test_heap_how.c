/*
 * Tests of how a heap was measured, in words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/analysis/heap_how.h"
#include "tests/unit/core/model/model_builder.h"

static void assert_how(const struct profile *p, uint32_t process, const char *expected)
{
    bool some_exact = heap_has_exact_sites(p->heap, process);
    assert_string_equal(heap_how(p->heap, process, some_exact), expected);
}

static void test_how_tells_what_came_first(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    struct heap_site *parse = builder_site(p, "main parse", 1, 10, 100, 2);
    struct heap_process *process = heap_process_get(p->heap, parse->process);
    assert_how(p, PROFILE_NONE, "exact");
    process->mode = HEAP_SAMPLED;
    assert_how(p, PROFILE_NONE, "exact, then sampled");
    parse->sampled = 3; /* nothing is known to be exact any more */
    assert_how(p, PROFILE_NONE, "sampled");
    builder_site(p, "main draw", 1, 4, 10, 4);
    process->mode = HEAP_EXACT;
    process->was_sampled = true;
    assert_how(p, PROFILE_NONE, "sampled, then exact");
    process->mode = HEAP_OFF;
    process->allocs = 14;
    assert_how(p, PROFILE_NONE, "exact, then sampled");
    profile_free(p);
}

static void test_how_is_that_of_the_process(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    builder_site(p, "main draw", 1, 4, 10, 4);
    builder_site(p, "main parse", 2, 10, 100, 2)->sampled = 5;
    heap_process_get(p->heap, profile_process(p, 2))->mode = HEAP_SAMPLED;
    assert_how(p, profile_process(p, 1), "exact");
    assert_how(p, profile_process(p, 2), "sampled");
    assert_how(p, PROFILE_NONE, "exact, then sampled");
    profile_free(p);
}

static void test_sites_without_blocks_tell_nothing(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    builder_site(p, "main draw", 1, 0, 10, 0);
    heap_process_get(p->heap, profile_process(p, 1))->mode = HEAP_SAMPLED;
    assert_how(p, PROFILE_NONE, "sampled");
    profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_how_tells_what_came_first),
        cmocka_unit_test(test_how_is_that_of_the_process),
        cmocka_unit_test(test_sites_without_blocks_tell_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
