/* What a collector writes into its segment becomes sites; what a hostile one writes does no harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collectors/heap/heap_reader.h"
#include "core/target/proc_maps.h"
#include "tests/unit/core/model/model_builder.h"

/* A process that is ourselves, and the heap's part of its segment. */
struct fixture {
    struct profile *profile;
    pthread_mutex_t lock;
    struct ingest *ingest;
    struct heap_layout layout;
    uint8_t *part;
    struct heap_reader *reader;
    struct heap_clock clock;
};

static struct wire_heap *heap(const struct fixture *f)
{
    return (struct wire_heap *)(void *)f->part;
}

static struct wire_heap_row *row_at(const struct fixture *f, uint32_t i)
{
    return (struct wire_heap_row *)(void *)(f->part + f->layout.rows.offset) + i;
}

static struct wire_heap_node *node_at(const struct fixture *f, uint32_t i)
{
    return (struct wire_heap_node *)(void *)(f->part + f->layout.nodes.offset) + i;
}

static struct wire_heap_block *block_at(const struct fixture *f, uint32_t i)
{
    return (struct wire_heap_block *)(void *)(f->part + f->layout.blocks.offset) + i;
}

static struct wire_heap_lane *lane_at(const struct fixture *f, uint32_t i)
{
    return (struct wire_heap_lane *)(void *)(f->part + f->layout.lanes) + i;
}

static void mark_dirty(const struct fixture *f, uint32_t row)
{
    ((uint64_t *)(void *)(f->part + f->layout.dirty))[row / 64] |= UINT64_C(1) << row % 64;
}

