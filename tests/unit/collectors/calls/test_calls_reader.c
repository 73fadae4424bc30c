/* What a collector writes into its segment about calls becomes records of the profile; what a
 * hostile one writes does no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collectors/calls/calls_reader.h"
#include "collectors/calls/open_calls.h"
#include "core/model/calls.h"
#include "core/target/proc_maps.h"
#include "tests/unit/core/model/model_builder.h"

/* A process that is ourselves, and the calls' part of its segment; a tick is a nanosecond. */
struct fixture {
    struct profile *profile;
    pthread_mutex_t lock;
    struct ingest *ingest;
    struct calls_layout layout;
    uint8_t *part;
    struct calls_hello *hello; /* the reader's */
    struct calls_reader *reader;
    struct calls_reader_options options;
};

static struct wire_calls *wire(const struct fixture *f)
{
    return (struct wire_calls *)(void *)f->part;
}

static struct wire_calls_record *record_at(const struct fixture *f, uint32_t i)
{
    return (struct wire_calls_record *)(void *)(f->part + f->layout.records.offset) + i;
}

static struct wire_calls_lane *lane_at(const struct fixture *f, uint32_t i)
{
    return (struct wire_calls_lane *)(void *)(f->part + f->layout.lanes) + i;
}

static struct wire_calls_chunk *chunk_at(const struct fixture *f, uint32_t i)
{
    return (struct wire_calls_chunk *)(void *)(f->part + f->layout.chunks.offset) + i;
}

