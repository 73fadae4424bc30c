/* The status of processes whose state is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/target/proc_status.h"

static void test_own_status(void **state)
{
    (void)state;
    struct proc_status status;
    assert_true(proc_status_read(getpid(), &status));
    assert_int_equal(status.parent_pid, getppid());
    assert_true(status.n_threads >= 1);
    assert_false(status.is_zombie);
    assert_int_equal(status.has_seccomp, prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 0);
}

static void test_child_that_ended_is_a_zombie_until_it_is_reaped(void **state)
{
    (void)state;
    struct proc_status status;
    siginfo_t info;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    assert_true(proc_status_read(child, &status));
    assert_true(status.is_zombie);
    assert_int_equal(status.n_threads, 1);
    assert_int_equal(status.parent_pid, getpid());
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_false(proc_status_read(child, &status));
}

static void test_name_cannot_pass_for_a_line(void **state)
{
    (void)state;
    struct proc_status status;
    assert_int_equal(prctl(PR_SET_NAME, "x\nPPid:\t77", 0, 0, 0), 0);
    assert_true(proc_status_read(getpid(), &status));
    assert_int_equal(status.parent_pid, getppid());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_status),
        cmocka_unit_test(test_child_that_ended_is_a_zombie_until_it_is_reaped),
        cmocka_unit_test(test_name_cannot_pass_for_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
