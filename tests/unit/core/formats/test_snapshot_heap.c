/*
 * Tests of the heap in snapshots: what is written reads back identical, other files stay as they
 * were, and no number of a damaged file gets through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/formats/snapshot.h"
#include "core/formats/snapshot_heap.h"
#include "tests/unit/core/formats/pprof_bytes.h"
#include "tests/unit/core/formats/sample_profile.h"
#include "tests/unit/core/formats/snapshot_files.h"

static const struct heap_site *site_at(const struct profile *p, guint i)
{
    assert_true(i < p->heap->sites->len);
    return &g_array_index(p->heap->sites, struct heap_site, i);
}

static struct profile *heap_profile(void)
{
    struct profile *p = sample_profile();
    sample_heap(p);
    return p;
}

static void assert_same_stack(const struct profile *p, uint32_t a, const struct profile *q,
                              uint32_t b)
{
    uint32_t n = profile_get_stack(p, a)->n_frames;
    assert_int_equal(profile_get_stack(q, b)->n_frames, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct line *la = profile_frame_lines(p, profile_stack_frames(p, a)[i]);
        const struct line *lb = profile_frame_lines(q, profile_stack_frames(q, b)[i]);
        assert_string_equal(profile_get_function(p, la->function)->name,
                            profile_get_function(q, lb->function)->name);
    }
}

static void assert_same_sites(const struct profile *p, const struct profile *q)
{
    assert_int_equal(p->heap->sites->len, q->heap->sites->len);
    for (guint i = 0; i < p->heap->sites->len; i++) {
        struct heap_site a = *site_at(p, i), b = *site_at(q, i);
        assert_same_stack(p, a.stack, q, b.stack);
        b.stack = a.stack;
        assert_memory_equal(&a, &b, sizeof a);
    }
}

static void assert_same_processes(const struct heap *a, const struct heap *b)
{
    assert_int_equal(a->processes->len, b->processes->len);
    for (guint i = 0; i < a->processes->len; i++) {
        struct heap_process x = g_array_index(a->processes, struct heap_process, i);
        struct heap_process y = g_array_index(b->processes, struct heap_process, i);
        assert_string_equal(x.trouble, y.trouble);
        y.trouble = x.trouble;
        assert_int_equal(x.mode, y.mode);
        assert_true(x.was_sampled == y.was_sampled && x.ended == y.ended);
        assert_int_equal(x.process, y.process);
        assert_memory_equal(&x.allocs, &y.allocs, sizeof x - offsetof(struct heap_process, allocs));
    }
}

static void test_load_restores_the_heap(void **state)
{
    const struct folder *f = *state;
    struct profile *p = heap_profile();
    save(p, f->first);
    struct profile *q = load(f->first);
    assert_same_sites(p, q);
    assert_same_processes(p->heap, q->heap);
    assert_int_equal(q->heap->moments->len, 5);
    assert_memory_equal(p->heap->moments->data, q->heap->moments->data,
                        5 * sizeof(struct heap_moment));
    assert_int_equal(q->heap->moment_step_ns, p->heap->moment_step_ns);
    assert_true(heap_is_measured(q->heap));
    assert_true(q->heap->generation > 0);
    /* And the rest is as it is without a heap. */
    assert_int_equal(q->n_metrics, 2);
    assert_int_equal(q->main_metric, 1);
    assert_int_equal(q->entries->len, p->entries->len);
    assert_int_equal(profile_entry_values(q, 1)[1], 2000000);
    assert_int_equal(q->threads->len, p->threads->len);
    assert_int_equal(q->comments->len, p->comments->len);
    profile_free(q);
    profile_free(p);
}

static void test_save_of_loaded_heap_is_byte_identical(void **state)
{
    const struct folder *f = *state;
    struct profile *p = heap_profile();
    save(p, f->first);
    struct profile *q = load(f->first);
    save(q, f->second);
    assert_same_content(f->first, f->second);
    profile_free(q);
    profile_free(p);
}

static void test_why_there_is_no_heap_is_kept(void **state)
{
    const struct folder *f = *state;
    struct profile *p = sample_profile();
    p->heap->why_not = profile_text(p, "the heap is measured with the timer engine alone");
    heap_process_get(p->heap, 1)->trouble = profile_text(p, "it is linked statically");
    save(p, f->first);
    struct profile *q = load(f->first);
    assert_string_equal(q->heap->why_not, p->heap->why_not);
    assert_same_processes(p->heap, q->heap);
    assert_false(heap_is_measured(q->heap));
    assert_int_equal(q->n_metrics, 2);
    assert_int_equal(q->heap->sites->len, 0);
    assert_int_equal(q->comments->len, p->comments->len);
    profile_free(q);
    profile_free(p);
}