/* Another hello of the same process, with no calls. */
static void begin(struct fixture *f)
{
    struct calls_hello *hello = g_new0(struct calls_hello, 1);
    f->part = mmap(NULL, f->layout.bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(f->part != MAP_FAILED);
    calls_layout_write(&f->layout, f->part, 0);
    hello->process = g_new0(struct listener_process, 1);
    *hello->process = (struct listener_process){.pid = getpid(),
                                                .segment = (void *)f->part,
                                                .segment_bytes = f->layout.bytes,
                                                .references = 1};
    hello->wire = wire(f);
    hello->layout = &f->layout;
    hello->part = f->part;
    hello->maps = proc_maps_list(getpid());
    f->hello = hello;
    f->reader = calls_reader_new(hello, &f->options, f->ingest);
}

static int set_up(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);
    pthread_mutex_init(&f->lock, NULL);
    f->profile = builder_profile();
    f->ingest = ingest_new(f->profile, &f->lock);
    calls_layout_init(&f->layout);
    f->options = (struct calls_reader_options){.start = tsc_now(),
                                               .clock = WIRE_CALLS_MONOTONIC,
                                               .ticks_per_ns = 1,
                                               .scopes = g_hash_table_new(g_str_hash, g_str_equal)};
    begin(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    calls_reader_free(f->reader);
    g_hash_table_unref(f->options.scopes);
    ingest_free(f->ingest);
    profile_free(f->profile);
    pthread_mutex_destroy(&f->lock);
    g_free(f);
    return 0;
}

/* The calls of a scope of that name, within `context`. */
static struct wire_calls_record *add_record(struct fixture *f, const char *name, uint32_t context)
{
    uint32_t n = wire(f)->n_names++;
    struct wire_calls_name *names = (void *)(f->part + f->layout.names.offset);
    struct wire_calls_record *record = record_at(f, wire(f)->n_records++);
    names[n].length = (uint32_t)strlen(name);
    memcpy(names[n].text, name, strlen(name));
    *record = (struct wire_calls_record){
        .function = n, .module = WIRE_CALLS_MODULE_NAMES, .context = context, .tid = 7};
    return record;
}

/* Ended calls that took `each` ticks, `self` of them themselves. */
static void add_calls(struct wire_calls_record *record, uint64_t n, uint64_t each, uint64_t self)
{
    record->calls += n;
    record->sum += n * each;
    record->self += n * self;
    record->max = MAX(record->max, each);
    record->min = record->min ? MIN(record->min, each) : each;
    record->buckets[each < 32 ? 0 : 59 - __builtin_clzll(each)] += (uint32_t)n;
}

static void update(struct fixture *f)
{
    calls_reader_update(f->reader, f->ingest, false);
}

static const struct call_record *called(const struct fixture *f, guint i)
{
    assert_true(i < f->profile->calls->records->len);
    return &g_array_index(f->profile->calls->records, struct call_record, i);
}

static const char *name_in_stack(const struct fixture *f, const struct call_record *record,
                                 uint32_t i)
{
    uint32_t frame = profile_stack_frames(f->profile, record->stack)[i];
    uint32_t function = profile_frame_lines(f->profile, frame)[0].function;
    return profile_get_function(f->profile, function)->name;
}

static void test_a_record_becomes_one_with_its_path(void **state)
{
    struct fixture *f = *state;
    add_calls(add_record(f, "outer", 0), 1, 1000, 400);
    add_calls(add_record(f, "inner", 1), 3, 200, 200);
    record_at(f, 2)->cost = 60;
    update(f);
    assert_int_equal(f->profile->calls->records->len, 2);
    const struct call_record *inner = called(f, 1);
    assert_int_equal(inner->stats.calls, 3);
    assert_int_equal(inner->stats.total_ns, 600);
    assert_int_equal(inner->stats.self_ns, 600);
    assert_int_equal(inner->stats.sum_ns, 600);
    assert_int_equal(inner->stats.cost_ns, 60);
    assert_int_equal(inner->stats.min_ns, 200);
    assert_int_equal(inner->stats.max_ns, 200);
    assert_int_equal(profile_get_stack(f->profile, inner->stack)->n_frames, 2);
    assert_string_equal(name_in_stack(f, inner, 0), "inner");
    assert_string_equal(name_in_stack(f, inner, 1), "outer");
    assert_int_equal(profile_get_thread(f->profile, inner->thread)->tid, 7);
}

static void test_only_what_is_new_is_added(void **state)
{
    struct fixture *f = *state;
    struct wire_calls_record *record = add_record(f, "again", 0);
    add_calls(record, 10, 100, 100);
    update(f);
    update(f);
    add_calls(record, 5, 50, 50);
    update(f);
    assert_int_equal(called(f, 0)->stats.calls, 15);
    assert_int_equal(called(f, 0)->stats.total_ns, 1250);
    assert_int_equal(called(f, 0)->stats.min_ns, 50);
    assert_int_equal(called(f, 0)->stats.max_ns, 100);
}

static void test_images_of_a_process_share_records(void **state)
{
    struct fixture *f = *state;
    add_calls(add_record(f, "same", 0), 2, 100, 100);
    lane_at(f, 0)->orphan_exits = 3;
    update(f);
    calls_reader_free(f->reader);
    begin(f);
    add_calls(add_record(f, "same", 0), 1, 40, 40);
    lane_at(f, 0)->orphan_exits = 1;
    update(f);
    assert_int_equal(f->profile->calls->records->len, 1);
    assert_int_equal(called(f, 0)->stats.calls, 3);
    assert_int_equal(called(f, 0)->stats.min_ns, 40);
    const struct calls_process *process =
        &g_array_index(f->profile->calls->processes, struct calls_process, 0);
    assert_int_equal(process->orphan_exits, 4);
}

/* Durations of 100 and 1000 ns, in ticks of a third of one: each lies in the bucket of nanoseconds
 * that holds it or in the one beside it, and none is lost. */
static void test_buckets_keep_their_calls_at_any_rate_of_the_clock(void **state)
{
    struct fixture *f = *state;
    int64_t low = 0, all = 0;
    f->options.ticks_per_ns = 3;
    struct wire_calls_record *record = add_record(f, "spread", 0);
    add_calls(record, 7, 300, 300);
    update(f);
    add_calls(record, 1001, 3000, 3000);
    update(f);
    for (unsigned i = 0; i < CALLS_BUCKETS; i++) {
        int64_t n = called(f, 0)->stats.buckets[i];
        all += n;
        low += i >= 6 && i <= 8 ? n : 0; /* [32, 256) ns */
        assert_true(n == 0 || (i >= 6 && i <= 11));
    }
    assert_int_equal(all, 1008);
    assert_int_equal(low, 7);
}

/* So many probes were taken off the caller that it seems to have taken less than what it called. */
static void test_a_caller_takes_no_less_than_what_it_called(void **state)
{
    struct fixture *f = *state;
    add_calls(add_record(f, "main", 0), 1, 15, 0);
    add_calls(add_record(f, "busy", 1), 1000, 230, 230);
    update(f);
    assert_int_equal(called(f, 0)->stats.total_ns, 230000);
    assert_int_equal(called(f, 0)->stats.self_ns, 0);
    assert_int_equal(called(f, 0)->stats.sum_ns, 230000);
    assert_int_equal(called(f, 0)->stats.max_ns, 230000);
    assert_int_equal(called(f, 1)->stats.total_ns, 230000);
}

static void test_recursive_calls_add_nothing_to_the_total(void **state)
{
    struct fixture *f = *state;
    add_calls(add_record(f, "walk", 0), 1, 1000, 100);
    struct wire_calls_record *deeper = add_record(f, "walk", 1);
    deeper->function = record_at(f, 1)->function;
    deeper->is_recursive = 1;
    add_calls(deeper, 3, 800, 300);
    update(f);
    assert_true(called(f, 1)->is_recursive);
    assert_int_equal(called(f, 1)->stats.total_ns, 0);
    assert_int_equal(called(f, 1)->stats.sum_ns, 2400);
}

/* A shadow stack: record `r` was entered `ago` ticks before the end. */
static void open_frame(struct fixture *f, uint32_t i, uint32_t r, uint64_t sp, uint64_t ago)
{
    struct wire_calls_chunk *chunk = chunk_at(f, 1 + i / WIRE_CALLS_FRAMES);
    wire(f)->n_chunks = 2 + i / WIRE_CALLS_FRAMES;
    if (i >= WIRE_CALLS_FRAMES)
        chunk_at(f, i / WIRE_CALLS_FRAMES)->next = 1 + i / WIRE_CALLS_FRAMES;
    chunk->frames[i % WIRE_CALLS_FRAMES] =
        (struct wire_calls_frame){.record = r,
                                  .context = r,
                                  .sp = sp,
                                  .start = wire(f)->end_ticks - ago,
                                  .return_address = 0x1000 + i};
    lane_at(f, 0)->first_chunk = 1;
    lane_at(f, 0)->tid = 7;
    lane_at(f, 0)->depth = i + 1;
}

static void test_open_calls_count_with_their_time_so_far(void **state)
{
    struct fixture *f = *state;
    add_record(f, "main", 0);
    add_calls(add_record(f, "work", 1), 2, 100, 100);
    wire(f)->end_ticks = 5000000;
    open_frame(f, 0, 1, 0x9000, 1000);
    open_frame(f, 1, 2, 0x8000, 300);
    chunk_at(f, 1)->frames[0].inner = 200;
    calls_reader_update(f->reader, f->ingest, true);
    assert_int_equal(called(f, 0)->stats.calls, 1);
    assert_int_equal(called(f, 0)->stats.open, 1);
    assert_int_equal(called(f, 0)->stats.total_ns, 1000);
    assert_int_equal(called(f, 0)->stats.self_ns, 500);
    assert_int_equal(called(f, 0)->stats.sum_ns, 0);
    assert_int_equal(called(f, 1)->stats.calls, 3);
    assert_int_equal(called(f, 1)->stats.total_ns, 500);
    /* and no longer once they have ended */
    lane_at(f, 0)->depth = 0;
    add_calls(record_at(f, 1), 1, 1100, 900);
    calls_reader_update(f->reader, f->ingest, true);
    assert_int_equal(called(f, 0)->stats.calls, 1);
    assert_int_equal(called(f, 0)->stats.open, 0);
    assert_int_equal(called(f, 0)->stats.total_ns, 1100);
    assert_int_equal(called(f, 0)->stats.min_ns, 1100);
    assert_int_equal(called(f, 1)->stats.calls, 2);
    assert_int_equal(called(f, 1)->stats.total_ns, 200);
}

static uint64_t first_return(const struct fixture *f, int tid, uint64_t slot)
{
    uint64_t address;
    return open_calls_return_addresses(f->hello, tid, slot, &address, 1) ? address : 0;
}

static void test_return_addresses_are_found_on_deep_stacks(void **state)
{
    enum { DEPTH = 3 * WIRE_CALLS_FRAMES + 5 };
    struct fixture *f = *state;
    add_record(f, "deep", 0);
    for (uint32_t i = 0; i < DEPTH; i++)
        open_frame(f, i, 1, 0x100000 - 16 * i, 10);
    for (uint32_t i = 0; i < DEPTH; i++)
        assert_int_equal(first_return(f, 7, 0x100000 - 16 * i), 0x1000 + i);
    assert_int_equal(first_return(f, 7, 0x100008), 0);
    assert_int_equal(first_return(f, 8, 0x100000), 0);
    /* what has just ended is still there */
    lane_at(f, 0)->depth = DEPTH - 2;
    assert_int_equal(first_return(f, 7, 0x100000 - 16 * (DEPTH - 1)), 0x1000 + DEPTH - 1);
}

static void test_return_addresses_of_calls_that_have_ended_are_found_by_their_place(void **state)
{
    struct fixture *f = *state;
    struct wire_calls_return *returns = (void *)(f->part + f->layout.returns);
    const uint64_t slot = 0x7ffc12345678;
    assert_int_equal(first_return(f, 7, slot), 0);
    returns[WIRE_CALLS_RETURN_OF(slot, 0x4321)] =
        (struct wire_calls_return){.slot = slot, .address = 0x4321};
    assert_int_equal(first_return(f, 7, slot), 0x4321);
    assert_int_equal(first_return(f, 7, slot + 8), 0);
}

/* Each once, as many as there is room for, and that of the open call first. */
static void test_all_return_addresses_of_a_place_are_found(void **state)
{
    struct fixture *f = *state;
    struct wire_calls_return *returns = (void *)(f->part + f->layout.returns);
    const uint64_t slot = 0x7ffc12345678, wanted[] = {0x4321, 0x5432, 0x6543};
    uint64_t found[8] = {0};
    uint32_t group = WIRE_CALLS_RETURNS_OF(slot);
    assert_true(group + WIRE_CALLS_RETURNS_OF_SLOT <= WIRE_CALLS_RETURNS);
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t at = WIRE_CALLS_RETURN_OF(slot, wanted[i]);
        assert_true(at >= group && at < group + WIRE_CALLS_RETURNS_OF_SLOT);
        returns[group + 2 * i] = (struct wire_calls_return){.slot = slot, .address = wanted[i]};
        returns[group + 2 * i + 1] = (struct wire_calls_return){.slot = slot + 8, .address = 0x77};
    }
    assert_int_equal(open_calls_return_addresses(f->hello, 7, slot, found, 8), 3);
    assert_memory_equal(found, wanted, sizeof wanted);
    assert_int_equal(open_calls_return_addresses(f->hello, 7, slot, found, 2), 2);
    add_record(f, "open", 0);
    open_frame(f, 0, 1, slot, 10);
    assert_int_equal(open_calls_return_addresses(f->hello, 7, slot, found, 8), 4);
    assert_int_equal(found[0], 0x1000);
    assert_memory_equal(found + 1, wanted, sizeof wanted);
    chunk_at(f, 1)->frames[0].return_address = wanted[1];
    assert_int_equal(open_calls_return_addresses(f->hello, 7, slot, found, 8), 3);
    assert_memory_equal(found, ((uint64_t[]){wanted[1], wanted[0], wanted[2]}), sizeof wanted);
}

