/*
 * The sampler in real programs (tests/targets/sampled): what it leaves in the segment agrees with
 * what the kernel counted and with what the program says of itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/session/listener.h"
#include "core/target/launch.h"

enum { SLOTS = 1024, SLOTS_OFFSET = 8192, PROCESSES_MAX = 8, THREADS_MAX = 16 };

#define PERIOD_NS UINT64_C(4000000)

struct fixture {
    char *program, *collector, *file;
    struct wire_sampler wanted; /* what the tap writes */
    bool no_sampler;
    bool no_children;
    struct listener *listener;
    struct listener_process *processes[PROCESSES_MAX];
    int n_processes;
    /* what the program wrote */
    char *said;
    struct thread {
        int tid;
        uint64_t cpu_ns;
    } threads[THREADS_MAX];
    int n_threads;
};

static struct wire_sampler *sampler_of(const struct listener_process *process)
{
    return (struct wire_sampler *)((char *)process->segment + WIRE_SEGMENT_HEAD_BYTES);
}

static void on_process(struct listener_process *process, size_t offset, void *data)
{
    struct fixture *fixture = data;
    assert_int_equal(offset, WIRE_SEGMENT_HEAD_BYTES);
    if (fixture->n_processes == PROCESSES_MAX)
        return;
    process->segment->sampler_offset = WIRE_SEGMENT_HEAD_BYTES;
    *sampler_of(process) = fixture->wanted;
    fixture->processes[fixture->n_processes++] = listener_process_ref(process);
}

static int set_up(void **state)
{
    struct fixture *fixture = g_new0(struct fixture, 1);
    char *build = g_file_read_link("/proc/self/exe", NULL);
    char *end = build ? strstr(build, "/tests/unit/") : NULL;
    const char *library = g_getenv("PROFTOP_COLLECTOR");
    if (end)
        *end = '\0';
    fixture->program = g_strdup_printf("%s/tests/targets/sampled", end ? build : "build");
    fixture->collector =
        library ? g_strdup(library) : g_strdup_printf("%s/libproftop.so", end ? build : "build");
    fixture->file = g_strdup("/tmp/test_sampler-XXXXXX");
    fixture->wanted = (struct wire_sampler){.period_ns = PERIOD_NS,
                                            .enabled = 1,
                                            .stack_bytes = 16384,
                                            .n_slots = SLOTS,
                                            .slots_offset = SLOTS_OFFSET};
    int fd = g_mkstemp(fixture->file);
    close(fd);
    g_free(build);
    *state = fixture;
    return fd >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < fixture->n_processes; i++)
        listener_process_unref(fixture->processes[i]);
    listener_free(fixture->listener);
    g_unlink(fixture->file);
    g_free(fixture->said);
    g_free(fixture->file);
    g_free(fixture->collector);
    g_free(fixture->program);
    g_free(fixture);
    return 0;
}

static void read_what_was_said(struct fixture *fixture)
{
    assert_true(g_file_get_contents(fixture->file, &fixture->said, NULL, NULL));
    char **lines = g_strsplit(fixture->said, "\n", THREADS_MAX);
    for (int i = 0; lines[i]; i++) {
        struct thread *thread = &fixture->threads[fixture->n_threads];
        fixture->n_threads +=
            sscanf(lines[i], "%d %" G_GUINT64_FORMAT, &thread->tid, &thread->cpu_ns) == 2;
    }
    g_strfreev(lines);
}

static void run(struct fixture *fixture, const char *mode)
{
    const char *argv[] = {fixture->program, fixture->file, mode, NULL};
    struct listener_tap tap = {.bytes = SLOTS_OFFSET - WIRE_SEGMENT_HEAD_BYTES +
                                        (size_t)SLOTS * WIRE_SLOT_BYTES,
                               .features = fixture->no_sampler ? 0 : WIRE_FEATURE_CPU_TIMER,
                               .on_process = on_process,
                               .data = fixture};
    int status;
    fixture->listener = listener_new(&(struct listener_options){0}, NULL);
    assert_non_null(fixture->listener);
    listener_add_tap(fixture->listener, &tap);
    struct launch_options options = {.argv = (char **)argv,
                                     .collector = true,
                                     .collector_path = fixture->collector,
                                     .socket_path = listener_socket_path(fixture->listener),
                                     .token_hex = listener_token_hex(fixture->listener),
                                     .follow_children = !fixture->no_children,
                                     .terminal_fd = -1};
    struct launch *launch = launch_prepare(&options, NULL);
    assert_non_null(launch);
    assert_null(launch_collector_reason(launch));
    assert_true(launch_go(launch, NULL));
    launch_wait(launch, &status, NULL);
    launch_free(launch);
    listener_remove_tap(fixture->listener, fixture);
    assert_int_equal(launch_exit_code(status), 7);
    read_what_was_said(fixture);
}

