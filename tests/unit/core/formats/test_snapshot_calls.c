/*
 * Tests of exact calls in snapshots: what is written reads back identical, other files stay as they
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
#include "core/formats/snapshot_calls.h"
#include "core/model/call_rows.h"
#include "tests/unit/core/formats/pprof_bytes.h"
#include "tests/unit/core/formats/sample_profile.h"
#include "tests/unit/core/formats/snapshot_files.h"

static const struct call_record *record_at(const struct profile *p, guint i)
{
    assert_true(i < p->calls->records->len);
    return &g_array_index(p->calls->records, struct call_record, i);
}

static struct profile *calls_profile(void)
{
    struct profile *p = sample_profile();
    sample_calls(p);
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

static void assert_same_record(const struct profile *p, const struct call_record *a,
                               const struct profile *q, const struct call_record *b)
{
    assert_same_stack(p, a->stack, q, b->stack);
    assert_int_equal(profile_get_thread(p, a->thread)->tid, profile_get_thread(q, b->thread)->tid);
    assert_int_equal(a->thread, b->thread);
    assert_true(a->is_recursive == b->is_recursive);
    assert_memory_equal(&a->stats, &b->stats, sizeof a->stats);
}

/* All but those without a call, which are not written. */
static void assert_same_records(const struct profile *p, const struct profile *q)
{
    guint n = 0;
    for (guint i = 0; i < p->calls->records->len; i++)
        if (record_at(p, i)->stats.calls > 0)
            assert_same_record(p, record_at(p, i), q, record_at(q, n++));
    assert_int_equal(q->calls->records->len, n);
}

static void assert_same_processes(const struct calls *a, const struct calls *b)
{
    assert_int_equal(a->processes->len, b->processes->len);
    for (guint i = 0; i < a->processes->len; i++) {
        const struct calls_process *x = &g_array_index(a->processes, struct calls_process, i);
        const struct calls_process *y = &g_array_index(b->processes, struct calls_process, i);
        assert_int_equal(x->process, y->process);
        assert_string_equal(x->trouble, y->trouble);
        assert_int_equal(x->implicit_exits, y->implicit_exits);
        assert_int_equal(x->orphan_exits, y->orphan_exits);
        assert_int_equal(x->missed, y->missed);
        assert_int_equal(x->untimed, y->untimed);
        assert_memory_equal(&x->pair_ns, &y->pair_ns, sizeof x->pair_ns);
    }
}

static void assert_same_marks(const struct calls *a, const struct calls *b)
{
    assert_int_equal(a->marks->len, b->marks->len);
    for (guint i = 0; i < a->marks->len; i++) {
        const struct calls_mark *x = &g_array_index(a->marks, struct calls_mark, i);
        const struct calls_mark *y = &g_array_index(b->marks, struct calls_mark, i);
        assert_int_equal(x->time_ns, y->time_ns);
        assert_int_equal(x->thread, y->thread);
        assert_string_equal(x->text, y->text);
    }
}

static void assert_same_counters(const struct calls *a, const struct calls *b)
{
    assert_int_equal(a->counters->len, b->counters->len);
    for (guint i = 0; i < a->counters->len; i++) {
        const struct calls_counter *x = &g_array_index(a->counters, struct calls_counter, i);
        const struct calls_counter *y = &g_array_index(b->counters, struct calls_counter, i);
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->process, y->process);
        assert_memory_equal(&x->value, &y->value, 4 * sizeof x->value);
    }
}

static void test_load_restores_the_calls(void **state)
{
    const struct folder *f = *state;
    struct profile *p = calls_profile();
    save(p, f->first);
    struct profile *q = load(f->first);
    assert_same_records(p, q);
    assert_same_processes(p->calls, q->calls);
    assert_same_marks(p->calls, q->calls);
    assert_same_counters(p->calls, q->calls);
    assert_true(calls_are_measured(q->calls));
    assert_true(q->calls->generation > 0);
    /* And the rest is as it is without calls. */
    assert_int_equal(q->n_metrics, 2);
    assert_int_equal(q->main_metric, 1);
    assert_int_equal(q->entries->len, p->entries->len);
    assert_int_equal(profile_entry_values(q, 1)[1], 2000000);
    assert_int_equal(q->threads->len, p->threads->len);
    assert_int_equal(q->comments->len, p->comments->len);
    assert_false(heap_is_measured(q->heap));
    profile_free(q);
    profile_free(p);
}