/* A Go heap profile that proftop has saved: its types are metrics, as they were before. */
static void test_heap_types_of_other_writers_stay_metrics(void **state)
{
    const struct folder *f = *state;
    struct profile *p = profile_new();
    profile_add_metric(p, "alloc_objects", "count");
    p->main_metric = profile_add_metric(p, "inuse_space", "bytes");
    uint32_t frame = profile_mark(p, "[unknown]");
    uint32_t thread = profile_thread(p, profile_process(p, 0), 0);
    profile_add(p, profile_stack(p, &frame, 1), thread, 0, (int64_t[]){3, 300});
    save(p, f->first);
    struct profile *q = load(f->first);
    assert_int_equal(q->n_metrics, 2);
    assert_int_equal(q->main_metric, 1);
    assert_int_equal(profile_entry_values(q, 0)[1], 300);
    assert_int_equal(q->heap->sites->len, 0);
    sample_heap(q); /* and beside them a heap of ours */
    profile_process_new(q, 7, PROFILE_NONE);
    profile_process_new(q, 8, PROFILE_NONE);
    profile_stack(q, (uint32_t[]){frame, frame}, 2);
    save(q, f->second);
    struct profile *r = load(f->second);
    assert_int_equal(r->n_metrics, 2);
    assert_int_equal(profile_entry_values(r, 0)[1], 300);
    assert_same_sites(q, r);
    profile_free(r);
    profile_free(q);
    profile_free(p);
}

/* --- files as others could make them --- */

enum { TEXT_MARK = 1, TEXT_TYPES, TEXT_ALLOCS, TEXT_LIVE, TEXT_FIRST_FREE };

/* One sample type of a metric, two of the heap. */
static GByteArray *begin_file(void)
{
    GByteArray *out = g_byte_array_new();
    const char *texts[] = {"", "proftop=1", "heap_sample_types=2", "alloc_objects", "inuse_space"};
    PUT(out, 1, 1, TEXT_MARK, 2, TEXT_MARK);
    PUT(out, 1, 1, TEXT_ALLOCS, 2, TEXT_MARK);
    PUT(out, 1, 1, TEXT_LIVE, 2, TEXT_MARK);
    put_varint(out, 13, TEXT_MARK);
    put_varint(out, 13, TEXT_TYPES);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        put_text(out, texts[i]);
    return out;
}

static struct profile *parse(GByteArray *bytes)
{
    GError *error = NULL;
    struct profile *p = snapshot_parse(bytes->data, bytes->len, "x.pb", &error);
    assert_null(error);
    assert_non_null(p);
    g_byte_array_unref(bytes);
    return p;
}

static void put_site(GByteArray *out, int64_t allocs, int64_t live, uint64_t key, int64_t label)
{
    GByteArray *sample = g_byte_array_new();
    put_varint(sample, 2, 0);
    put_varint(sample, 2, (uint64_t)allocs);
    put_varint(sample, 2, (uint64_t)live);
    PUT(sample, 3, 1, key, 3, (uint64_t)label);
    put_bytes(out, 2, sample->data, sample->len);
    g_byte_array_unref(sample);
}

static void test_parse_joins_sites_and_bounds_their_numbers(void **state)
{
    (void)state;
    GByteArray *bytes = begin_file();
    put_site(bytes, 5, -3, TEXT_FIRST_FREE, -4);
    put_site(bytes, INT64_MAX, 20, TEXT_FIRST_FREE, INT64_MAX);
    put_site(bytes, INT64_MIN, 1, TEXT_FIRST_FREE, 9);
    put_text(bytes, "lifetime_ge_1s");
    struct profile *p = parse(bytes);
    assert_int_equal(p->n_metrics, 1);
    assert_int_equal(p->entries->len, 0);
    assert_int_equal(p->heap->sites->len, 1);
    assert_int_equal(site_at(p, 0)->values[HEAP_ALLOCS], INT64_MAX);
    assert_int_equal(site_at(p, 0)->values[HEAP_LIVE_BYTES], 21);
    assert_int_equal(site_at(p, 0)->lifetimes[HEAP_LIFETIMES - 1], INT64_MAX);
    assert_int_equal(site_at(p, 0)->values[HEAP_PEAK_BYTES], 0);
    profile_free(p);
}

static void test_parse_takes_ages_that_make_sense(void **state)
{
    (void)state;
    GByteArray *bytes = begin_file();
    put_site(bytes, 1, 1, TEXT_FIRST_FREE, -12345);
    put_text(bytes, "oldest_ns");
    struct profile *p = parse(bytes);
    assert_int_equal(site_at(p, 0)->oldest_ns, 0);
    assert_int_equal(site_at(p, 0)->youngest_ns, -1);
    profile_free(p);
}

static void test_parse_does_not_believe_every_count_of_types(void **state)
{
    static const char *const counts[] = {"3", "4", "-1", "0", "99999999999999999999", "x"};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
        GByteArray *bytes = g_byte_array_new();
        char *comment = g_strconcat("heap_sample_types=", counts[i], NULL);
        const char *texts[] = {"", "proftop=1", comment, "alloc_objects", "inuse_space"};
        for (uint32_t type = TEXT_MARK; type <= TEXT_ALLOCS; type++)
            PUT(bytes, 1, 1, type, 2, TEXT_MARK);
        put_varint(bytes, 13, TEXT_MARK);
        put_varint(bytes, 13, TEXT_TYPES);
        for (size_t k = 0; k < G_N_ELEMENTS(texts); k++)
            put_text(bytes, texts[k]);
        put_site(bytes, 1, 1, 0, 0);
        struct profile *p = parse(bytes);
        assert_int_equal(p->n_metrics, 3);
        assert_int_equal(p->heap->sites->len, 0);
        assert_int_equal(p->entries->len, 1);
        profile_free(p);
        g_free(comment);
    }
}

