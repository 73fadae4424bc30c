/*
 * A process with the collector in front of it, which counts calls and allocations, for the tests of
 * proftop.h. The program writes into a file what it finds wrong.
 */
#ifndef PROFTOP_TESTS_SCOPE_FIXTURE_H
#define PROFTOP_TESTS_SCOPE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <stdbool.h>
#include <unistd.h>

#include "collectors/calls/calls_layout.h"
#include "collectors/heap/heap_layout.h"
#include "core/session/listener.h"
#include "core/target/launch.h"
#include "core/wire/wire_heap.h"

struct fixture {
    char *build, *self, *file;
    struct calls_layout layout;
    struct heap_layout heap_layout;
    bool has_calls, follows; /* children too */
    struct listener_process *process;
    const uint8_t *calls, *heap;
};

static void keep(struct fixture *fixture, struct listener_process *process)
{
    if (!fixture->process)
        fixture->process = listener_process_ref(process);
}

static void on_calls(struct listener_process *process, size_t offset, void *data)
{
    struct fixture *fixture = data;
    if ((fixture->calls && !fixture->follows) || !fixture->has_calls)
        return;
    struct wire_calls *wire = (void *)((uint8_t *)process->segment + offset);
    calls_layout_write(&fixture->layout, wire, offset);
    wire->enabled = 1;
    wire->go = 1;
    wire->clock = WIRE_CALLS_TSC;
    process->segment->calls_offset = offset;
    fixture->calls = (const void *)wire;
    keep(fixture, process);
}

static void on_heap(struct listener_process *process, size_t offset, void *data)
{
    struct fixture *fixture = data;
    if (fixture->heap)
        return;
    struct wire_heap *heap = (void *)((uint8_t *)process->segment + offset);
    heap_layout_write(&fixture->heap_layout, (void *)heap, offset, true);
    heap->mode = WIRE_HEAP_EXACT;
    process->segment->heap_offset = offset;
    fixture->heap = (const void *)heap;
    keep(fixture, process);
}

static G_GNUC_UNUSED int set_up(void **state)
{
    struct fixture *fixture = g_new0(struct fixture, 1);
    fixture->self = g_file_read_link("/proc/self/exe", NULL);
    const char *end = strstr(fixture->self, "/tests/unit/");
    fixture->build =
        end ? g_strndup(fixture->self, (gsize)(end - fixture->self)) : g_strdup("build");
    fixture->file = g_strdup("/tmp/test_scope_api-XXXXXX");
    fixture->has_calls = true;
    calls_layout_init(&fixture->layout);
    heap_layout_init(&fixture->heap_layout);
    int fd = g_mkstemp(fixture->file);
    close(fd);
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
    g_free(fixture->build);
    g_free(fixture->self);
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

/* Whether what the program has written into the file is nothing. */
static void check_said(const struct fixture *fixture)
{
    char *text;
    assert_true(g_file_get_contents(fixture->file, &text, NULL, NULL));
    assert_string_equal(text, "");
    g_free(text);
}

static void run_program(struct fixture *fixture, const char *program, const char *scene)
{
    const char *argv[] = {program, fixture->file, scene, NULL};
    if (g_getenv("SANITIZED")) /* its runtime is in front of the allocator itself */
        skip();
    struct listener_tap calls = {.bytes = fixture->layout.bytes,
                                 .features = WIRE_FEATURE_CALLS,
                                 .on_process = on_calls,
                                 .data = fixture};
    struct listener_tap heap = {.bytes = fixture->heap_layout.bytes,
                                .features = WIRE_FEATURE_HEAP,
                                .on_process = on_heap,
                                .data = fixture};
    struct listener *listener = listener_new(&(struct listener_options){0}, NULL);
    assert_non_null(listener);
    listener_add_tap(listener, &calls);
    listener_add_tap(listener, &heap);
    char *collector = g_strdup_printf("%s/libproftop.so", fixture->build);
    struct launch_options options = {.argv = (char **)argv,
                                     .collector = true,
                                     .collector_path = collector,
                                     .socket_path = listener_socket_path(listener),
                                     .token_hex = listener_token_hex(listener),
                                     .follow_children = fixture->follows,
                                     .terminal_fd = -1};
    launch_and_wait(&options);
    listener_free(listener);
    g_free(collector);
    check_said(fixture);
}

static G_GNUC_UNUSED const struct wire_calls *run_scene(struct fixture *fixture, const char *scene)
{
    run_program(fixture, fixture->self, scene);
    assert_non_null(fixture->process);
    return (const void *)fixture->calls;
}

static const struct wire_calls_lane *lanes_of(const struct fixture *fixture)
{
    return (const void *)(fixture->calls + fixture->layout.lanes);
}

static G_GNUC_UNUSED uint64_t orphans(const struct fixture *fixture)
{
    uint64_t sum = 0;
    for (int i = 0; i < WIRE_CALLS_LANES; i++)
        sum += lanes_of(fixture)[i].orphan_exits;
    return sum;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