static void test_marks_counters_and_names_are_taken_over(void **state)
{
    struct fixture *f = *state;
    struct wire_calls_mark *marks = (void *)(f->part + f->layout.marks);
    struct wire_calls_counter *counters = (void *)(f->part + f->layout.counters);
    f->options.run_start_ns = 1000;
    marks[0] = (struct wire_calls_mark){.ticks = 3500, .tid = 7, .text = "half\n"};
    counters[0] =
        (struct wire_calls_counter){.name = "queue", .value = 5, .updates = 9, .min = -1, .max = 8};
    wire(f)->n_marks = 1;
    wire(f)->n_counters = 1;
    lane_at(f, 3)->tid = 7;
    memcpy(lane_at(f, 3)->name, "parser", 7);
    update(f);
    update(f);
    const struct calls *calls = f->profile->calls;
    assert_int_equal(calls->marks->len, 1);
    assert_int_equal(g_array_index(calls->marks, struct calls_mark, 0).time_ns, 2500);
    assert_string_equal(g_array_index(calls->marks, struct calls_mark, 0).text, "half\\x0a");
    assert_int_equal(calls->counters->len, 1);
    assert_int_equal(g_array_index(calls->counters, struct calls_counter, 0).value, 5);
    assert_int_equal(g_array_index(calls->counters, struct calls_counter, 0).min, -1);
    uint32_t thread = g_array_index(calls->marks, struct calls_mark, 0).thread;
    assert_string_equal(profile_get_thread(f->profile, thread)->name, "parser");
}

