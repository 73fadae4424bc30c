/*
 * The engine on a process that runs already: each of its threads is sampled, and each that comes,
 * once, from the attaching on. Skipped where perf_event_open is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collectors/perf/perf_source.h"
#include "core/base/error.h"
#include "core/session/existing.h"
#include "core/session/ingest.h"
#include "core/target/proc_tasks.h"
#include "tests/unit/core/model/model_builder.h"

struct fixture {
    struct profile *profile;
    pthread_mutex_t lock;
    struct ingest *ingest;
    void *source;
    int pid, wake_fd;
    int tell_fd, told_fd; /* to and from the process: a byte is one more thread */
};

static int set_up(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);
    pthread_mutex_init(&f->lock, NULL);
    f->profile = builder_profile();
    f->ingest = ingest_new(f->profile, &f->lock);
    f->wake_fd = eventfd(0, EFD_CLOEXEC);
    *state = f;
    return 0;
}

static void end_process(struct fixture *f)
{
    if (f->pid <= 0)
        return;
    close(f->tell_fd);
    close(f->told_fd);
    kill(f->pid, SIGKILL);
    waitpid(f->pid, NULL, 0);
    f->pid = 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f->source)
        perf_source_ops.stop(f->source);
    end_process(f);
    close(f->wake_fd);
    ingest_free(f->ingest);
    profile_free(f->profile);
    pthread_mutex_destroy(&f->lock);
    g_free(f);
    return 0;
}

/* ---- the process ---- */

static void *spin(void *arg)
{
    for (volatile unsigned i = 0;; i++)
        ;
    return arg;
}

/* Serves bytes: 't' starts a thread that spins, 'p' a process, 'e' ends the first thread. */
static void *serve(void *fds)
{
    const int *fd = fds;
    char byte;
    pthread_t thread;
    while (read(fd[0], &byte, 1) == 1) {
        if (byte == 't')
            pthread_create(&thread, NULL, spin, NULL);
        else if (byte == 'p' && fork() == 0)
            spin(NULL);
        if (write(byte == 'e' ? fd[3] : fd[1], &byte, 1) != 1)
            break;
    }
    _exit(0);
}

static void be_process(int from, int to)
{
    int inner[2];
    char byte;
    pthread_t thread;
    assert_int_equal(pipe(inner), 0);
    int fds[] = {from, to, inner[0], inner[1]};
    pthread_create(&thread, NULL, serve, g_memdup2(fds, sizeof fds));
    if (read(inner[0], &byte, 1) == 1 && write(to, &byte, 1) == 1)
        pthread_exit(NULL);
    _exit(1);
}

static void start_process(struct fixture *f)
{
    int to[2], from[2];
    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    f->pid = fork();
    if (f->pid == 0) {
        close(to[1]);
        close(from[0]);
        be_process(to[0], from[1]);
    }
    close(to[0]);
    close(from[1]);
    f->tell_fd = to[1];
    f->told_fd = from[0];
}

static void ask(struct fixture *f, char byte)
{
    assert_int_equal(write(f->tell_fd, &byte, 1), 1);
    assert_int_equal(read(f->told_fd, &byte, 1), 1);
}

/* ---- watching it ---- */

static bool may_sample(void)
{
    GPtrArray *notes = g_ptr_array_new_with_free_func(g_free);
    bool can = perf_source_ops.probe(&(struct source_options){.attached = true}, notes, NULL);
    g_ptr_array_unref(notes);
    return can;
}

static void attach(struct fixture *f, bool children)
{
    GError *error = NULL;
    GArray *told = existing_introduce(f->ingest, f->pid);
    assert_non_null(told);
    f->source = perf_source_ops.start(
        &(struct source_options){
            .pid = f->pid, .attached = true, .rate_hz = 999, .children = children},
        &error);
    assert_null(error);
    assert_true(existing_settle(f->ingest, f->pid, told));
}

static void drain(struct fixture *f)
{
    perf_source_ops.wait(f->source, f->wake_fd, 20);
    perf_source_ops.drain(f->source, f->ingest, false);
}

/* The thread with the most samples, except `but`. */
static const struct thread *busiest(const struct fixture *f, const struct thread *but)
{
    const struct thread *found = NULL;
    for (uint32_t i = 0; i < f->profile->threads->len; i++) {
        const struct thread *t = profile_get_thread(f->profile, i);
        if ((!but || t->tid != but->tid) && (!found || t->samples > found->samples))
            found = t;
    }
    return found;
}

