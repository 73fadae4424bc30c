/* What can be attached to, what is said of the rest, and that the hold is on that process alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/target/attachment.h"

static pid_t child;
static int to_child = -1; /* its standard input, which never comes to its end */

static int tear_down(void **state)
{
    (void)state;
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    child = 0;
    if (to_child >= 0)
        close(to_child);
    to_child = -1;
    return 0;
}

/* A child that runs `sh -c script name`, when it has begun to. */
static void start(const char *script)
{
    int told[2], in[2];
    char byte;
    assert_int_equal(pipe(told), 0);
    assert_int_equal(pipe(in), 0);
    to_child = in[1];
    child = fork();
    if (child == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(told[1], STDOUT_FILENO);
        close(in[0]);
        close(in[1]);
        close(told[0]);
        close(told[1]);
        execl("/bin/sh", "sh", "-c", script, "a name", (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(told[1]);
    assert_int_equal(read(told[0], &byte, 1), 1);
    close(told[0]);
}

static void assert_refused(pid_t pid, int code, const char *words)
{
    GError *error = NULL;
    assert_null(attachment_open(pid, &error));
    assert_true(g_error_matches(error, PROFTOP_ERROR, code));
    assert_non_null(strstr(error->message, words));
    assert_null(strchr(error->message, '\n'));
    g_error_free(error);
}

static struct attachment *open_child(void)
{
    GError *error = NULL;
    struct attachment *attachment = attachment_open(child, &error);
    assert_null(error);
    assert_non_null(attachment);
    return attachment;
}

static void test_process_shows_its_command_and_ends(void **state)
{
    (void)state;
    start("echo; read x");
    struct attachment *attachment = open_child();
    assert_int_equal(attachment_pid(attachment), child);
    assert_string_equal(attachment_command(attachment), "sh -c 'echo; read x' 'a name'");
    assert_false(attachment_has_ended(attachment));
    assert_true(attachment_signal(attachment, SIGKILL));
    siginfo_t info;
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    assert_true(attachment_has_ended(attachment)); /* though its parent has not taken note */
    waitpid(child, NULL, 0);
    child = 0;
    assert_true(attachment_has_ended(attachment));
    assert_false(attachment_signal(attachment, SIGKILL));
    attachment_free(attachment);
}

/* What setproctitle() leaves: one word with blanks, and zeros behind it. */
static void test_title_of_its_own_stays_as_it_is(void **state)
{
    (void)state;
    start("exec perl -e '$0 = \"pool: 3 workers\"; $| = 1; print \"x\"; <STDIN>'");
    struct attachment *attachment = open_child();
    assert_string_equal(attachment_command(attachment), "pool: 3 workers");
    attachment_free(attachment);
}

static void test_no_process_at_all(void **state)
{
    (void)state;
    assert_refused(0, PROFTOP_ERROR_USAGE, "0 is no process id");
    assert_refused(-4, PROFTOP_ERROR_USAGE, "-4 is no process id");
    assert_refused(getpid(), PROFTOP_ERROR_USAGE, "is proftop itself");
    start("echo; read x");
    pid_t gone = child;
    tear_down(NULL);
    assert_refused(gone, PROFTOP_ERROR_FAILED, "there is no process");
}

static void test_zombie_has_ended(void **state)
{
    (void)state;
    start("echo; exit 0");
    siginfo_t info;
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    assert_refused(child, PROFTOP_ERROR_FAILED, "has ended already");
}

static void test_thread_of_the_kernel(void **state)
{
    (void)state;
    char *name = NULL;
    g_file_get_contents("/proc/2/comm", &name, NULL, NULL);
    bool has = name && strcmp(name, "kthreadd\n") == 0;
    g_free(name);
    if (!has)
        skip(); /* a container shows none */
    assert_refused(2, PROFTOP_ERROR_FAILED, "thread of the kernel");
}

static void *stay(void *arg)
{
    *(pid_t *)arg = gettid();
    for (;;)
        pause();
    return NULL;
}

static void test_thread_is_no_process_but_lives_on_without_the_first(void **state)
{
    (void)state;
    pid_t *tid = g_new0(pid_t, 1);
    int told[2];
    assert_int_equal(pipe(told), 0);
    child = fork();
    if (child == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, stay, tid);
        while (__atomic_load_n(tid, __ATOMIC_ACQUIRE) == 0)
            sched_yield();
        if (write(told[1], tid, sizeof *tid) == sizeof *tid)
            pthread_exit(NULL);
    }
    assert_int_equal(read(told[0], tid, sizeof *tid), sizeof *tid);
    assert_refused(*tid, PROFTOP_ERROR_FAILED, "is a thread of process");
    struct attachment *attachment = open_child();
    assert_false(attachment_has_ended(attachment));
    attachment_free(attachment);
    close(told[0]);
    close(told[1]);
    g_free(tid);
}

/* Runs attachment_open in a child of another user; exits with the error's code. */
static int open_as_nobody(pid_t pid)
{
    pid_t nobody = fork();
    if (nobody == 0) {
        GError *error = NULL;
        bool dropped = setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0;
        _exit(!dropped ? 99 : attachment_open(pid, &error) ? 98 : error->code);
    }
    int status;
    waitpid(nobody, &status, 0);
    return WEXITSTATUS(status);
}

static void test_other_users_process_is_not_permitted(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    start("echo; read x");
    assert_int_equal(open_as_nobody(child), PROFTOP_ERROR_NOT_PERMITTED);
}

static void test_process_that_shields_itself_is_not_permitted(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    int told[2];
    char byte;
    assert_int_equal(pipe(told), 0);
    child = fork();
    if (child == 0) {
        bool ok = setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0 &&
                  prctl(PR_SET_DUMPABLE, 0) == 0 && write(told[1], "x", 1) == 1;
        while (ok)
            pause();
        _exit(1);
    }
    assert_int_equal(read(told[0], &byte, 1), 1);
    assert_int_equal(open_as_nobody(child), PROFTOP_ERROR_NOT_PERMITTED);
    attachment_free(open_child()); /* as root it can be watched */
    close(told[0]);
    close(told[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_process_shows_its_command_and_ends, tear_down),
        cmocka_unit_test_teardown(test_title_of_its_own_stays_as_it_is, tear_down),
        cmocka_unit_test_teardown(test_no_process_at_all, tear_down),
        cmocka_unit_test_teardown(test_zombie_has_ended, tear_down),
        cmocka_unit_test_teardown(test_thread_of_the_kernel, tear_down),
        cmocka_unit_test_teardown(test_thread_is_no_process_but_lives_on_without_the_first,
                                  tear_down),
        cmocka_unit_test_teardown(test_other_users_process_is_not_permitted, tear_down),
        cmocka_unit_test_teardown(test_process_that_shields_itself_is_not_permitted, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
