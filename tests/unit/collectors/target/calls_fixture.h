/*
 * A program with the collector in front of it, for the tests of exact calls: it plays a scene,
 * writes down what it called, and ends; the test compares that with what the segment says.
 */
#ifndef PROFTOP_TESTS_CALLS_FIXTURE_H
#define PROFTOP_TESTS_CALLS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "collectors/calls/calls_layout.h"
#include "core/session/listener.h"
#include "core/target/launch.h"
#include "tests/targets/calls/account.h"

/* By which what a call takes may be estimated wrongly. */
enum { PROBE_TICKS = 200 };

struct fixture {
    char *program, *collector, *file;
    struct calls_layout layout;
    bool is_disabled;
    struct listener *listener;
    struct listener_process *process;
    const uint8_t *part;
    struct account accounts[ACCOUNTS];
    int n_accounts;
};

static void on_process(struct listener_process *process, size_t offset, void *data)
{
    struct fixture *fixture = data;
    if (fixture->process)
        return;
    uint8_t *part = (uint8_t *)process->segment + offset;
    struct wire_calls *calls = (void *)part;
    calls_layout_write(&fixture->layout, part, offset);
    calls->enabled = !fixture->is_disabled;
    calls->clock = WIRE_CALLS_TSC;
    calls->go = 1;
    process->segment->calls_offset = offset;
    fixture->part = part;
    fixture->process = listener_process_ref(process);
}

static G_GNUC_UNUSED int set_up_for(void **state, const char *program)
{
    struct fixture *fixture = g_new0(struct fixture, 1);
    const char *library = g_getenv("PROFTOP_COLLECTOR");
    char *self = g_file_read_link("/proc/self/exe", NULL);
    const char *end = strstr(self, "/tests/unit/");
    char *build = end ? g_strndup(self, (gsize)(end - self)) : g_strdup("build");
    fixture->collector = library ? g_strdup(library) : g_strdup_printf("%s/libproftop.so", build);
    fixture->program = g_strdup_printf("%s/tests/targets/calls/%s", build, program);
    fixture->file = g_strdup("/tmp/test_calls-XXXXXX");
    calls_layout_init(&fixture->layout);
    int fd = g_mkstemp(fixture->file);
    close(fd);
    g_free(build);
    g_free(self);
    *state = fixture;
    return fd >= 0 ? 0 : -1;
}

static G_GNUC_UNUSED int tear_down(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->process)
        listener_process_unref(fixture->process);
    g_unlink(fixture->file);
    g_free(fixture->file);
    g_free(fixture->collector);
    g_free(fixture->program);
    g_free(fixture);
    return 0;
}

static void launch_and_wait(const struct launch_options *options)
{
    int status;
    struct launch *launch = launch_prepare(options, NULL);
    assert_non_null(launch);
    assert_null(launch_collector_reason(launch));
    assert_true(launch_go(launch, NULL));
    launch_wait(launch, &status, NULL);
    launch_free(launch);
    assert_int_equal(launch_exit_code(status), 7);
}

static void read_accounts(struct fixture *fixture)
{
    char *text;
    gsize bytes;
    assert_true(g_file_get_contents(fixture->file, &text, &bytes, NULL));
    assert_true(bytes > 0 && bytes <= sizeof fixture->accounts);
    fixture->n_accounts = (int)(bytes / sizeof *fixture->accounts);
    memcpy(fixture->accounts, text, bytes);
    g_free(text);
}

/* Plays the scene in a child, which is asked for its segment. */
static G_GNUC_UNUSED const struct wire_calls *watch(struct fixture *fixture, const char *scene)
{
    const char *argv[] = {fixture->program, fixture->file, scene, NULL};
    struct listener_tap tap = {.bytes = fixture->layout.bytes,
                               .features = WIRE_FEATURE_CALLS,
                               .on_process = on_process,
                               .data = fixture};
    struct listener *listener = listener_new(&(struct listener_options){0}, NULL);
    assert_non_null(listener);
    listener_add_tap(listener, &tap);
    struct launch_options options = {.argv = (char **)argv,
                                     .collector = true,
                                     .collector_path = fixture->collector,
                                     .socket_path = listener_socket_path(listener),
                                     .token_hex = listener_token_hex(listener),
                                     .terminal_fd = -1};
    launch_and_wait(&options);
    listener_free(listener);
    assert_non_null(fixture->process);
    read_accounts(fixture);
    return (const void *)fixture->part;
}