/* Another hello of the same process, with an empty heap. */
static void begin(struct fixture *f)
{
    struct heap_hello *hello = g_new0(struct heap_hello, 1);
    f->part = mmap(NULL, f->layout.bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(f->part != MAP_FAILED);
    heap_layout_write(&f->layout, f->part, 0, false);
    heap(f)->mode = WIRE_HEAP_EXACT;
    heap(f)->n_nodes = WIRE_ROOTS;
    heap(f)->n_rows = 1;
    hello->process = g_new0(struct listener_process, 1);
    *hello->process = (struct listener_process){.pid = getpid(),
                                                .segment = (void *)f->part,
                                                .segment_bytes = f->layout.bytes,
                                                .references = 1};
    hello->heap = heap(f);
    hello->part = f->part;
    hello->maps = proc_maps_list(getpid());
    f->reader = heap_reader_new(hello, &f->layout, f->ingest);
}

static int set_up(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);
    pthread_mutex_init(&f->lock, NULL);
    f->profile = builder_profile();
    f->ingest = ingest_new(f->profile, &f->lock);
    f->clock = (struct heap_clock){.start = tsc_now(), .ticks_per_ns = 1};
    heap_layout_init(&f->layout);
    begin(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    heap_reader_free(f->reader);
    ingest_free(f->ingest);
    profile_free(f->profile);
    pthread_mutex_destroy(&f->lock);
    g_free(f);
    return 0;
}

/* A node for a call that returns to `address` of our own program. */
static uint32_t add_node(struct fixture *f, uint32_t parent, uint64_t address, uint16_t module)
{
    uint32_t n = heap(f)->n_nodes++;
    *node_at(f, n) = (struct wire_heap_node){
        .address = address & 0xffffffffffff, .module = module, .parent = parent};
    return n;
}

static uint32_t add_row(struct fixture *f, uint32_t node)
{
    uint32_t i = heap(f)->n_rows++;
    row_at(f, i)->node = node;
    mark_dirty(f, i);
    return i;
}

static void update(struct fixture *f, bool whole)
{
    heap_reader_update(f->reader, f->ingest, &f->clock, whole ? HEAP_WHOLE : HEAP_CHANGED);
}

static const struct heap_site *site(const struct fixture *f, guint i)
{
    assert_true(i < f->profile->heap->sites->len);
    return &g_array_index(f->profile->heap->sites, struct heap_site, i);
}

static const struct heap_process *process(const struct fixture *f)
{
    return heap_process_find(f->profile->heap, heap_reader_process(f->reader));
}

static const char *leaf_name(const struct fixture *f, const struct heap_site *s)
{
    uint32_t frame = profile_stack_frames(f->profile, s->stack)[0];
    uint32_t function = profile_frame_lines(f->profile, frame)[0].function;
    return profile_get_function(f->profile, function)->name;
}

static void test_a_row_becomes_a_site_with_its_stack(void **state)
{
    struct fixture *f = *state;
    struct wire_heap_row *row = row_at(f, add_row(f, add_node(f, WIRE_ROOT_COMPLETE, 0x1000, 0)));
    row->allocs = 10;
    row->alloc_bytes = 1000;
    row->frees = 4;
    row->live_bytes = 600;
    row->own_peak_bytes = 700;
    row->temporary = 3;
    row->reallocs = 2;
    row->remote_frees = 1;
    row->sizes[3] = 10;
    row->lifetimes[1] = 4;
    heap(f)->peak_epoch = 1;
    update(f, false);
    const int64_t wanted[HEAP_COLUMNS] = {10, 1000, 6, 600, 6, 600, 700, 3, 2, 1};
    assert_int_equal(f->profile->heap->sites->len, 1);
    for (int i = 0; i < HEAP_COLUMNS; i++)
        assert_int_equal(site(f, 0)->values[i], wanted[i]);
    assert_int_equal(site(f, 0)->sizes[3], 10);
    assert_int_equal(site(f, 0)->lifetimes[1], 4);
    assert_int_equal(profile_get_stack(f->profile, site(f, 0)->stack)->n_frames, 1);
}

static void test_only_what_is_new_is_added(void **state)
{
    struct fixture *f = *state;
    uint32_t i = add_row(f, add_node(f, WIRE_ROOT_COMPLETE, 0x1000, 0));
    row_at(f, i)->allocs = 1;
    row_at(f, i)->live_bytes = 100;
    row_at(f, i)->sizes[0] = UINT32_MAX; /* counts are modulo 2^32 */
    update(f, false);
    row_at(f, i)->allocs = 3;
    row_at(f, i)->live_bytes = 50;
    row_at(f, i)->sizes[0] = 1;
    update(f, false); /* not marked: nothing new */
    assert_int_equal(site(f, 0)->values[HEAP_ALLOCS], 1);
    mark_dirty(f, i);
    update(f, false);
    assert_int_equal(site(f, 0)->values[HEAP_ALLOCS], 3);
    assert_int_equal(site(f, 0)->values[HEAP_LIVE_BYTES], 50);
    assert_int_equal(site(f, 0)->sizes[0], (int64_t)UINT32_MAX + 2);
}

static void test_the_peak_is_what_was_live_then(void **state)
{
    struct fixture *f = *state;
    uint32_t touched = add_row(f, add_node(f, WIRE_ROOT_COMPLETE, 0x1000, 0));
    uint32_t untouched = add_row(f, add_node(f, WIRE_ROOT_COMPLETE, 0x2000, 0));
    heap(f)->peak_epoch = 7;
    row_at(f, touched)->allocs = row_at(f, untouched)->allocs = 2;
    row_at(f, touched)->live_bytes = 10;
    row_at(f, touched)->peak_bytes = 90;
    row_at(f, touched)->peak_blocks = 1;
    row_at(f, touched)->peak_epoch = 7;
    row_at(f, untouched)->live_bytes = 20;
    row_at(f, untouched)->peak_bytes = 99;
    row_at(f, untouched)->peak_epoch = 6;
    update(f, false);
    assert_int_equal(site(f, 0)->values[HEAP_PEAK_BYTES], 90);
    assert_int_equal(site(f, 0)->values[HEAP_PEAK_BLOCKS], 1);
    assert_int_equal(site(f, 1)->values[HEAP_PEAK_BYTES], 20);
    heap(f)->peak_epoch = 8; /* a new peak, and no row has changed since */
    update(f, true);
    assert_int_equal(site(f, 0)->values[HEAP_PEAK_BYTES], 10);
}

static void test_all_rows_are_read_at_a_new_peak_or_the_end(void **state)
{
    struct fixture *f = *state;
    uint32_t i = add_row(f, add_node(f, WIRE_ROOT_COMPLETE, 0x1000, 0));
    row_at(f, i)->allocs = 1;
    heap(f)->peak_epoch = 1;
    heap_reader_update(f->reader, f->ingest, &f->clock, HEAP_AT_PEAK);
    assert_int_equal(site(f, 0)->values[HEAP_ALLOCS], 1);
    row_at(f, i)->allocs = 2; /* not marked, and there was no new peak */
    heap_reader_update(f->reader, f->ingest, &f->clock, HEAP_AT_PEAK);
    assert_int_equal(site(f, 0)->values[HEAP_ALLOCS], 1);
    heap(f)->peak_epoch = 2;
    heap_reader_update(f->reader, f->ingest, &f->clock, HEAP_AT_PEAK);
    assert_int_equal(site(f, 0)->values[HEAP_ALLOCS], 2);
    row_at(f, i)->allocs = 3; /* killed before it was marked */
    heap_reader_update(f->reader, f->ingest, &f->clock, HEAP_WHOLE);
    assert_int_equal(site(f, 0)->values[HEAP_ALLOCS], 3);
}

static void test_another_image_adds_to_the_sites_of_equal_stacks(void **state)
{
    struct fixture *f = *state;
    for (int image = 0; image < 2; image++) {
        uint32_t i = add_row(f, add_node(f, WIRE_ROOT_COMPLETE, 0x1000, 0));
        row_at(f, i)->allocs = 5;
        row_at(f, i)->frees = 1;
        row_at(f, i)->live_bytes = 400;
        lane_at(f, 0)->allocs = 5;
        update(f, true);
        if (image == 0) {
            heap_reader_end_image(f->reader, f->ingest);
            assert_int_equal(site(f, 0)->values[HEAP_LIVE_BYTES], 0);
            heap_reader_free(f->reader);
            begin(f);
        }
    }
    assert_int_equal(f->profile->heap->sites->len, 1);
    assert_int_equal(site(f, 0)->values[HEAP_ALLOCS], 10);
    assert_int_equal(site(f, 0)->values[HEAP_LIVE_BLOCKS], 4);
    assert_int_equal(site(f, 0)->values[HEAP_LIVE_BYTES], 400);
    assert_int_equal(process(f)->allocs, 10);
    assert_int_equal(process(f)->live_blocks, 4);
}

/* Nothing is inlined into it. */
__attribute__((noipa)) static void landmark(void)
{
    __asm__ volatile("nop; nop; nop; nop");
}

static void test_a_module_gives_frames_their_file(void **state)
{
    struct fixture *f = *state;
    GArray *files = proc_maps_list(getpid());
    const struct proc_map *own = &g_array_index(files, struct proc_map, 0);
    struct wire_module *module = (struct wire_module *)(void *)(f->part + f->layout.modules) + 1;
    uint64_t address = (uint64_t)(uintptr_t)landmark + 2;
    for (guint i = 0; i < files->len && !(own->start <= address && address < own->end); i++)
        own = &g_array_index(files, struct proc_map, i);
    module->start = own->start - own->file_offset;
    module->end = own->end;
    module->bias = module->start;
    heap(f)->n_modules = 2;
    uint32_t i = add_row(f, add_node(f, WIRE_ROOT_COMPLETE, address, 1));
    row_at(f, i)->allocs = 1;
    update(f, false);
    ingest_wait_symbols(f->ingest, 10000);
    assert_string_equal(leaf_name(f, site(f, 0)), "landmark");
    g_array_unref(files);
}

static void test_a_module_with_another_build_id_is_not_taken(void **state)
{
    struct fixture *f = *state;
    GArray *files = proc_maps_list(getpid());
    const struct proc_map *own = &g_array_index(files, struct proc_map, 0);
    struct wire_module *module = (struct wire_module *)(void *)(f->part + f->layout.modules) + 1;
    *module = (struct wire_module){
        .start = own->start - own->file_offset, .end = own->end, .build_id_size = 16};
    strcpy(module->path, "/gone/libgone.so");
    heap(f)->n_modules = 2;
    uint32_t i = add_row(f, add_node(f, WIRE_ROOT_COMPLETE, own->start + 5, 1));
    row_at(f, i)->allocs = 1;
    update(f, false);
    uint32_t frame = profile_stack_frames(f->profile, site(f, 0)->stack)[0];
    uint32_t id = profile_get_frame(f->profile, frame)->module;
    assert_string_equal(profile_get_module(f->profile, id)->path, "/gone/libgone.so");
    g_array_unref(files);
}

static void test_how_a_stack_ends_shows_as_a_mark(void **state)
{
    struct fixture *f = *state;
    static const char *const marks[] = {PROFILE_MARK_BROKEN, PROFILE_MARK_TRUNCATED};
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t row = add_row(f, add_node(f, WIRE_ROOT_BROKEN + i, 0x1000, 0));
        row_at(f, row)->allocs = 1;
    }
    row_at(f, WIRE_ROW_OTHER)->allocs = 1;
    mark_dirty(f, WIRE_ROW_OTHER);
    update(f, false);
    assert_string_equal(leaf_name(f, site(f, 0)), PROFILE_MARK_OTHER);
    for (guint i = 0; i < 2; i++) {
        const uint32_t *frames = profile_stack_frames(f->profile, site(f, i + 1)->stack);
        assert_int_equal(profile_get_stack(f->profile, site(f, i + 1)->stack)->n_frames, 2);
        assert_int_equal(frames[1], profile_mark(f->profile, marks[i]));
    }
}