static void test_load_restores_what_was_asked_for(void **state)
{
    const struct folder *f = *state;
    struct profile *p = calls_profile();
    uint32_t module = profile_module(p, "/opt/app", "0123456789abcdef", MODULE_FILE);
    uint32_t never = sample_function(p, module, "never", "never", "never");
    g_hash_table_add(p->calls->counted, GUINT_TO_POINTER(never)); /* nor was it called */
    save(p, f->first);
    struct profile *q = load(f->first);
    assert_int_equal(g_hash_table_size(q->calls->counted), 1);
    GHashTableIter iter;
    gpointer function;
    g_hash_table_iter_init(&iter, q->calls->counted);
    assert_true(g_hash_table_iter_next(&iter, &function, NULL));
    assert_string_equal(profile_get_function(q, GPOINTER_TO_UINT(function))->name, "pay; by card");
    profile_free(q);
    profile_free(p);
}

static void test_save_of_loaded_calls_is_byte_identical(void **state)
{
    const struct folder *f = *state;
    struct profile *p = calls_profile();
    save(p, f->first);
    struct profile *q = load(f->first);
    save(q, f->second);
    assert_same_content(f->first, f->second);
    profile_free(q);
    profile_free(p);
}

static void test_calls_and_heap_live_in_one_file(void **state)
{
    const struct folder *f = *state;
    struct profile *p = calls_profile();
    sample_heap(p);
    save(p, f->first);
    struct profile *q = load(f->first);
    assert_same_records(p, q);
    assert_int_equal(q->heap->sites->len, p->heap->sites->len);
    for (guint i = 0; i < p->heap->sites->len; i++) {
        const struct heap_site *a = &g_array_index(p->heap->sites, struct heap_site, i);
        const struct heap_site *b = &g_array_index(q->heap->sites, struct heap_site, i);
        assert_memory_equal(a->values, b->values, sizeof a->values);
    }
    assert_int_equal(q->entries->len, p->entries->len);
    assert_int_equal(q->n_metrics, 2);
    save(q, f->second);
    assert_same_content(f->first, f->second);
    profile_free(q);
    profile_free(p);
}

static void test_why_there_are_no_calls_is_kept(void **state)
{
    const struct folder *f = *state;
    struct profile *p = sample_profile();
    p->calls->why_not = profile_text(p, "nothing in it is compiled for it");
    calls_process_get(p->calls, 1)->trouble = profile_text(p, "it is linked statically");
    calls_record_get(p->calls, 0, 0, false); /* no call was made */
    save(p, f->first);
    struct profile *q = load(f->first);
    assert_string_equal(q->calls->why_not, p->calls->why_not);
    assert_same_processes(p->calls, q->calls);
    assert_false(calls_are_measured(q->calls));
    assert_int_equal(q->n_metrics, 2);
    save(q, f->second);
    assert_same_content(f->first, f->second);
    profile_free(q);
    profile_free(p);
}

static void test_call_types_of_other_writers_stay_metrics(void **state)
{
    const struct folder *f = *state;
    struct profile *p = profile_new();
    profile_add_metric(p, "calls", "count");
    p->main_metric = profile_add_metric(p, "call_time", "nanoseconds");
    uint32_t frame = profile_mark(p, "[unknown]");
    uint32_t thread = profile_thread(p, profile_process(p, 0), 0);
    profile_add(p, profile_stack(p, &frame, 1), thread, 0, (int64_t[]){3, 300});
    save(p, f->first);
    struct profile *q = load(f->first);
    assert_int_equal(q->n_metrics, 2);
    assert_int_equal(q->main_metric, 1);
    assert_int_equal(profile_entry_values(q, 0)[1], 300);
    assert_int_equal(q->calls->records->len, 0);
    sample_record(calls_record_get(q->calls, 0, 0, false), 10); /* and beside them calls of ours */
    save(q, f->second);
    struct profile *r = load(f->second);
    assert_int_equal(r->n_metrics, 2);
    assert_int_equal(profile_entry_values(r, 0)[1], 300);
    assert_same_records(q, r);
    profile_free(r);
    profile_free(q);
    profile_free(p);
}

/* --- files as others could make them --- */

enum { TEXT_MARK = 1, TEXT_CALL_TYPES, TEXT_CALLS, TEXT_TIME, TEXT_PROCESS, TEXT_FIRST_FREE };

