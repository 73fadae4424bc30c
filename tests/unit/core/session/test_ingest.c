/* Events become a profile: maps over time, processes, weights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/session/ingest.h"
#include "tests/unit/core/model/model_builder.h"

struct fixture {
    struct profile *profile;
    pthread_mutex_t lock;
    struct ingest *ingest;
};

static int set_up(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);
    pthread_mutex_init(&f->lock, NULL);
    f->profile = builder_profile();
    f->ingest = ingest_new(f->profile, &f->lock);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    ingest_free(f->ingest);
    profile_free(f->profile);
    pthread_mutex_destroy(&f->lock);
    g_free(f);
    return 0;
}

static void map(struct fixture *f, int pid, const char *path, uint64_t start)
{
    ingest_map(f->ingest,
               &(struct ingest_mmap){
                   .pid = pid, .start = start, .size = 0x1000, .inode = 1, .path = path});
}

/* A sample at `ip`, with a stack that leads nowhere. */
static void sample(struct fixture *f, int pid, int tid, uint64_t ip, int64_t weight_ns)
{
    static const uint8_t stack[64];
    struct ingest_sample s = {.pid = pid,
                              .tid = tid,
                              .weight_ns = weight_ns,
                              .has_user = true,
                              .user = {.regs.known = 1u << 7 | 1u << 16,
                                       .stack = stack,
                                       .stack_size = sizeof stack,
                                       .stack_address = 0x7000}};
    s.user.regs.r[7] = 0x7000;
    s.user.regs.r[16] = ip;
    ingest_sample(f->ingest, &s);
}

/* Path of the module that the leaf of an entry's stack is in. */
static const char *leaf_module(const struct fixture *f, uint32_t entry)
{
    const struct profile *p = f->profile;
    uint32_t leaf = profile_stack_frames(p, profile_get_entry(p, entry)->stack)[0];
    return profile_get_module(p, profile_get_frame(p, leaf)->module)->path;
}

static const char *root_name(const struct fixture *f, uint32_t entry)
{
    const struct profile *p = f->profile;
    uint32_t stack = profile_get_entry(p, entry)->stack;
    uint32_t root = profile_stack_frames(p, stack)[profile_get_stack(p, stack)->n_frames - 1];
    return profile_get_function(p, profile_frame_lines(p, root)->function)->name;
}

static void test_address_belongs_to_what_was_mapped_then(void **state)
{
    struct fixture *f = *state;
    map(f, 100, "/nowhere/first.so", 0x10000);
    sample(f, 100, 100, 0x10010, 1);
    map(f, 100, "/nowhere/second.so", 0x10000);
    sample(f, 100, 100, 0x10010, 1);
    assert_string_equal(leaf_module(f, 0), "/nowhere/first.so");
    assert_string_equal(leaf_module(f, 1), "/nowhere/second.so");
}

static void test_child_has_its_parents_maps_until_exec(void **state)
{
    struct fixture *f = *state;
    map(f, 100, "/nowhere/a.so", 0x10000);
    ingest_fork(f->ingest, 200, 100, 200);
    sample(f, 200, 200, 0x10010, 1);
    ingest_name(f->ingest, 200, 200, "child", true);
    sample(f, 200, 200, 0x10010, 1);
    assert_string_equal(leaf_module(f, 0), "/nowhere/a.so");
    assert_string_equal(leaf_module(f, 1), "[anon]");
    const struct process *child = profile_get_process(f->profile, profile_process(f->profile, 200));
    assert_string_equal(child->name, "child");
    assert_int_equal(profile_get_process(f->profile, child->parent)->pid, 100);
}

static void test_stack_that_leads_nowhere_is_marked_and_counted(void **state)
{
    struct fixture *f = *state;
    map(f, 100, "/nowhere/a.so", 0x10000);
    sample(f, 100, 100, 0x10010, 1);
    assert_string_equal(root_name(f, 0), "[no unwind info]");
    assert_int_equal(f->profile->info.broken, 1);
    assert_int_equal(f->profile->info.samples, 1);
}