static void test_rows_beyond_the_room_of_the_profile_share_a_site(void **state)
{
    struct fixture *f = *state;
    row_at(f, add_row(f, add_node(f, WIRE_ROOT_COMPLETE, 0x1000, 0)))->allocs = 1;
    update(f, false);
    assert_int_equal(f->profile->heap->n_frames, 1);
    f->profile->heap->n_frames = HEAP_SITE_FRAMES_MAX;
    for (uint32_t i = 1; i <= 2; i++)
        row_at(f, add_row(f, add_node(f, WIRE_ROOT_COMPLETE, 0x1000 + i, 0)))->allocs = 10 * i;
    update(f, false);
    update(f, true);
    assert_int_equal(f->profile->heap->sites->len, 2);
    assert_string_equal(leaf_name(f, site(f, 1)), PROFILE_MARK_OTHER);
    assert_int_equal(site(f, 1)->values[HEAP_ALLOCS], 30);
    assert_int_equal(site(f, 0)->values[HEAP_ALLOCS], 1);
    assert_int_equal(process(f)->merged_stacks, 2);
}

static void test_ages_are_those_of_live_blocks(void **state)
{
    struct fixture *f = *state;
    uint32_t i = add_row(f, add_node(f, WIRE_ROOT_COMPLETE, 0x1000, 0));
    uint64_t now = tsc_now().ticks;
    row_at(f, i)->allocs = 3;
    heap(f)->n_blocks = 3;
    *block_at(f, 0) = (struct wire_heap_block){.address = 16, .row = i, .ticks = now - 5000000000};
    *block_at(f, 1) = (struct wire_heap_block){.address = 32, .row = i, .ticks = now - 9000000000};
    *block_at(f, 2) = (struct wire_heap_block){.address = 0, .row = i, .ticks = 1};
    update(f, false);
    heap_reader_look_at_blocks(f->reader, f->ingest, &f->clock, UINT32_MAX);
    assert_in_range(site(f, 0)->youngest_ns, 5000000000, 5900000000);
    assert_in_range(site(f, 0)->oldest_ns, 9000000000, 9900000000);
    uint64_t addresses[4];
    block_at(f, 1)->address |= WIRE_BLOCK_SAMPLED;
    assert_int_equal(heap_reader_addresses(f->reader, addresses, 4), 2);
    assert_int_equal(addresses[1], 32);
    memset(block_at(f, 0), 0, 2 * sizeof(struct wire_heap_block));
    heap_reader_look_at_blocks(f->reader, f->ingest, &f->clock, UINT32_MAX);
    assert_int_equal(site(f, 0)->oldest_ns, -1);
}

