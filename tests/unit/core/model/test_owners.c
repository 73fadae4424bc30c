/* Processes and threads as frames. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/model/owners.h"
#include "tests/unit/core/model/model_builder.h"

static struct profile *two_threads(void)
{
    struct profile *p = builder_profile();
    builder_sample(p, "main a", 1, 1, 0, 30);
    builder_sample(p, "main a", 1, 2, 0, 12);
    profile_get_process(p, 0)->name = profile_text(p, "shop");
    profile_get_thread(p, 0)->name = profile_text(p, "shop");
    profile_get_thread(p, 1)->name = profile_text(p, "worker");
    return p;
}

/* Weight of all paths that begin with these words. */
static int64_t weight_of(const struct profile *p, const char *const *words)
{
    struct calltree_options everything = builder_everything();
    struct calltree *tree = calltree_new(p, &everything);
    calltree_update(tree, 0);
    uint32_t id = CALLTREE_ROOT;
    for (; id != PROFILE_NONE && *words; words++) {
        uint32_t function = builder_function(p, *words);
        id = calltree_node(tree, id)->first_child;
        while (id != PROFILE_NONE && calltree_node(tree, id)->function != function)
            id = calltree_node(tree, id)->next_sibling;
    }
    int64_t weight = id == PROFILE_NONE ? 0 : calltree_node(tree, id)->total.value;
    calltree_free(tree);
    return weight;
}

static void test_process_stands_outermost(void **state)
{
    (void)state;
    struct profile *p = two_threads();
    owners_add(p, false);
    assert_int_equal(weight_of(p, (const char *[]){"shop", "main", "a", NULL}), 42);
    profile_free(p);
}

static void test_threads_are_told_apart_on_request(void **state)
{
    (void)state;
    struct profile *p = two_threads();
    owners_add(p, true);
    assert_int_equal(weight_of(p, (const char *[]){"shop", NULL}), 42);
    assert_int_equal(weight_of(p, (const char *[]){"shop", "[shop tid=1]", "main", NULL}), 30);
    assert_int_equal(weight_of(p, (const char *[]){"shop", "[worker tid=2]", "main", NULL}), 12);
    profile_free(p);
}

static void test_calls_have_processes_and_threads_too(void **state)
{
    (void)state;
    struct profile *p = two_threads();
    struct call_record *record = builder_calls(p, "main a", 1, 2, 3, 30);
    owners_add(p, true);
    const uint32_t *frames = profile_stack_frames(p, record->stack);
    assert_int_equal(profile_get_stack(p, record->stack)->n_frames, 4);
    assert_int_equal(frames[2], profile_mark(p, "[worker tid=2]"));
    assert_int_equal(frames[3], profile_mark(p, "shop"));
    profile_free(p);
}

static void test_sites_of_the_heap_have_processes_too(void **state)
{
    (void)state;
    struct profile *p = two_threads();
    uint32_t stack = profile_get_entry(p, 0)->stack;
    uint32_t n_frames = profile_get_stack(p, stack)->n_frames;
    heap_site_get(p->heap, stack, 0)->values[HEAP_ALLOCS] = 3;
    owners_add(p, true);
    const struct heap_site *site = &g_array_index(p->heap->sites, struct heap_site, 0);
    assert_int_equal(profile_get_stack(p, site->stack)->n_frames, n_frames + 1);
    assert_int_equal(profile_stack_frames(p, site->stack)[n_frames], profile_mark(p, "shop"));
    profile_free(p);
}

static void test_deepest_stack_gives_way_outside(void **state)
{
    (void)state;
    struct profile *p = two_threads();
    uint32_t frames[PROFILE_DEPTH_MAX];
    for (size_t i = 0; i < PROFILE_DEPTH_MAX; i++)
        frames[i] = builder_frame(p, i == 0 ? "leaf" : "deep");
    uint32_t stack = profile_stack(p, frames, PROFILE_DEPTH_MAX);
    profile_add(p, stack, 0, 0, (int64_t[]){1, 5});
    owners_add(p, true);
    uint32_t last = profile_get_entry(p, p->entries->len - 1)->stack;
    assert_int_equal(profile_get_stack(p, last)->n_frames, PROFILE_DEPTH_MAX);
    assert_int_equal(profile_stack_frames(p, last)[0], frames[0]);
    assert_int_equal(weight_of(p, (const char *[]){"shop", "[shop tid=1]", "deep", NULL}), 5);
    profile_free(p);
}

static void test_mark_is_not_doubled(void **state)
{
    (void)state;
    struct profile *p = two_threads();
    uint32_t mark = profile_mark(p, "shop");
    profile_add(p, profile_stack(p, &mark, 1), 0, 0, (int64_t[]){1, 5});
    owners_add(p, false);
    assert_int_equal(weight_of(p, (const char *[]){"shop", NULL}), 47);
    assert_int_equal(weight_of(p, (const char *[]){"shop", "shop", NULL}), 0);
    profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_process_stands_outermost),
        cmocka_unit_test(test_threads_are_told_apart_on_request),
        cmocka_unit_test(test_calls_have_processes_and_threads_too),
        cmocka_unit_test(test_sites_of_the_heap_have_processes_too),
        cmocka_unit_test(test_deepest_stack_gives_way_outside),
        cmocka_unit_test(test_mark_is_not_doubled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