/* Whatever was read: nothing below 0, and no more of anything than may be. */
static void assert_sane(const struct profile *p)
{
    for (guint i = 0; i < p->calls->records->len; i++) {
        const struct call_record *r = &g_array_index(p->calls->records, struct call_record, i);
        assert_true(profile_get_stack(p, r->stack)->n_frames >= 1);
        assert_true(r->stats.calls >= 0 && r->stats.open >= 0 && r->stats.total_ns >= 0);
        assert_true(r->stats.self_ns >= 0 && r->stats.sum_ns >= 0 && r->stats.cost_ns >= 0);
        for (int k = 0; k < CALLS_BUCKETS; k++)
            assert_true(r->stats.buckets[k] >= 0);
    }
    for (guint i = 0; i < p->calls->processes->len; i++) {
        const struct calls_process *process =
            &g_array_index(p->calls->processes, struct calls_process, i);
        assert_true(process->implicit_exits >= 0 && process->orphan_exits >= 0);
        assert_true(process->missed >= 0 && process->untimed >= 0);
    }
    assert_true(p->calls->counters->len <= WIRE_CALLS_COUNTERS);
    assert_true(p->threads->len <= 20002);
}

static void test_sums_of_what_a_segment_says_stop_at_the_largest(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < WIRE_CALLS_LANES; i++)
        lane_at(f, i)->missed = UINT64_MAX;
    struct wire_calls_record *first = add_record(f, "same", 0);
    add_calls(first, 1, 100, 100);
    *record_at(f, wire(f)->n_records++) = *first;
    *record_at(f, wire(f)->n_records++) = *first;
    for (uint32_t i = 1; i < 4; i++)
        record_at(f, i)->calls = record_at(f, i)->sum = record_at(f, i)->self = UINT64_MAX;
    update(f);
    update(f);
    assert_sane(f->profile);
    assert_int_equal(f->profile->calls->records->len, 1);
    assert_true(called(f, 0)->stats.calls > INT64_MAX / 2);
}