static void test_lanes_are_summed(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < 3; i++)
        *lane_at(f, i) = (struct wire_heap_lane){.tid = 1,
                                                 .allocs = 10,
                                                 .alloc_bytes = 100,
                                                 .frees = 4,
                                                 .unknown_frees = 3,
                                                 .failed = 2,
                                                 .unrecorded = 1};
    heap(f)->live_bytes = 77;
    heap(f)->peak_bytes = 88;
    heap(f)->peak_ticks = f->clock.start.ticks + 1000;
    f->clock.run_start_ns = f->clock.start.time_ns;
    update(f, false);
    assert_int_equal(process(f)->allocs, 30);
    assert_int_equal(process(f)->alloc_bytes, 300);
    assert_int_equal(process(f)->frees, 12);
    assert_int_equal(process(f)->unknown_frees, 9);
    assert_int_equal(process(f)->failed, 6);
    assert_int_equal(process(f)->unrecorded, 3);
    assert_int_equal(process(f)->live_bytes, 77);
    assert_int_equal(process(f)->peak_bytes, 88);
    assert_int_equal(process(f)->peak_time_ns, 1000);
}

static void test_what_is_wrong_in_a_segment_does_no_harm(void **state)
{
    struct fixture *f = *state;
    uint32_t node = add_node(f, 0, 0x1000, 500);
    node_at(f, node)->parent = node; /* its own caller */
    row_at(f, add_row(f, node))->allocs = 1;
    row_at(f, add_row(f, UINT32_MAX))->allocs = 1;
    row_at(f, add_row(f, add_node(f, node + 1000, 0, UINT16_MAX)))->allocs = UINT64_MAX;
    row_at(f, 3)->live_bytes = INT64_MIN;
    row_at(f, 3)->frees = 1;
    row_at(f, 3)->variance_bytes2 = UINT64_MAX;
    memset(f->part + f->layout.dirty, 0xff, 4096);
    heap(f)->n_rows = 4000000000u;
    heap(f)->n_modules = heap(f)->n_blocks = UINT32_MAX;
    heap(f)->mode = 77;
    heap(f)->trouble = UINT32_MAX;
    heap(f)->live_bytes = INT64_MIN;
    *block_at(f, 0) = (struct wire_heap_block){.address = 1, .row = UINT32_MAX};
    *block_at(f, 1) = (struct wire_heap_block){.address = 1, .row = 1, .ticks = UINT64_MAX};
    update(f, true);
    heap_reader_look_at_blocks(f->reader, f->ingest, &f->clock, UINT32_MAX);
    assert_int_equal(f->profile->heap->sites->len, 3);
    for (guint i = 0; i < 3; i++)
        for (int k = 0; k < HEAP_COLUMNS; k++)
            assert_true(site(f, i)->values[k] >= 0);
    assert_int_equal(process(f)->live_bytes, 0);
    assert_int_equal(process(f)->mode, HEAP_OFF);
}

