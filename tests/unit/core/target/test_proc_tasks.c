/* What /proc tells about this process's own threads and about children of the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/target/proc_tasks.h"

static bool contains(const GArray *tids, int tid)
{
    for (guint i = 0; i < tids->len; i++)
        if (g_array_index(tids, int, i) == tid)
            return true;
    return false;
}

struct other {
    pthread_barrier_t meet;
    pid_t tid;
};

static void *be_there(void *arg)
{
    struct other *other = arg;
    prctl(PR_SET_NAME, "line\nbreak) x");
    other->tid = gettid();
    pthread_barrier_wait(&other->meet);
    pthread_barrier_wait(&other->meet);
    return NULL;
}

static void test_list_and_names_of_threads(void **state)
{
    (void)state;
    struct other other;
    pthread_t thread;
    pthread_barrier_init(&other.meet, NULL, 2);
    pthread_create(&thread, NULL, be_there, &other);
    pthread_barrier_wait(&other.meet);
    GArray *tids = proc_tasks_list(getpid());
    assert_true(contains(tids, getpid()));
    assert_true(contains(tids, other.tid));
    g_array_unref(tids);
    char *name = proc_task_name(getpid(), other.tid);
    assert_string_equal(name, "line\nbreak) x");
    g_free(name);
    assert_true(proc_task_cpu_ns(getpid(), other.tid) >= 0);
    pthread_barrier_wait(&other.meet);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&other.meet);
}

/* A child that waits to be killed, or, as `ended`, is not waited for. */
static pid_t start_child(bool ended)
{
    pid_t pid = fork();
    if (pid == 0) {
        while (!ended)
            pause();
        _exit(0);
    }
    siginfo_t info;
    if (ended)
        waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    return pid;
}

static void end_child(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void test_children_are_listed(void **state)
{
    (void)state;
    pid_t pid = start_child(false);
    GArray *pids = proc_children(getpid(), 64);
    assert_true(contains(pids, pid));
    g_array_unref(pids);
    end_child(pid);
    pids = proc_children(getpid(), 64);
    assert_false(contains(pids, pid));
    g_array_unref(pids);
}

static void test_nothing_is_told_of_what_is_gone(void **state)
{
    (void)state;
    pid_t pid = start_child(false);
    end_child(pid);
    GArray *tids = proc_tasks_list(pid);
    assert_int_equal(tids->len, 0);
    g_array_unref(tids);
    assert_null(proc_task_name(pid, pid));
    assert_int_equal(proc_task_cpu_ns(pid, pid), -1);
    assert_int_equal(proc_process_cpu_ns(pid), -1);
    assert_int_equal(proc_tasks_living(pid), 0);
}

static void test_zombie_has_no_living_thread(void **state)
{
    (void)state;
    pid_t pid = start_child(true);
    assert_int_equal(proc_tasks_living(pid), 0);
    end_child(pid);
}

static void *stay(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static void test_living_thread_is_found_when_the_first_has_ended(void **state)
{
    (void)state;
    assert_int_equal(proc_tasks_living(getpid()), getpid());
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, stay, NULL);
        pthread_exit(NULL);
    }
    while (proc_tasks_living(pid) == pid)
        sched_yield();
    pid_t living = proc_tasks_living(pid);
    GArray *tids = proc_tasks_list(pid);
    assert_true(living != 0 && contains(tids, living));
    g_array_unref(tids);
    end_child(pid);
}

static void test_cpu_time_grows_with_work(void **state)
{
    (void)state;
    int64_t before_ns = proc_task_cpu_ns(getpid(), getpid()), process_ns;
    do
        process_ns = proc_process_cpu_ns(getpid());
    while (proc_task_cpu_ns(getpid(), getpid()) < before_ns + 20 * 1000 * 1000);
    assert_true(process_ns >= before_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_and_names_of_threads),
        cmocka_unit_test(test_children_are_listed),
        cmocka_unit_test(test_nothing_is_told_of_what_is_gone),
        cmocka_unit_test(test_zombie_has_no_living_thread),
        cmocka_unit_test(test_living_thread_is_found_when_the_first_has_ended),
        cmocka_unit_test(test_cpu_time_grows_with_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