/* One sample type of a metric, two of calls. */
static GByteArray *begin_file(const char *types_comment)
{
    GByteArray *out = g_byte_array_new();
    const char *texts[] = {"",      "proftop=1", types_comment,
                           "calls", "call_time", "process=7 - ended app"};
    PUT(out, 1, 1, TEXT_MARK, 2, TEXT_MARK);
    PUT(out, 1, 1, TEXT_CALLS, 2, TEXT_MARK);
    PUT(out, 1, 1, TEXT_TIME, 2, TEXT_MARK);
    put_varint(out, 13, TEXT_MARK);
    put_varint(out, 13, TEXT_CALL_TYPES);
    put_varint(out, 13, TEXT_PROCESS);
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

/* A sample of no stack; `label` stands at the key. */
static void put_call(GByteArray *out, const int64_t values[3], uint64_t key, int64_t label)
{
    GByteArray *sample = g_byte_array_new();
    for (int i = 0; i < 3; i++)
        put_varint(sample, 2, (uint64_t)values[i]);
    PUT(sample, 3, 1, key, 3, (uint64_t)label);
    put_bytes(out, 2, sample->data, sample->len);
    g_byte_array_unref(sample);
}

static void test_parse_joins_records_and_bounds_their_numbers(void **state)
{
    (void)state;
    GByteArray *bytes = begin_file("call_sample_types=2");
    put_call(bytes, (const int64_t[]){0, 5, -3}, TEXT_FIRST_FREE, -4);
    put_call(bytes, (const int64_t[]){0, INT64_MAX, 20}, TEXT_FIRST_FREE, INT64_MAX);
    put_call(bytes, (const int64_t[]){0, 7, 1}, TEXT_FIRST_FREE, 9);
    put_call(bytes, (const int64_t[]){0, 1, 1}, TEXT_FIRST_FREE + 1, 1000);
    put_text(bytes, "call_ge_274877906944ns");
    put_text(bytes, "calls_open");
    struct profile *p = parse(bytes);
    assert_int_equal(p->n_metrics, 1);
    assert_int_equal(p->entries->len, 0);
    assert_int_equal(p->calls->records->len, 1);
    const struct call_stats *stats = &record_at(p, 0)->stats;
    assert_int_equal(stats->calls, INT64_MAX);
    assert_int_equal(stats->self_ns, 22);
    assert_int_equal(stats->buckets[CALLS_BUCKETS - 1], INT64_MAX);
    assert_int_equal(stats->open, 1); /* no more than there are calls */
    profile_free(p);
}

/* `pprof -proto` adds samples that have the same stack and labels. */
static void test_parse_takes_calls_and_time_of_one_sample(void **state)
{
    (void)state;
    GByteArray *bytes = begin_file("call_sample_types=2");
    put_call(bytes, (const int64_t[]){77, 5, 3}, 0, 0);
    put_call(bytes, (const int64_t[]){1, -5, 300}, 0, 0); /* no calls: not a record */
    struct profile *p = parse(bytes);
    assert_int_equal(p->calls->records->len, 1);
    assert_int_equal(record_at(p, 0)->stats.calls, 5);
    assert_int_equal(record_at(p, 0)->stats.self_ns, 3);
    assert_int_equal(p->entries->len, 1);
    assert_int_equal(profile_entry_values(p, 0)[0], 78);
    profile_free(p);
}

static void test_parse_does_not_believe_every_count_of_types(void **state)
{
    static const char *const comments[] = {
        "call_sample_types=3",  "call_sample_types=4", "call_sample_types=-1",
        "call_sample_types=0",  "call_sample_types=x", "call_sample_types=99999999999999999999",
        "call_sample_types=2 x"};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(comments); i++) {
        bool is_fine = i == G_N_ELEMENTS(comments) - 1;
        GByteArray *bytes = begin_file(comments[i]);
        put_call(bytes, (const int64_t[]){0, 1, 1}, 0, 0);
        struct profile *p = parse(bytes);
        assert_int_equal(p->n_metrics, is_fine ? 1 : 3);
        assert_int_equal(p->calls->records->len, is_fine);
        assert_int_equal(p->entries->len, !is_fine);
        profile_free(p);
    }
}

/* One type each, of calls and of the heap; one comment too many for three types. */
static void test_parse_keeps_a_metric_beside_calls_and_heap(void **state)
{
    (void)state;
    GByteArray *bytes = begin_file("call_sample_types=2");
    put_varint(bytes, 13, TEXT_FIRST_FREE);
    put_text(bytes, "heap_sample_types=2");
    put_call(bytes, (const int64_t[]){1, 1, 1}, 0, 0);
    struct profile *p = parse(bytes);
    assert_int_equal(p->n_metrics, 1);
    assert_int_equal(p->calls->records->len, 0);
    assert_int_equal(p->heap->sites->len, 1);
    profile_free(p);
}