static void test_a_program_without_calls_is_said_to_be_so(void **state)
{
    struct fixture *f = *state;
    update(f, true);
    heap_reader_end(f->reader, f->ingest);
    assert_true(process(f)->ended);
    assert_non_null(strstr(process(f)->trouble, "no call of malloc()"));
}

static void test_a_program_that_became_another_is_said_to_be_so(void **state)
{
    struct fixture *f = *state;
    struct wire_segment *segment = (void *)f->part;
    update(f, false);
    assert_string_equal(process(f)->trouble, "");
    segment->state = WIRE_STATE_EXEC;
    update(f, false);
    assert_non_null(strstr(process(f)->trouble, "executed"));
    segment->state = WIRE_STATE_RUNNING; /* it could not be executed */
    update(f, false);
    assert_string_equal(process(f)->trouble, "");
}

static void test_a_collector_that_never_began_is_said_to_be_so(void **state)
{
    struct fixture *f = *state;
    heap(f)->n_rows = 0;
    update(f, true);
    heap_reader_end(f->reader, f->ingest);
    assert_non_null(strstr(process(f)->trouble, "did not begin"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_row_becomes_a_site_with_its_stack, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_only_what_is_new_is_added, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_peak_is_what_was_live_then, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_rows_are_read_at_a_new_peak_or_the_end, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_another_image_adds_to_the_sites_of_equal_stacks,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_module_gives_frames_their_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_module_with_another_build_id_is_not_taken, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_how_a_stack_ends_shows_as_a_mark, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows_beyond_the_room_of_the_profile_share_a_site,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ages_are_those_of_live_blocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lanes_are_summed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_wrong_in_a_segment_does_no_harm, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_program_that_became_another_is_said_to_be_so, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_program_without_calls_is_said_to_be_so, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_collector_that_never_began_is_said_to_be_so, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