static void test_a_counter_keeps_its_name_and_threads_have_an_end(void **state)
{
    struct fixture *f = *state;
    struct wire_calls_counter *counters = (void *)(f->part + f->layout.counters);
    wire(f)->n_counters = 1;
    for (uint32_t i = 0; i < 10; i++) {
        snprintf(counters[0].name, sizeof counters[0].name, "name %u", i);
        update(f);
    }
    assert_int_equal(f->profile->calls->counters->len, 1);
    struct wire_calls_record *record = add_record(f, "many", 0);
    add_calls(record, 1, 10, 10);
    for (uint32_t i = 2; i < 30000; i++) {
        *record_at(f, i) = *record;
        record_at(f, i)->tid = i & 0xffff;
    }
    wire(f)->n_records = 30000;
    update(f);
    assert_sane(f->profile);
}

/* As deep as a path may be, and deeper. */
static void test_a_path_that_is_too_long_says_so(void **state)
{
    enum { DEEP = PROFILE_USER_FRAMES_MAX + 10 };
    struct fixture *f = *state;
    for (uint32_t i = 0; i < DEEP; i++)
        add_calls(add_record(f, "step", i), 1, 10, 10);
    update(f);
    const struct call_record *last = called(f, f->profile->calls->records->len - 1);
    uint32_t n = profile_get_stack(f->profile, last->stack)->n_frames;
    assert_string_equal(name_in_stack(f, last, n - 1), PROFILE_MARK_TRUNCATED);
    assert_string_equal(name_in_stack(f, called(f, 5), 5), "step");
}

