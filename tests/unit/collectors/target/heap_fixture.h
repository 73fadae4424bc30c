/*
 * A process with the collector in front of it, for the tests of the recording of allocations. The
 * test's program starts itself: as a child it plays a scene, writes down what it did and ends; its
 * parent compares that with what the segment says.
 */
#ifndef PROFTOP_TESTS_HEAP_FIXTURE_H
#define PROFTOP_TESTS_HEAP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/heap/heap_layout.h"
#include "core/session/listener.h"
#include "core/target/launch.h"
#include "core/wire/wire_heap.h"

enum { SITES = 4, SITE_BYTES = 256, SAMPLE_BYTES = 4096 };

/* ---- the child ---- */

/* What was done at a site; the child's own account. */
struct account {
    uint64_t address; /* of the site's function */
    uint64_t allocs, alloc_bytes, frees, reallocs, temporary;
    int64_t live_bytes, own_peak_bytes, peak_bytes, peak_blocks;
};

static G_GNUC_UNUSED struct account accounts[SITES];
static G_GNUC_UNUSED FILE *said;

struct scene {
    const char *name;
    void (*play)(void);
};

#define SITE(n)                                                                                    \
    static __attribute__((noinline, aligned(SITE_BYTES))) void *site_##n(void *old, size_t size)   \
    {                                                                                              \
        void *block = old ? realloc(old, size) : (n) % 2 ? calloc(1, size) : malloc(size);         \
        __asm__ volatile("" ::"r"(block) : "memory");                                              \
        return block;                                                                              \
    }
SITE(0)
SITE(1)
SITE(2)
SITE(3)

static void *(*const sites[SITES])(void *, size_t) = {site_0, site_1, site_2, site_3};

/* What the scene says goes into the file, and its account at the end. The file's own buffer is
 * static. */
static G_GNUC_UNUSED int play(const char *path, const char *name, const struct scene *scenes)
{
    static char buffer[1 << 16];
    int fd = open(path, O_WRONLY | O_TRUNC);
    said = fdopen(fd, "w");
    setvbuf(said, buffer, _IOFBF, sizeof buffer);
    for (size_t i = 0; scenes[i].name; i++)
        if (strcmp(scenes[i].name, name) == 0)
            scenes[i].play();
    for (int i = 0; i < SITES; i++)
        accounts[i].address = (uintptr_t)sites[i];
    fwrite(accounts, sizeof accounts, 1, said);
    fflush(said);
    _exit(7);
}

/* ---- the parent ---- */

struct fixture {
    char *self, *collector, *file;
    struct heap_layout layout;
    enum wire_heap_mode mode;
    struct listener *listener;
    struct listener_process *process;
    const uint8_t *part;
    struct account accounts[SITES];
};

static void on_process(struct listener_process *process, size_t offset, void *data)
{
    struct fixture *fixture = data;
    if (fixture->process)
        return;
    uint8_t *part = (uint8_t *)process->segment + offset;
    struct wire_heap *heap = (void *)part;
    heap_layout_write(&fixture->layout, part, offset, true);
    heap->mode = fixture->mode;
    heap->sample_bytes = SAMPLE_BYTES;
    for (int i = 0; i < WIRE_HEAP_LIFETIMES; i++)
        heap->lifetime_ticks[i] =
            i < WIRE_HEAP_LIFETIMES - 1 ? UINT64_C(2500) << 3 * i : UINT64_MAX;
    process->segment->heap_offset = offset;
    fixture->part = part;
    fixture->process = listener_process_ref(process);
}

static G_GNUC_UNUSED int set_up(void **state)
{
    struct fixture *fixture = g_new0(struct fixture, 1);
    const char *library = g_getenv("PROFTOP_COLLECTOR");
    fixture->self = g_file_read_link("/proc/self/exe", NULL);
    const char *end = strstr(fixture->self, "/tests/unit/");
    char *build = end ? g_strndup(fixture->self, (gsize)(end - fixture->self)) : g_strdup("build");
    fixture->collector = library ? g_strdup(library) : g_strdup_printf("%s/libproftop.so", build);
    fixture->file = g_strdup("/tmp/test_heap-XXXXXX");
    fixture->mode = WIRE_HEAP_EXACT;
    heap_layout_init(&fixture->layout);
    int fd = g_mkstemp(fixture->file);
    close(fd);
    g_free(build);
    *state = fixture;
    return fd >= 0 ? 0 : -1;
}

static G_GNUC_UNUSED int tear_down(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->process)
        listener_process_unref(fixture->process);
    listener_free(fixture->listener);
    g_unlink(fixture->file);
    g_free(fixture->file);
    g_free(fixture->collector);
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