/* What makes no sense is kept as a comment, as it is of other keys. */
static void test_comments_that_make_no_sense_change_nothing(void **state)
{
    static const char *const wrong[] = {
        "calls_process=1 1 2 3 4 5 ", /* no such process */
        "calls_process=-1 1 2 3 4 5 ",
        "calls_process=0 1 2 -3 4 5 ",
        "calls_process=0 1 2 3 4 -5 ",
        "calls_process=0 1 2 3 4 nan ",
        "calls_process=0 1 2 3 4 1e999 ",
        "calls_process=0 1 2 3 4 x ",
        "calls_process=0 1 2 3 4",
        "calls_process=",
        "calls_mark=-1 0 x",
        "calls_mark=1 1 x", /* no such thread */
        "calls_mark=1",
        "calls_counter=1 1 1 1 1 x",
        "calls_counter=0 1 1 1 -1 x",
        "calls_counter=0 1 1 1",
        "calls_counted=0",
        "calls_counted=-1",
        "calls_other=1",
    };
    (void)state;
    struct profile *p = profile_new();
    profile_thread(p, profile_process_new(p, 1, PROFILE_NONE), 1);
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
        if (snapshot_calls_read(p, wrong[i]))
            fail_msg("%s is taken", wrong[i]);
    assert_int_equal(p->calls->processes->len, 0);
    assert_int_equal(p->calls->marks->len, 0);
    assert_int_equal(p->calls->counters->len, 0);
    assert_true(snapshot_calls_read(p, "calls_process=0 1 2 3 4 5.5 some trouble"));
    assert_string_equal(calls_process_get(p->calls, 0)->trouble, "some trouble");
    assert_false(snapshot_calls_read(p, "calls_process=0 9 9 9 9 9 ")); /* twice */
    assert_int_equal(calls_process_get(p->calls, 0)->missed, 3);
    assert_true(snapshot_calls_read(p, "calls_counter=0 -1 -2 -3 4 some name"));
    assert_false(snapshot_calls_read(p, "calls_counter=0 9 9 9 9 some name")); /* twice */
    assert_int_equal(g_array_index(p->calls->counters, struct calls_counter, 0).value, -1);
    profile_free(p);
}

static void test_marks_are_in_order_and_not_more_than_fit(void **state)
{
    (void)state;
    struct profile *p = profile_new();
    profile_thread(p, profile_process_new(p, 1, PROFILE_NONE), 1);
    for (int i = 0; i < CALLS_MARKS_MAX + 5; i++) {
        char *comment = g_strdup_printf("calls_mark=%d 0 x", (i * 7919) % 5000);
        assert_true(snapshot_calls_read(p, comment) == (i < CALLS_MARKS_MAX));
        g_free(comment);
    }
    for (int i = 1; i < CALLS_MARKS_MAX; i++)
        assert_true(g_array_index(p->calls->marks, struct calls_mark, i - 1).time_ns <=
                    g_array_index(p->calls->marks, struct calls_mark, i).time_ns);
    profile_free(p);
}

static void test_label_keys_name_the_bounds_of_buckets(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CALLS_BUCKETS; i++) {
        bool is_last = i == CALLS_BUCKETS - 1;
        char *key = g_strdup_printf("call_%s_%" G_GINT64_FORMAT "ns", is_last ? "ge" : "lt",
                                    calls_bucket_bound_ns(is_last ? i - 1 : i));
        assert_string_equal(call_label_keys[CALL_LABEL_BUCKETS + i], key);
        g_free(key);
    }
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_load_restores_the_calls),
        IN_FOLDER(test_load_restores_what_was_asked_for),
        IN_FOLDER(test_save_of_loaded_calls_is_byte_identical),
        IN_FOLDER(test_calls_and_heap_live_in_one_file),
        IN_FOLDER(test_why_there_are_no_calls_is_kept),
        IN_FOLDER(test_call_types_of_other_writers_stay_metrics),
        cmocka_unit_test(test_parse_joins_records_and_bounds_their_numbers),
        cmocka_unit_test(test_parse_takes_calls_and_time_of_one_sample),
        cmocka_unit_test(test_parse_does_not_believe_every_count_of_types),
        cmocka_unit_test(test_parse_keeps_a_metric_beside_calls_and_heap),
        cmocka_unit_test(test_comments_that_make_no_sense_change_nothing),
        cmocka_unit_test(test_marks_are_in_order_and_not_more_than_fit),
        cmocka_unit_test(test_label_keys_name_the_bounds_of_buckets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