/* Every byte of it, several times. */
static void test_a_hostile_segment_does_no_harm(void **state)
{
    struct fixture *f = *state;
    for (unsigned round = 0; round < 64; round++) {
        GRand *random = g_rand_new_with_seed(round);
        uint32_t *words = (void *)f->part;
        for (size_t i = 64; i < 256; i++) /* the collector's part of the head */
            words[i] = g_rand_int(random);
        for (uint32_t i = 0; i < 16; i++) {
            uint32_t *lane = (void *)lane_at(f, i), *chunk = (void *)chunk_at(f, i);
            uint32_t *record = (void *)record_at(f, i);
            for (size_t k = 0; k < sizeof(struct wire_calls_lane) / 4; k++)
                lane[k] = g_rand_int(random) >> g_rand_int_range(random, 0, 31);
            for (size_t k = 0; k < sizeof(struct wire_calls_chunk) / 4; k++)
                chunk[k] = g_rand_int(random) >> g_rand_int_range(random, 0, 31);
            for (size_t k = 0; k < sizeof(struct wire_calls_record) / 4; k++)
                record[k] = g_rand_int(random);
        }
        wire(f)->n_records = round % 2 ? 16 : 0;
        wire(f)->n_modules = wire(f)->n_marks = wire(f)->n_counters = UINT32_MAX >> round % 32;
        update(f);
        first_return(f, 7, 0x1000);
        g_rand_free(random);
    }
    assert_sane(f->profile);
}

/* Chunks in a ring, and a depth beyond all of them. */
static void test_a_shadow_stack_that_goes_round_ends(void **state)
{
    struct fixture *f = *state;
    add_record(f, "round", 0);
    for (uint32_t i = 0; i < WIRE_CALLS_FRAMES; i++)
        open_frame(f, i, 1, 0x1000, 5);
    chunk_at(f, 1)->next = 1;
    lane_at(f, 0)->depth = UINT32_MAX;
    update(f);
    first_return(f, 7, 0x10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_a_record_becomes_one_with_its_path),
        TEST(test_only_what_is_new_is_added),
        TEST(test_images_of_a_process_share_records),
        TEST(test_buckets_keep_their_calls_at_any_rate_of_the_clock),
        TEST(test_a_caller_takes_no_less_than_what_it_called),
        TEST(test_recursive_calls_add_nothing_to_the_total),
        TEST(test_open_calls_count_with_their_time_so_far),
        TEST(test_return_addresses_are_found_on_deep_stacks),
        TEST(test_return_addresses_of_calls_that_have_ended_are_found_by_their_place),
        TEST(test_all_return_addresses_of_a_place_are_found),
        TEST(test_marks_counters_and_names_are_taken_over),
        TEST(test_sums_of_what_a_segment_says_stop_at_the_largest),
        TEST(test_a_counter_keeps_its_name_and_threads_have_an_end),
        TEST(test_a_path_that_is_too_long_says_so),
        TEST(test_a_hostile_segment_does_no_harm),
        TEST(test_a_shadow_stack_that_goes_round_ends),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
