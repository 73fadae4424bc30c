/* States of this process, a stopped child and nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/target/thread_state.h"

static void test_reader_itself_is_running(void **state)
{
    (void)state;
    assert_int_equal(thread_state(getpid(), getpid()), 'R');
}

static void test_name_with_brackets_does_not_hide_the_state(void **state)
{
    (void)state;
    prctl(PR_SET_NAME, "a) Z (b");
    assert_int_equal(thread_state(getpid(), getpid()), 'R');
}

static void test_stopped_child_and_zombie(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    assert_int_equal(thread_state(child, child), 'T');
    kill(child, SIGKILL);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(thread_state(child, child), 'Z');
    waitpid(child, &status, 0);
    assert_int_equal(thread_state(child, child), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader_itself_is_running),
        cmocka_unit_test(test_name_with_brackets_does_not_hide_the_state),
        cmocka_unit_test(test_stopped_child_and_zombie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