static void wait_for_samples(struct fixture *f, const struct thread *but, int64_t n)
{
    while (busiest(f, but)->samples < n)
        drain(f);
}

/* Its CPU time in the profile is that of the kernel since `before_ns`, and not twice that. */
static void assert_time_since(struct fixture *f, const struct thread *t, int64_t before_ns)
{
    int pid = profile_get_process(f->profile, t->process)->pid;
    int64_t cpu_ns = proc_task_cpu_ns(pid, t->tid) - before_ns;
    assert_in_range(t->value, cpu_ns / 2, cpu_ns + cpu_ns / 4);
}

static void test_what_runs_is_sampled_from_now_on(void **state)
{
    struct fixture *f = *state;
    if (!may_sample())
        skip();
    start_process(f);
    ask(f, 't');
    ask(f, 't');
    while (proc_process_cpu_ns(f->pid) < 300 * 1000 * 1000)
        sched_yield();
    GArray *tids = proc_tasks_list(f->pid);
    guint n_threads = tids->len; /* a sanitizer adds its own */
    assert_true(n_threads >= 4);
    int64_t before_ns = 0;
    for (guint i = 0; i < tids->len; i++)
        before_ns += proc_task_cpu_ns(f->pid, g_array_index(tids, int, i));
    g_array_unref(tids);
    attach(f, true);
    wait_for_samples(f, NULL, 200);
    wait_for_samples(f, busiest(f, NULL), 100);
    int64_t now_ns = proc_process_cpu_ns(f->pid), counted_ns = ingest_cpu_ns(f->ingest);
    assert_in_range(counted_ns, (now_ns - before_ns) / 2, (now_ns - before_ns) * 5 / 4);
    assert_int_equal(f->profile->threads->len, n_threads);
}

static void test_thread_that_comes_later_is_sampled_once(void **state)
{
    struct fixture *f = *state;
    if (!may_sample())
        skip();
    start_process(f);
    attach(f, false);
    ask(f, 't');
    wait_for_samples(f, NULL, 300);
    assert_time_since(f, busiest(f, NULL), 0);
}

static void test_process_that_comes_later_is_sampled_when_wanted(void **state)
{
    struct fixture *f = *state;
    if (!may_sample())
        skip();
    start_process(f);
    attach(f, true);
    ask(f, 'p');
    wait_for_samples(f, NULL, 200);
    const struct thread *t = busiest(f, NULL);
    assert_int_equal(f->profile->processes->len, 2);
    assert_time_since(f, t, 0);
    kill(profile_get_process(f->profile, t->process)->pid, SIGKILL);
}

static void test_first_thread_may_have_ended(void **state)
{
    struct fixture *f = *state;
    if (!may_sample())
        skip();
    start_process(f);
    ask(f, 't');
    ask(f, 'e');
    while (proc_tasks_living(f->pid) == f->pid)
        sched_yield();
    attach(f, true);
    wait_for_samples(f, NULL, 100);
    assert_false(profile_get_process(f->profile, 0)->ended);
    end_process(f);
    while (!profile_get_process(f->profile, 0)->ended)
        drain(f);
}

static void test_rate_changes_for_all_threads(void **state)
{
    struct fixture *f = *state;
    if (!may_sample())
        skip();
    start_process(f);
    ask(f, 't');
    attach(f, true);
    wait_for_samples(f, NULL, 50);
    assert_true(perf_source_ops.set_rate(f->source, 199, NULL));
    const struct thread *t = busiest(f, NULL);
    drain(f);
    drain(f);
    int64_t samples = t->samples, value_ns = t->value;
    wait_for_samples(f, NULL, samples + 60);
    double rate = 60e9 / (double)(t->value - value_ns);
    assert_true(rate > 100 && rate < 300);
}

static void test_process_that_has_ended_is_refused(void **state)
{
    struct fixture *f = *state;
    if (!may_sample())
        skip();
    start_process(f);
    int pid = f->pid;
    end_process(f);
    GError *error = NULL;
    assert_null(existing_introduce(f->ingest, pid));
    assert_null(perf_source_ops.start(
        &(struct source_options){.pid = pid, .attached = true, .rate_hz = 999}, &error));
    assert_true(g_error_matches(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED));
    assert_non_null(strstr(error->message, "ended"));
    g_error_free(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_runs_is_sampled_from_now_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_thread_that_comes_later_is_sampled_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_process_that_comes_later_is_sampled_when_wanted,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_first_thread_may_have_ended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rate_changes_for_all_threads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_process_that_has_ended_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
