/*
 * Thread ids, also those of a process in a pid namespace of its own, which is made where that is
 * permitted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collectors/timer/timer_tids.h"

/* What the process in the namespace tells: by its own numbers. */
struct inner {
    int pid, tids[2];
};

struct fixture {
    int maker, pid; /* who made the namespace; who is in it */
    struct inner inner;
};

static void *thread(void *tid)
{
    *(int *)tid = gettid();
    pause();
    return NULL;
}

static _Noreturn void live_in_namespace(int out)
{
    static volatile struct inner inner;
    pthread_t id;
    inner.pid = getpid();
    for (int i = 0; i < 2; i++) {
        pthread_create(&id, NULL, thread, (void *)&inner.tids[i]);
        while (inner.tids[i] == 0)
            sched_yield();
    }
    if (write(out, (void *)&inner, sizeof inner) < 0)
        _exit(1);
    pause();
    _exit(0);
}

static _Noreturn void make_namespace(int out)
{
    if (unshare(CLONE_NEWPID) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0)
        _exit(1);
    int pid = fork();
    if (pid == 0)
        live_in_namespace(out);
    if (write(out, &pid, sizeof pid) < 0)
        _exit(1);
    waitpid(pid, NULL, 0);
    _exit(0);
}

/* What is written first is either's: the one is an int, the other three. */
static bool read_numbers(int in, struct fixture *fixture)
{
    for (int i = 0; i < 2; i++) {
        int numbers[3];
        ssize_t n = read(in, numbers, sizeof numbers);
        if (n == sizeof numbers)
            fixture->inner = (struct inner){numbers[0], {numbers[1], numbers[2]}};
        else if (n == sizeof(int))
            fixture->pid = numbers[0];
        else
            return false;
    }
    return true;
}

static int set_up(void **state)
{
    struct fixture *fixture = g_new0(struct fixture, 1);
    int ends[2];
    if (pipe2(ends, O_DIRECT) != 0)
        return -1;
    fixture->maker = fork();
    if (fixture->maker == 0)
        make_namespace(ends[1]);
    close(ends[1]);
    if (!read_numbers(ends[0], fixture))
        fixture->pid = 0;
    close(ends[0]);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->pid > 0)
        kill(fixture->pid, SIGKILL);
    waitpid(fixture->maker, NULL, 0);
    g_free(fixture);
    return 0;
}

static void test_numbers_are_the_same_without_namespace(void **state)
{
    struct timer_tids tids;
    (void)state;
    assert_int_equal(timer_tids_inner(getpid(), gettid()), gettid());
    assert_int_equal(timer_tids_inner(getpid(), 0), 0);
    timer_tids_init(&tids, getpid(), getpid());
    assert_int_equal(timer_tids_find(&tids, 77, 1), 77);
    timer_tids_clear(&tids);
}

static void test_threads_in_a_namespace_are_found(void **state)
{
    struct fixture *fixture = *state;
    struct timer_tids tids;
    int found[2];
    if (fixture->pid == 0)
        skip();
    assert_int_equal(timer_tids_inner(fixture->pid, fixture->pid), fixture->inner.pid);
    timer_tids_init(&tids, fixture->pid, fixture->inner.pid);
    assert_int_equal(timer_tids_find(&tids, fixture->inner.pid, 1), fixture->pid);
    for (int i = 0; i < 2; i++) {
        uint32_t serial = 2 + (uint32_t)i;
        if (i == 0)
            assert_int_equal(timer_tids_find(&tids, fixture->inner.tids[i], serial), 0);
        found[i] = timer_tids_look(&tids, fixture->inner.tids[i], serial);
        assert_int_equal(timer_tids_inner(fixture->pid, found[i]), fixture->inner.tids[i]);
        assert_int_equal(timer_tids_find(&tids, fixture->inner.tids[i], serial), found[i]);
    }
    assert_int_not_equal(found[0], found[1]);
    assert_int_equal(timer_tids_look(&tids, 12345, 9), 0);
    timer_tids_clear(&tids);
}

static void test_ended_thread_keeps_its_samples(void **state)
{
    struct fixture *fixture = *state;
    struct timer_tids tids;
    if (fixture->pid == 0)
        skip();
    timer_tids_init(&tids, fixture->pid, fixture->inner.pid);
    int tid = timer_tids_look(&tids, fixture->inner.tids[0], 5);
    assert_true(tid > 0);
    kill(fixture->pid, SIGKILL);
    waitpid(fixture->maker, NULL, 0);
    fixture->pid = 0;
    assert_int_equal(timer_tids_find(&tids, fixture->inner.tids[0], 5), tid);
    assert_int_equal(timer_tids_find(&tids, fixture->inner.tids[0], 6), 0);
    timer_tids_clear(&tids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_the_same_without_namespace),
        cmocka_unit_test_setup_teardown(test_threads_in_a_namespace_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ended_thread_keeps_its_samples, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
