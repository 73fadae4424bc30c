/* Interning, names, weights. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/model/profile.h"

static struct profile *sampled_profile(void)
{
    struct profile *p = profile_new();
    p->count_metric = profile_add_metric(p, "samples", "count");
    p->main_metric = profile_add_metric(p, "cpu", "nanoseconds");
    return p;
}

static void test_equal_things_get_equal_ids(void **state)
{
    (void)state;
    struct profile *p = sampled_profile();
    uint32_t a = profile_module(p, "/lib/a.so", "01", MODULE_FILE);
    uint32_t b = profile_module(p, "/lib/a.so", "02", MODULE_FILE);
    assert_int_equal(profile_module(p, "/lib/a.so", "01", MODULE_FILE), a);
    assert_int_not_equal(a, b);
    uint32_t frames[] = {profile_frame(p, a, 0x10), profile_frame(p, a, 0x20)};
    assert_int_equal(profile_frame(p, a, 0x10), frames[0]);
    assert_int_not_equal(profile_frame(p, b, 0x10), frames[0]);
    uint32_t stack = profile_stack(p, frames, 2);
    assert_int_equal(profile_stack(p, frames, 2), stack);
    assert_int_not_equal(profile_stack(p, frames, 1), stack);
    profile_free(p);
}

static void test_frame_is_named_by_address_until_resolved(void **state)
{
    (void)state;
    struct profile *p = sampled_profile();
    uint32_t module = profile_module(p, "/usr/lib/libx.so.1", NULL, MODULE_FILE);
    uint32_t frame = profile_frame(p, module, 0x1234);
    const struct function *f = profile_get_function(p, profile_frame_lines(p, frame)->function);
    assert_string_equal(f->name, "libx.so.1+0x1234");
    assert_true(f->unresolved);
    struct line line = {
        .function = profile_function(p, &(struct function_spec){.module = module, .name = "work"}),
        .line = 7};
    profile_resolve(p, frame, &line, 1, 0);
    f = profile_get_function(p, profile_frame_lines(p, frame)->function);
    assert_string_equal(f->name, "work");
    assert_false(f->unresolved);
    profile_free(p);
}

static void test_nameless_addresses_of_one_function_share_its_start(void **state)
{
    (void)state;
    struct profile *p = sampled_profile();
    uint32_t module = profile_module(p, "/x/libx.so", NULL, MODULE_FILE);
    uint32_t one = profile_frame(p, module, 0x1010), two = profile_frame(p, module, 0x1020);
    profile_resolve(p, one, NULL, 0, 0x1000);
    profile_resolve(p, two, NULL, 0, 0x1000);
    uint32_t function = profile_frame_lines(p, one)->function;
    assert_int_equal(profile_frame_lines(p, two)->function, function);
    assert_string_equal(profile_get_function(p, function)->name, "libx.so+0x1000");
    profile_free(p);
}

static void test_hostile_names_are_cleaned(void **state)
{
    (void)state;
    struct profile *p = sampled_profile();
    uint32_t module = profile_module(p, "/tmp/\033]52;c;x\a.so", NULL, MODULE_FILE);
    assert_null(strchr(profile_get_module(p, module)->path, '\033'));
    assert_null(strchr(profile_get_module(p, module)->name, '\a'));
    profile_free(p);
}

static void test_add_sums_by_stack_and_thread(void **state)
{
    (void)state;
    struct profile *p = sampled_profile();
    uint32_t module = profile_module(p, "/x", NULL, MODULE_FILE);
    uint32_t frame = profile_frame(p, module, 1);
    uint32_t stack = profile_stack(p, &frame, 1);
    uint32_t process = profile_process(p, 100);
    uint32_t one = profile_thread(p, process, 100), two = profile_thread(p, process, 101);
    profile_add(p, stack, one, 1, (int64_t[]){1, 10});
    profile_add(p, stack, one, 2, (int64_t[]){1, 20});
    profile_add(p, stack, two, 3, (int64_t[]){1, 5});
    assert_int_equal(p->entries->len, 2);
    assert_int_equal(profile_entry_values(p, 0)[1], 30);
    assert_int_equal(profile_get_thread(p, one)->samples, 2);
    assert_int_equal(profile_get_thread(p, two)->value, 5);
    assert_int_equal(p->n_changes, 3);
    profile_free(p);
}

static void test_changes_are_bounded_and_the_sums_are_not(void **state)
{
    (void)state;
    struct profile *p = sampled_profile();
    uint32_t frame = profile_mark(p, "[x]");
    uint32_t stack = profile_stack(p, &frame, 1);
    uint32_t thread = profile_thread(p, profile_process(p, 1), 1);
    int64_t n = PROFILE_CHANGES_MAX + 1000;
    for (int64_t i = 0; i < n; i++)
        profile_add(p, stack, thread, i, (int64_t[]){1, 1});
    assert_int_equal(p->n_changes - p->first_change, PROFILE_CHANGES_MAX);
    assert_int_equal(p->changes[p->first_change % p->changes_size].time_ns, 1000);
    assert_int_equal(profile_entry_values(p, 0)[0], n);
    profile_free(p);
}

static void test_reused_pid_is_a_new_process(void **state)
{
    (void)state;
    struct profile *p = sampled_profile();
    uint32_t first = profile_process(p, 7);
    uint32_t thread = profile_thread(p, first, 7);
    uint32_t second = profile_process_new(p, 7, PROFILE_NONE);
    assert_int_not_equal(first, second);
    assert_int_equal(profile_process(p, 7), second);
    assert_int_not_equal(profile_thread(p, second, 7), thread);
    profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_things_get_equal_ids),
        cmocka_unit_test(test_frame_is_named_by_address_until_resolved),
        cmocka_unit_test(test_nameless_addresses_of_one_function_share_its_start),
        cmocka_unit_test(test_hostile_names_are_cleaned),
        cmocka_unit_test(test_add_sums_by_stack_and_thread),
        cmocka_unit_test(test_changes_are_bounded_and_the_sums_are_not),
        cmocka_unit_test(test_reused_pid_is_a_new_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
