/* Ends that were not recorded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/session/vanished.h"

static uint32_t add(struct profile *p, int pid)
{
    uint32_t process = profile_process(p, pid);
    profile_thread(p, process, pid);
    return process;
}

static int pid_of_ended_child(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return pid;
}

static void test_vanished_marks_only_what_is_gone_when_records_are_lost(void **state)
{
    (void)state;
    struct profile *p = profile_new();
    uint32_t own = add(p, getpid()), gone = add(p, pid_of_ended_child());
    vanished_mark(p);
    assert_false(profile_get_process(p, gone)->ended); /* nothing was lost: its record will come */
    p->info.lost = 1;
    vanished_mark(p);
    assert_true(profile_get_process(p, gone)->ended);
    assert_true(profile_get_thread(p, 1)->ended);
    assert_false(profile_get_process(p, own)->ended);
    assert_false(profile_get_thread(p, 0)->ended);
    profile_free(p);
}

static void test_vanished_marks_a_thread_of_a_process_that_runs(void **state)
{
    (void)state;
    struct profile *p = profile_new();
    uint32_t own = add(p, getpid());
    uint32_t thread = profile_thread(p, own, pid_of_ended_child());
    p->info.lost = 1;
    vanished_mark(p);
    assert_true(profile_get_thread(p, thread)->ended);
    assert_false(profile_get_process(p, own)->ended);
    profile_free(p);
}

static void test_mark_process_ends_its_threads_only(void **state)
{
    (void)state;
    struct profile *p = profile_new();
    uint32_t one = add(p, 100), other = add(p, 200);
    profile_thread(p, one, 101);
    vanished_mark_process(p, one);
    assert_true(profile_get_process(p, one)->ended);
    assert_false(profile_get_process(p, other)->ended);
    assert_true(profile_get_thread(p, 0)->ended);
    assert_false(profile_get_thread(p, 1)->ended);
    assert_true(profile_get_thread(p, 2)->ended);
    profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vanished_marks_only_what_is_gone_when_records_are_lost),
        cmocka_unit_test(test_vanished_marks_a_thread_of_a_process_that_runs),
        cmocka_unit_test(test_mark_process_ends_its_threads_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