static void test_sample_of_nothing_is_marked_and_counted(void **state)
{
    struct fixture *f = *state;
    ingest_sample(f->ingest, &(struct ingest_sample){.pid = 100, .tid = 100, .weight_ns = 5});
    assert_string_equal(root_name(f, 0), "[unknown]");
    assert_int_equal(f->profile->info.broken, 1);
}

static void test_kernel_frames_stand_before_the_users(void **state)
{
    struct fixture *f = *state;
    uint64_t chain[] = {0xffffffff81000010, 0xffffffff81000020};
    ingest_sample(
        f->ingest,
        &(struct ingest_sample){
            .pid = 100, .tid = 100, .weight_ns = 5, .kernel_chain = chain, .n_kernel = 2});
    assert_string_equal(leaf_module(f, 0), "[kernel]");
    const struct profile *p = f->profile;
    const uint32_t *frames = profile_stack_frames(p, 0);
    assert_true(profile_get_frame(p, frames[0])->address == chain[0]);
    assert_true(profile_get_frame(p, frames[1])->address == chain[1] - 1); /* inside the call */
}

static void test_process_ends_with_its_last_thread(void **state)
{
    struct fixture *f = *state;
    sample(f, 100, 100, 0x10010, 1);
    ingest_fork(f->ingest, 100, 100, 101);
    ingest_exit(f->ingest, 100, 100);
    uint32_t process = profile_process(f->profile, 100);
    assert_false(profile_get_process(f->profile, process)->ended);
    ingest_exit(f->ingest, 100, 101);
    assert_true(profile_get_process(f->profile, process)->ended);
}

static void test_thread_that_is_told_twice_counts_once(void **state)
{
    struct fixture *f = *state;
    ingest_fork(f->ingest, 100, 100, 101); /* read from /proc, when it was there already */
    ingest_fork(f->ingest, 100, 100, 101); /* then its birth comes out of the ring */
    ingest_exit(f->ingest, 100, 101);
    ingest_exit(f->ingest, 100, 100);
    assert_int_equal(f->profile->threads->len, 2);
    assert_true(profile_get_process(f->profile, 0)->ended);
}

static void test_thread_of_a_reused_tid_is_alive(void **state)
{
    struct fixture *f = *state;
    ingest_fork(f->ingest, 100, 100, 101);
    ingest_exit(f->ingest, 100, 101);
    ingest_fork(f->ingest, 100, 100, 101);
    assert_false(profile_get_thread(f->profile, 1)->ended);
    ingest_exit(f->ingest, 100, 100);
    assert_false(profile_get_process(f->profile, 0)->ended);
}

static void test_exec_ends_all_threads_but_the_first(void **state)
{
    struct fixture *f = *state;
    ingest_fork(f->ingest, 100, 100, 101);
    ingest_fork(f->ingest, 100, 100, 102);
    ingest_exit(f->ingest, 100, 100); /* 101 takes its place, and nobody tells of 101's end */
    ingest_exit(f->ingest, 100, 102);
    ingest_name(f->ingest, 100, 100, "next", true);
    assert_false(profile_get_thread(f->profile, 0)->ended);
    assert_true(profile_get_thread(f->profile, 1)->ended);
    assert_false(profile_get_process(f->profile, 0)->ended);
    ingest_exit(f->ingest, 100, 100);
    assert_true(profile_get_process(f->profile, 0)->ended);
}

static void test_reused_pid_gets_a_row_of_its_own(void **state)
{
    struct fixture *f = *state;
    sample(f, 100, 100, 0x10010, 1);
    ingest_fork(f->ingest, 200, 100, 200);
    sample(f, 200, 200, 0x10010, 1);
    ingest_exit(f->ingest, 200, 200);
    ingest_fork(f->ingest, 200, 100, 200);
    sample(f, 200, 200, 0x10010, 2);
    assert_int_equal(f->profile->processes->len, 3);
    assert_int_equal(profile_get_thread(f->profile, 1)->value, 1);
    assert_int_equal(profile_get_thread(f->profile, 2)->value, 2);
}

