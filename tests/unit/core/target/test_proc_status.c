/* The status of processes whose state is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
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
    assert_int_equal(status.tgid, getpid());
    assert_int_equal(status.uid, getuid());
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

static void *read_own_status(void *ret_status)
{
    assert_true(proc_status_read(gettid(), ret_status));
    return NULL;
}

static void test_thread_tells_its_process(void **state)
{
    (void)state;
    struct proc_status status = {0};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_own_status, &status), 0);
    pthread_join(thread, NULL);
    assert_int_equal(status.tgid, getpid());
}

static void test_user_is_the_real_one(void **state)
{
    (void)state;
    struct proc_status status;
    if (getuid() != 0)
        skip(); /* only root can be another */
    int told[2];
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        bool ok = setresuid(4000000000u, 77, 77) == 0;
        if (write(told[1], "x", ok) == 1)
            pause();
        _exit(1);
    }
    close(told[1]);
    char byte;
    assert_int_equal(read(told[0], &byte, 1), 1);
    close(told[0]);
    assert_true(proc_status_read(child, &status));
    assert_true(status.uid == 4000000000u);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
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
        cmocka_unit_test(test_thread_tells_its_process),
        cmocka_unit_test(test_user_is_the_real_one),
        cmocka_unit_test(test_name_cannot_pass_for_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