/* Plays the scene in a child; returns what it wrote. */
static char *run_scene(struct fixture *fixture, const char *name, bool collector)
{
    const char *argv[] = {fixture->self, fixture->file, name, NULL};
    if (g_getenv("SANITIZED")) /* its runtime is in front of the allocator itself */
        skip();
    struct listener_tap tap = {.bytes = fixture->layout.bytes,
                               .features = WIRE_FEATURE_HEAP,
                               .on_process = on_process,
                               .data = fixture};
    struct listener *listener = listener_new(&(struct listener_options){0}, NULL);
    assert_non_null(listener);
    listener_add_tap(listener, &tap);
    struct launch_options options = {.argv = (char **)argv,
                                     .collector = collector,
                                     .collector_path = fixture->collector,
                                     .socket_path = listener_socket_path(listener),
                                     .token_hex = listener_token_hex(listener),
                                     .terminal_fd = -1};
    launch_and_wait(&options);
    listener_free(listener);
    char *text;
    gsize bytes;
    assert_true(g_file_get_contents(fixture->file, &text, &bytes, NULL));
    assert_true(bytes >= sizeof fixture->accounts);
    bytes -= sizeof fixture->accounts;
    memcpy(fixture->accounts, text + bytes, sizeof fixture->accounts);
    text[bytes] = '\0';
    return text;
}

static G_GNUC_UNUSED const struct wire_heap *watch(struct fixture *fixture, const char *name)
{
    g_free(run_scene(fixture, name, true));
    assert_non_null(fixture->process);
    assert_int_equal(((const struct wire_heap *)fixture->part)->trouble, 0);
    return (const void *)fixture->part;
}

static const struct wire_heap_row *rows_of(const struct fixture *fixture)
{
    return (const void *)(fixture->part + fixture->layout.rows.offset);
}

static int site_of(const struct fixture *fixture, const struct wire_heap_row *row)
{
    const struct wire_heap_node *nodes =
        (const void *)(fixture->part + fixture->layout.nodes.offset);
    uint64_t address = row->node ? nodes[row->node].address : 0;
    for (int i = 0; i < SITES; i++)
        if (address - fixture->accounts[i].address < SITE_BYTES)
            return i;
    return -1;
}

/* What the segment says of a site: the sum of its rows. */
static G_GNUC_UNUSED struct wire_heap_row sum_of_site(const struct fixture *fixture, int site)
{
    const struct wire_heap *heap = (const void *)fixture->part;
    const struct wire_heap_row *rows = rows_of(fixture);
    struct wire_heap_row sum = {.node = 0};
    for (uint32_t i = 1; i < heap->n_rows; i++) {
        if (site_of(fixture, &rows[i]) != site)
            continue;
        bool is_kept = rows[i].peak_epoch == heap->peak_epoch;
        sum.allocs += rows[i].allocs;
        sum.alloc_bytes += rows[i].alloc_bytes;
        sum.frees += rows[i].frees;
        sum.live_bytes += rows[i].live_bytes;
        sum.own_peak_bytes += rows[i].own_peak_bytes;
        sum.peak_bytes += is_kept ? rows[i].peak_bytes : rows[i].live_bytes;
        sum.peak_blocks +=
            is_kept ? rows[i].peak_blocks : (int64_t)(rows[i].allocs - rows[i].frees);
        sum.temporary += rows[i].temporary;
        sum.reallocs += rows[i].reallocs;
        sum.sampled += rows[i].sampled;
        sum.variance_bytes2 += rows[i].variance_bytes2;
    }
    return sum;
}

static G_GNUC_UNUSED struct wire_heap_lane sum_of_lanes(const struct fixture *fixture)
{
    const struct wire_heap_lane *lanes = (const void *)(fixture->part + fixture->layout.lanes);
    struct wire_heap_lane sum = {.tid = 0};
    for (int i = 0; i < WIRE_HEAP_LANES; i++) {
        sum.tid += lanes[i].tid != 0;
        sum.allocs += lanes[i].allocs;
        sum.alloc_bytes += lanes[i].alloc_bytes;
        sum.frees += lanes[i].frees;
        sum.unknown_frees += lanes[i].unknown_frees;
        sum.failed += lanes[i].failed;
        sum.unrecorded += lanes[i].unrecorded;
    }
    return sum;
}

/* The rows, the blocks and the heap's own count agree on what is live. */
static G_GNUC_UNUSED void check_live(const struct fixture *fixture)
{
    const struct wire_heap *heap = (const void *)fixture->part;
    const struct wire_heap_row *rows = rows_of(fixture);
    const struct wire_heap_block *blocks =
        (const void *)(fixture->part + fixture->layout.blocks.offset);
    int64_t bytes_of_rows = 0, bytes_of_blocks = 0;
    for (uint32_t i = 0; i < heap->n_rows; i++)
        bytes_of_rows += rows[i].live_bytes;
    for (uint32_t i = 0; i < heap->n_blocks; i++)
        bytes_of_blocks += blocks[i].address ? (int64_t)blocks[i].size : 0;
    assert_int_equal(bytes_of_rows, heap->live_bytes);
    assert_int_equal(bytes_of_blocks, heap->live_bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