/* The next ready slot at or after *at, which is moved behind it; NULL: no more. */
static const struct wire_sample *next_sample(const struct listener_process *process, int *at)
{
    while (*at < SLOTS) {
        const struct wire_sample *sample =
            (const void *)((const char *)process->segment + SLOTS_OFFSET +
                           (size_t)(*at)++ * WIRE_SLOT_BYTES);
        if (sample->state == WIRE_SLOT_READY)
            return sample;
    }
    return NULL;
}

static int count_samples(const struct listener_process *process)
{
    int n = 0, at = 0;
    while (next_sample(process, &at))
        n++;
    return n;
}

static uint64_t cpu_of(const struct listener_process *process, int tid)
{
    uint64_t cpu_ns = 0;
    const struct wire_sample *sample;
    for (int at = 0; (sample = next_sample(process, &at));)
        if (sample->tid == tid && sample->cpu_ns > cpu_ns)
            cpu_ns = sample->cpu_ns;
    return cpu_ns;
}

/* Its start and end lie between ticks, which are 10 ms apart at most. */
static void assert_has_its_time(const struct listener_process *process, const struct thread *thread)
{
    uint64_t got = cpu_of(process, thread->tid), wanted = thread->cpu_ns;
    if (got + wanted / 20 + 10000000 < wanted || got > wanted + PERIOD_NS)
        fail_msg("thread %d: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " ns", thread->tid, got,
                 wanted);
}

static void test_weights_are_each_threads_cpu_time(void **state)
{
    struct fixture *fixture = *state;
    run(fixture, "threads");
    assert_int_equal(fixture->n_processes, 1);
    assert_int_equal(fixture->n_threads, 4);
    for (int i = 0; i < fixture->n_threads; i++)
        assert_has_its_time(fixture->processes[0], &fixture->threads[i]);
    assert_int_equal(sampler_of(fixture->processes[0])->armed_threads, 1);
    assert_int_equal(sampler_of(fixture->processes[0])->dropped, 0);
}

static bool has_word(const struct wire_sample *sample, uint64_t wanted)
{
    const char *stack = (const char *)sample + WIRE_SLOT_STACK_OFFSET;
    for (uint32_t i = 0; i + sizeof wanted <= sample->stack_bytes; i += sizeof wanted)
        if (memcmp(stack + i, &wanted, sizeof wanted) == 0)
            return true;
    return false;
}

static void test_stacks_hold_the_return_addresses(void **state)
{
    struct fixture *fixture = *state;
    const struct wire_sample *sample;
    int n = 0, n_with = 0;
    run(fixture, "deep");
    uint64_t address = strtoull(fixture->said, NULL, 16);
    for (int at = 0; (sample = next_sample(fixture->processes[0], &at)); n++) {
        n_with += has_word(sample, address);
        assert_true(sample->registers[7] != 0 && sample->registers[16] != 0);
        assert_int_equal(sample->flags, 0);
    }
    assert_true(n > 20);
    assert_true(n_with >= n - 5); /* some come before or after */
}

static void test_sample_is_not_of_a_handler_about_to_begin(void **state)
{
    struct fixture *fixture = *state;
    const struct wire_sample *sample;
    run(fixture, "both");
    uint64_t handler = strtoull(fixture->said, NULL, 16);
    assert_true(count_samples(fixture->processes[0]) > 20);
    for (int at = 0; (sample = next_sample(fixture->processes[0], &at));)
        assert_true(sample->registers[16] != handler);
}

