/*
 * The engine on a real child: it is sampled from exec to end, its CPU time adds up to the kernel's,
 * and a change of rate reaches it while it runs. Skipped where perf_event_open is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collectors/perf/perf_source.h"
#include "core/session/ingest.h"
#include "tests/unit/core/model/model_builder.h"

struct fixture {
    struct profile *profile;
    pthread_mutex_t lock;
    struct ingest *ingest;
    void *source;
    int pid, go, wake_fd;
};

/* A child that waits, then becomes `sh -c script`. */
static void start_child(struct fixture *f, const char *script)
{
    int go[2];
    assert_int_equal(pipe(go), 0);
    f->pid = fork();
    if (f->pid == 0) {
        char byte;
        close(go[1]);
        if (read(go[0], &byte, 1) == 1)
            execl("/bin/sh", "sh", "-c", script, (char *)NULL);
        _exit(127);
    }
    close(go[0]);
    f->go = go[1];
}

static void start(struct fixture *f, const char *script, bool children)
{
    GError *error = NULL;
    GPtrArray *notes = g_ptr_array_new_with_free_func(g_free);
    bool can = perf_source_ops.probe(&(struct source_options){0}, notes, NULL);
    g_ptr_array_unref(notes);
    if (!can)
        skip();
    start_child(f, script);
    f->source = perf_source_ops.start(
        &(struct source_options){.pid = f->pid, .rate_hz = 999, .children = children}, &error);
    assert_null(error);
    assert_int_equal(write(f->go, "x", 1), 1);
}

static int set_up(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);
    pthread_mutex_init(&f->lock, NULL);
    f->profile = builder_profile();
    f->ingest = ingest_new(f->profile, &f->lock);
    f->wake_fd = eventfd(0, EFD_CLOEXEC);
    f->go = -1;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f->source)
        perf_source_ops.stop(f->source);
    if (f->go >= 0)
        close(f->go);
    close(f->wake_fd);
    ingest_free(f->ingest);
    profile_free(f->profile);
    pthread_mutex_destroy(&f->lock);
    g_free(f);
    return 0;
}

static int64_t cpu_of(const struct rusage *usage)
{
    return ((int64_t)usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000000 +
           ((int64_t)usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1000;
}

/* Drains until the child has ended; returns its CPU time and that of its children. */
static int64_t drain_to_the_end(struct fixture *f)
{
    int status;
    struct rusage usage;
    while (wait4(f->pid, &status, WNOHANG, &usage) == 0) {
        perf_source_ops.wait(f->source, f->wake_fd, 20);
        perf_source_ops.drain(f->source, f->ingest, false);
    }
    perf_source_ops.drain(f->source, f->ingest, true);
    assert_int_equal(status, 0);
    return cpu_of(&usage);
}

static void test_cpu_time_adds_up_over_children(void **state)
{
    struct fixture *f = *state;
    start(f,
          "i=0; while [ $i -lt 60 ]; do i=$((i+1)); /bin/true; (j=0; while [ $j -lt 300 ]; do "
          "j=$((j+1)); done); done",
          true);
    int64_t cpu_ns = drain_to_the_end(f), counted_ns = ingest_cpu_ns(f->ingest);
    /* The task clock also runs in interrupts and in the last moments of a task, which CPU
     * accounting leaves out. */
    assert_in_range(counted_ns, cpu_ns / 2, cpu_ns * 3);
    assert_true(f->profile->processes->len >= 100);
    for (uint32_t i = 0; i < f->profile->processes->len; i++)
        assert_true(profile_get_process(f->profile, i)->ended);
}

static void test_children_are_left_alone_when_not_wanted(void **state)
{
    struct fixture *f = *state;
    start(f, "/bin/true; /bin/true; exit 0", false);
    drain_to_the_end(f);
    assert_int_equal(f->profile->processes->len, 1);
}

static void test_rate_changes_while_running(void **state)
{
    struct fixture *f = *state;
    start(f, "(i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done) & wait", true);
    while (f->profile->info.samples < 50) {
        perf_source_ops.wait(f->source, f->wake_fd, 20);
        perf_source_ops.drain(f->source, f->ingest, false);
    }
    int64_t samples = f->profile->info.samples, cpu_ns = ingest_cpu_ns(f->ingest);
    assert_true(perf_source_ops.set_rate(f->source, 99, NULL));
    drain_to_the_end(f);
    double seconds = (double)(ingest_cpu_ns(f->ingest) - cpu_ns) / 1e9;
    double rate = (double)(f->profile->info.samples - samples) / seconds;
    /* At the old rate it would be near 1000; what was in the rings at the change still is. */
    assert_true(rate > 50 && rate < 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cpu_time_adds_up_over_children, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_children_are_left_alone_when_not_wanted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_rate_changes_while_running, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