/* What makes no sense is kept as a comment, as it is of other keys. */
static void test_comments_that_make_no_sense_change_nothing(void **state)
{
    static const char *const wrong[] = {
        "heap_process=1 exact unsampled ended 1 2 3 4 5 6 7 8 9 10 11 12 ", /* no such process */
        "heap_process=-1 exact unsampled ended 1 2 3 4 5 6 7 8 9 10 11 12 ",
        "heap_process=0 other unsampled ended 1 2 3 4 5 6 7 8 9 10 11 12 ",
        "heap_process=0 exact unsampled ended 1 2 3 -4 5 6 7 8 9 10 11 12 ",
        "heap_process=0 exact unsampled ended 1 2 3 4 5 6 7 8 9 10 -2 12 ",
        "heap_process=0 exact unsampled ended 1 2 3 4 5 6 7 8 9 10 11",
        "heap_process=0 exact",
        "heap_process=",
        "heap_moment_step_ns=0",
        "heap_moment=-1 5 5",
        "heap_moment=1 -5 5",
        "heap_moment=1 5 -2",
        "heap_moment=1 5",
        "heap_other=1",
    };
    (void)state;
    struct profile *p = profile_new();
    profile_process_new(p, 1, PROFILE_NONE);
    int64_t step = p->heap->moment_step_ns;
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
        assert_false(snapshot_heap_read(p, wrong[i]));
    assert_int_equal(p->heap->processes->len, 0);
    assert_int_equal(p->heap->moments->len, 0);
    assert_int_equal(p->heap->moment_step_ns, step);
    assert_true(snapshot_heap_read(
        p, "heap_process=0 sampled sampled ended 1 2 3 4 5 6 7 8 9 10 -1 12 some trouble"));
    assert_string_equal(heap_process_find(p->heap, 0)->trouble, "some trouble");
    assert_false(snapshot_heap_read(
        p, "heap_process=0 exact unsampled ended 1 2 3 4 5 6 7 8 9 10 11 12 ")); /* twice */
    assert_true(snapshot_heap_read(p, "heap_moment=9223372036854775807 5 -1"));
    assert_false(snapshot_heap_read(p, "heap_moment=9223372036854775807 5 -1"));
    assert_false(snapshot_heap_read(p, "heap_moment=4 5 -1")); /* runs backwards */
    assert_int_equal(p->heap->moments->len, 1);
    profile_free(p);
}

static void test_moments_are_not_more_than_fit(void **state)
{
    (void)state;
    struct profile *p = profile_new();
    for (int i = 0; i < HEAP_MOMENTS_MAX + 5; i++) {
        char *comment = g_strdup_printf("heap_moment=%d 1 1", i);
        assert_true(snapshot_heap_read(p, comment) == (i < HEAP_MOMENTS_MAX));
        g_free(comment);
    }
    profile_free(p);
}

static void assert_key(unsigned label, char *key)
{
    assert_string_equal(site_label_keys[label], key);
    g_free(key);
}

static char *lifetime_key(const char *relation, int64_t ns)
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    unsigned unit = 0;
    for (; ns >= 1000; ns /= 1000)
        unit++;
    return g_strdup_printf("lifetime_%s_%d%s", relation, (int)ns, units[unit]);
}

static void test_label_keys_name_the_bounds_of_classes(void **state)
{
    (void)state;
    unsigned last = HEAP_SIZE_CLASSES - 1;
    for (unsigned i = 0; i < last; i++)
        assert_key(SITE_LABEL_SIZES + i, g_strdup_printf("size_le_%d", (int)heap_size_bound(i)));
    assert_key(SITE_LABEL_SIZES + last,
               g_strdup_printf("size_gt_%d", (int)heap_size_bound(last - 1)));
    last = HEAP_LIFETIMES - 1;
    for (unsigned i = 0; i < last; i++)
        assert_key(SITE_LABEL_LIFETIMES + i, lifetime_key("lt", heap_lifetime_bound_ns(i)));
    assert_key(SITE_LABEL_LIFETIMES + last, lifetime_key("ge", heap_lifetime_bound_ns(last - 1)));
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_load_restores_the_heap),
        IN_FOLDER(test_save_of_loaded_heap_is_byte_identical),
        IN_FOLDER(test_why_there_is_no_heap_is_kept),
        IN_FOLDER(test_heap_types_of_other_writers_stay_metrics),
        cmocka_unit_test(test_parse_joins_sites_and_bounds_their_numbers),
        cmocka_unit_test(test_parse_takes_ages_that_make_sense),
        cmocka_unit_test(test_parse_does_not_believe_every_count_of_types),
        cmocka_unit_test(test_comments_that_make_no_sense_change_nothing),
        cmocka_unit_test(test_moments_are_not_more_than_fit),
        cmocka_unit_test(test_label_keys_name_the_bounds_of_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