static void test_libraries_that_are_unloaded_at_once_are_counted(void **state)
{
    struct fixture *fixture = *state;
    const struct wire_sample *sample;
    int n = 0;
    run(fixture, "unload");
    assert_int_equal(fixture->n_threads, 2);
    for (int at = 0; (sample = next_sample(fixture->processes[0], &at));)
        if (sample->tid == fixture->threads[0].tid &&
            sample->cpu_ns > fixture->threads[0].cpu_ns + PERIOD_NS &&
            sample->cpu_ns < fixture->threads[1].cpu_ns) {
            assert_int_equal(sample->map_generation, 2);
            n++;
        }
    assert_true(n > 10);
    assert_int_equal(sampler_of(fixture->processes[0])->map_generation, 2 * WIRE_UNLOADED);
}

static void test_forked_child_has_its_own_samples(void **state)
{
    struct fixture *fixture = *state;
    run(fixture, "fork");
    assert_int_equal(fixture->n_processes, 2);
    assert_int_equal(fixture->n_threads, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fixture->processes[i]->pid, fixture->threads[i].tid);
        assert_has_its_time(fixture->processes[i], &fixture->threads[i]);
        assert_int_equal(cpu_of(fixture->processes[i], fixture->threads[!i].tid), 0);
    }
}

static void test_child_that_is_not_followed_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    fixture->no_children = true;
    run(fixture, "fork");
    assert_int_equal(fixture->n_processes, 1);
    assert_has_its_time(fixture->processes[0], &fixture->threads[0]);
    assert_int_equal(cpu_of(fixture->processes[0], fixture->threads[1].tid), 0);
}

static void test_exec_begins_anew(void **state)
{
    struct fixture *fixture = *state;
    run(fixture, "exec");
    assert_int_equal(fixture->n_processes, 2);
    assert_int_equal(fixture->n_threads, 5);
    assert_has_its_time(fixture->processes[0], &fixture->threads[0]);
    assert_true(count_samples(fixture->processes[1]) > 50);
}

static void test_full_slots_are_counted(void **state)
{
    struct fixture *fixture = *state;
    fixture->wanted.n_slots = 3;
    run(fixture, "threads");
    assert_int_equal(count_samples(fixture->processes[0]), 3);
    assert_true(sampler_of(fixture->processes[0])->dropped > 50);
}

static void test_disabled_takes_no_sample(void **state)
{
    struct fixture *fixture = *state;
    fixture->wanted.enabled = 0;
    run(fixture, "threads");
    assert_int_equal(count_samples(fixture->processes[0]), 0);
    assert_int_equal(sampler_of(fixture->processes[0])->dropped, 0);
    assert_int_not_equal(sampler_of(fixture->processes[0])->signal_number, 0);
}

static void test_nothing_is_armed_when_nobody_asks(void **state)
{
    struct fixture *fixture = *state;
    fixture->no_sampler = true;
    run(fixture, "threads");
    assert_int_equal(sampler_of(fixture->processes[0])->signal_number, 0);
    assert_int_equal(sampler_of(fixture->processes[0])->armed_threads, 0);
}

static void test_filter_that_forbids_handlers_ends_sampling(void **state)
{
    struct fixture *fixture = *state;
    run(fixture, "strict");
    const struct wire_sampler *sampler = sampler_of(fixture->processes[0]);
    assert_int_equal(sampler->unsampled_threads[WIRE_UNSAMPLED_SECCOMP], 1);
    assert_int_equal(sampler->armed_threads, 0);
    assert_true(count_samples(fixture->processes[0]) > 20);
}

/* What proftop itself wrote may have been changed by the program. */
static void test_absurd_sizes_are_not_believed(void **state)
{
    struct fixture *fixture = *state;
    fixture->wanted.n_slots = UINT32_MAX;
    fixture->wanted.stack_bytes = UINT32_MAX;
    fixture->wanted.period_ns = 0;
    run(fixture, "threads");
    int n = count_samples(fixture->processes[0]);
    assert_true(n > 50 && n <= SLOTS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_weights_are_each_threads_cpu_time),
        TEST(test_stacks_hold_the_return_addresses),
        TEST(test_sample_is_not_of_a_handler_about_to_begin),
        TEST(test_libraries_that_are_unloaded_at_once_are_counted),
        TEST(test_forked_child_has_its_own_samples),
        TEST(test_child_that_is_not_followed_is_left_alone),
        TEST(test_exec_begins_anew),
        TEST(test_full_slots_are_counted),
        TEST(test_disabled_takes_no_sample),
        TEST(test_nothing_is_armed_when_nobody_asks),
        TEST(test_filter_that_forbids_handlers_ends_sampling),
        TEST(test_absurd_sizes_are_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