static const struct account *account_of(const struct fixture *fixture, const char *name)
{
    for (int i = 0; i < fixture->n_accounts; i++)
        if (strcmp(fixture->accounts[i].name, name) == 0)
            return &fixture->accounts[i];
    fail_msg("no account of %s", name);
    return NULL;
}

static const struct wire_calls_record *records_of(const struct fixture *fixture)
{
    return (const void *)(fixture->part + fixture->layout.records.offset);
}

/* What the segment says of a function, all threads and contexts together. */
struct sum {
    uint64_t calls, total, self, min, max;
    uint32_t n_records;
};

static G_GNUC_UNUSED struct sum sum_of(const struct fixture *fixture, const char *name)
{
    const struct wire_calls *calls = (const void *)fixture->part;
    const struct wire_calls_record *records = records_of(fixture);
    uint64_t address = account_of(fixture, name)->address;
    struct sum sum = {.min = UINT64_MAX};
    for (uint32_t i = 1; i < calls->n_records; i++) {
        if (records[i].function != address || records[i].calls == 0)
            continue;
        sum.n_records++;
        sum.calls += records[i].calls;
        sum.total += records[i].is_recursive ? 0 : records[i].sum;
        sum.self += records[i].self;
        sum.min = MIN(sum.min, records[i].min);
        sum.max = MAX(sum.max, records[i].max);
    }
    return sum;
}

static G_GNUC_UNUSED struct wire_calls_lane sum_of_lanes(const struct fixture *fixture)
{
    const struct wire_calls_lane *lanes = (const void *)(fixture->part + fixture->layout.lanes);
    struct wire_calls_lane sum = {.tid = 0};
    for (int i = 0; i < WIRE_CALLS_LANES; i++) {
        sum.tid += lanes[i].tid != 0;
        sum.depth += lanes[i].depth;
        sum.implicit_exits += lanes[i].implicit_exits;
        sum.orphan_exits += lanes[i].orphan_exits;
        sum.missed += lanes[i].missed;
    }
    return sum;
}

/* Every function was called as often as the program says. */
static void check_calls(const struct fixture *fixture)
{
    const struct wire_calls *calls = (const void *)fixture->part;
    assert_int_equal(calls->trouble, 0);
    for (int i = 0; i < fixture->n_accounts; i++) {
        uint64_t got = sum_of(fixture, fixture->accounts[i].name).calls;
        if (got != fixture->accounts[i].calls)
            fail_msg("%s: %" PRIu64 " calls, not %" PRIu64, fixture->accounts[i].name, got,
                     fixture->accounts[i].calls);
    }
}

/* And each record is in itself right. */
static G_GNUC_UNUSED void check_all(const struct fixture *fixture)
{
    const struct wire_calls *calls = (const void *)fixture->part;
    const struct wire_calls_record *records = records_of(fixture);
    check_calls(fixture);
    for (uint32_t i = 1; i < calls->n_records; i++) {
        uint64_t in_buckets = 0;
        for (int b = 0; b < WIRE_CALLS_BUCKETS; b++)
            in_buckets += records[i].buckets[b];
        assert_int_equal(in_buckets, records[i].calls);
        assert_true(records[i].context < i);
        assert_true(records[i].min <= records[i].max);
        assert_true(records[i].self <= records[i].sum + PROBE_TICKS * records[i].calls);
        assert_true(records[i].max * records[i].calls >= records[i].sum);
    }
}

/* What all functions have for themselves is what the roots have in all. */
static G_GNUC_UNUSED void check_sums(const struct fixture *fixture)
{
    const struct wire_calls *calls = (const void *)fixture->part;
    const struct wire_calls_record *records = records_of(fixture);
    uint64_t self = 0, roots = 0;
    for (uint32_t i = 1; i < calls->n_records; i++) {
        self += records[i].self;
        roots += records[i].context == 0 ? records[i].sum : 0;
    }
    double error = (double)self - (double)roots;
    assert_true(ABS(error) <= 0.01 * (double)roots + 1000);
}

#endif