static void test_unsampled_time_counts_without_a_sample(void **state)
{
    struct fixture *f = *state;
    sample(f, 100, 100, 0x10010, 10);
    ingest_unsampled(f->ingest, &(struct ingest_time){.cpu_ns = 32});
    assert_int_equal(ingest_cpu_ns(f->ingest), 42);
    assert_int_equal(ingest_unsampled_ns(f->ingest), 32);
    assert_int_equal(profile_get_thread(f->profile, 0)->samples, 1);
    assert_int_equal(profile_get_thread(f->profile, 0)->value, 42);
    assert_string_equal(root_name(f, 1), "[not sampled]");
}

static void test_unsampled_time_of_several_processes_is_nobodys(void **state)
{
    struct fixture *f = *state;
    sample(f, 100, 100, 0x10010, 10);
    ingest_fork(f->ingest, 200, 100, 200);
    ingest_unsampled(f->ingest, &(struct ingest_time){.cpu_ns = 32});
    assert_int_equal(profile_get_thread(f->profile, 0)->value, 10);
    const struct thread *nobody = profile_get_thread(f->profile, f->profile->threads->len - 1);
    assert_int_equal(nobody->value, 32);
    assert_int_equal(profile_get_process(f->profile, nobody->process)->pid, 0);
    assert_true(nobody->ended);
}

static void test_losses_are_counted(void **state)
{
    struct fixture *f = *state;
    ingest_lost(f->ingest, 3);
    ingest_lost(f->ingest, 4);
    assert_int_equal(f->profile->info.lost, 7);
}

static void test_hostile_names_and_ranges(void **state)
{
    struct fixture *f = *state;
    ingest_name(f->ingest, 100, 100, "\033]0;x\a", true);
    assert_null(strchr(profile_get_process(f->profile, 0)->name, '\033'));
    ingest_map(f->ingest, &(struct ingest_mmap){
                              .pid = 100, .start = UINT64_MAX - 10, .size = 100, .path = "/x"});
    ingest_map(f->ingest,
               &(struct ingest_mmap){.pid = 100, .start = 0x1000, .size = 0, .path = "/x"});
    map(f, 100, "", 0x20000);
    sample(f, 100, 100, UINT64_MAX, 1);
    sample(f, 100, 100, 0x20001, 1);
    ingest_exit(f->ingest, 4711, 4711); /* never seen */
    assert_int_equal(f->profile->info.samples, 2);
}

static void test_the_collectors_own_code_is_one_mark(void **state)
{
    struct fixture *f = *state;
    map(f, 7, "/opt/libproftop.so", 0x10000);
    map(f, 7, "/memfd:proftop-segment (deleted)", 0x20000); /* code that was written for it */
    sample(f, 7, 7, 0x10010, 1000);
    sample(f, 7, 7, 0x10020, 1000);
    sample(f, 7, 7, 0x20010, 1000);
    assert_int_equal(f->profile->entries->len, 1);
    uint32_t stack = profile_get_entry(f->profile, 0)->stack;
    uint32_t leaf = profile_stack_frames(f->profile, stack)[0];
    assert_int_equal(leaf, profile_mark(f->profile, PROFILE_MARK_PROFTOP));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_collectors_own_code_is_one_mark, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_address_belongs_to_what_was_mapped_then, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_child_has_its_parents_maps_until_exec, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_stack_that_leads_nowhere_is_marked_and_counted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_sample_of_nothing_is_marked_and_counted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_kernel_frames_stand_before_the_users, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_process_ends_with_its_last_thread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_thread_that_is_told_twice_counts_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_thread_of_a_reused_tid_is_alive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_exec_ends_all_threads_but_the_first, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_reused_pid_gets_a_row_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unsampled_time_counts_without_a_sample, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_unsampled_time_of_several_processes_is_nobodys, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_losses_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hostile_names_and_ranges, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
