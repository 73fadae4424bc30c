/*
 * The JSON report of exact calls.
 *
 * What is not known is null, or, where nothing was counted, not there at all: never 0.
 */
#include "tui/cli/report_calls_json.h"

#include <math.h>

#include "tui/cli/report_calls.h"

static void set(json_t *object, const char *key, int64_t value)
{
    json_object_set_new(object, key, json_integer(value));
}

static void set_text(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, json_string(text));
}

/* To a tenth: more digits would only look exact. Negative: not known. */
static void set_known(json_t *object, const char *key, double value)
{
    json_object_set_new(object, key, value < 0 ? json_null() : json_real(round(value * 10) / 10));
}

/* ---- the calls as a whole ---- */

static json_t *process_object(const struct profile *profile, const struct calls_process *p)
{
    const struct process *owner = report_calls_owner(profile, p);
    json_t *object = json_object();
    set(object, "pid", owner->pid);
    set_text(object, "name", owner->name);
    set(object, "implicit_exits", p->implicit_exits);
    set(object, "orphan_exits", p->orphan_exits);
    set(object, "missed", p->missed);
    set(object, "untimed", p->untimed);
    set_known(object, "probe_ns", p->pair_ns > 0 ? p->pair_ns : -1);
    json_object_set_new(object, "trouble", *p->trouble ? json_string(p->trouble) : json_null());
    return object;
}

void report_calls_json_whole(json_t *report, const struct profile *profile)
{
    const GArray *list = profile->calls->processes;
    bool measured = calls_are_measured(profile->calls);
    json_t *object = json_object(), *processes = json_array();
    json_object_set_new(object, "measured", json_boolean(measured));
    if (measured) {
        set(object, "calls", calls_count(profile->calls));
    } else {
        char *why = report_calls_why(profile);
        set_text(object, "why", why);
        g_free(why);
    }
    for (guint i = 0; i < list->len; i++)
        json_array_append_new(
            processes, process_object(profile, &g_array_index(list, struct calls_process, i)));
    json_object_set_new(object, "processes", processes);
    json_object_set_new(report, "calls", object);
}

static json_t *bounds(void)
{
    json_t *array = json_array();
    for (unsigned i = 0; i + 1 < CALLS_BUCKETS; i++)
        json_array_append_new(array, json_integer(calls_bucket_bound_ns(i)));
    return array;
}

static json_t *counters(const struct profile *p)
{
    json_t *array = json_array();
    for (guint i = 0; i < p->calls->counters->len; i++) {
        const struct calls_counter *counter =
            &g_array_index(p->calls->counters, struct calls_counter, i);
        json_t *object = json_object();
        set_text(object, "name", counter->name);
        set(object, "pid", profile_get_process(p, counter->process)->pid);
        set(object, "value", counter->value);
        set(object, "min", counter->min);
        set(object, "max", counter->max);
        set(object, "updates", counter->updates);
        json_array_append_new(array, object);
    }
    return array;
}

static void set_thread(json_t *object, const struct profile *p, uint32_t id)
{
    const struct thread *thread = profile_get_thread(p, id);
    set(object, "pid", profile_get_process(p, thread->process)->pid);
    set(object, "tid", thread->tid);
}

static json_t *marks(const struct profile *p)
{
    json_t *array = json_array();
    for (guint i = 0; i < p->calls->marks->len; i++) {
        const struct calls_mark *mark = &g_array_index(p->calls->marks, struct calls_mark, i);
        json_t *object = json_object();
        set(object, "time_ns", mark->time_ns);
        set_text(object, "text", mark->text);
        set_thread(object, p, mark->thread);
        json_array_append_new(array, object);
    }
    return array;
}

/* ---- rows ---- */

static json_t *buckets(const struct call_stats *stats)
{
    json_t *array = json_array();
    for (int i = 0; i < CALLS_BUCKETS; i++)
        json_array_append_new(array, json_integer(stats->buckets[i]));
    return array;
}

static void set_times(json_t *object, const struct call_stats *stats)
{
    bool has_ended = call_stats_average_ns(stats) >= 0;
    set(object, "calls", stats->calls);
    set(object, "open", stats->open);
    set(object, "total_ns", stats->total_ns);
    set(object, "self_ns", stats->self_ns);
    set(object, "sum_ns", stats->sum_ns);
    set(object, "cost_ns", stats->cost_ns);
    set_known(object, "average_ns", call_stats_average_ns(stats));
    json_object_set_new(object, "min_ns", has_ended ? json_integer(stats->min_ns) : json_null());
    json_object_set_new(object, "max_ns", has_ended ? json_integer(stats->max_ns) : json_null());
    set_known(object, "p50_ns", call_stats_percentile_ns(stats, 0.5));
    set_known(object, "p99_ns", call_stats_percentile_ns(stats, 0.99));
    json_object_set_new(object, "is_doubtful", json_boolean(call_stats_is_doubtful(stats)));
}

/* PROFILE_NONE: nobody that is counted, null. */
static void set_function(json_t *object, const struct profile *p, uint32_t id)
{
    if (id == PROFILE_NONE) {
        json_object_set_new(object, "function", json_null());
        return;
    }
    const struct function *f = profile_get_function(p, id);
    set_text(object, "function", f->name);
    set_text(object, "linkage", f->linkage);
    set_text(object, "module", profile_get_module(p, f->module)->path);
    set_text(object, "file", f->file);
    json_object_set_new(object, "line", f->decl_line ? json_integer(f->decl_line) : json_null());
}

static json_t *edges(const struct report_calls *c, uint32_t function, enum call_edges direction)
{
    json_t *array = json_array();
    GArray *list = g_array_new(FALSE, FALSE, sizeof(struct call_row));
    call_rows_edges(c->grouped, function, direction, list);
    for (guint i = 0; i < list->len; i++) {
        const struct call_row *edge = &g_array_index(list, struct call_row, i);
        json_t *object = json_object();
        set_function(object, c->profile, edge->function);
        set_times(object, &edge->stats);
        json_object_set_new(object, "is_recursive", json_boolean(edge->is_recursive));
        json_array_append_new(array, object);
    }
    g_array_unref(list);
    return array;
}

static json_t *row_object(const struct report_calls *c, const struct call_row *row)
{
    json_t *object = json_object();
    set_function(object, c->profile, row->function);
    set_times(object, &row->stats);
    set_known(object, "per_second", row->per_second);
    json_object_set_new(object, "buckets", buckets(&row->stats));
    json_object_set_new(object, "callers", edges(c, row->function, CALL_EDGES_CALLERS));
    json_object_set_new(object, "callees", edges(c, row->function, CALL_EDGES_CALLEES));
    return object;
}

/* Adds "n_called" and "called". */
static void set_rows(json_t *object, struct report_calls *c, uint32_t thread)
{
    const GArray *rows = report_calls_query(c, thread);
    json_t *array = json_array();
    for (unsigned i = 0; i < report_calls_rows(c, rows->len); i++)
        json_array_append_new(array, row_object(c, &g_array_index(rows, struct call_row, i)));
    set(object, "n_called", rows->len);
    json_object_set_new(object, "called", array);
}

static json_t *threads(struct report_calls *c)
{
    json_t *array = json_array();
    for (guint i = 0; i < c->threads->len; i++) {
        uint32_t thread = g_array_index(c->threads, uint32_t, i);
        json_t *object = json_object();
        set_thread(object, c->profile, thread);
        set_text(object, "name", profile_get_thread(c->profile, thread)->name);
        set_rows(object, c, thread);
        json_array_append_new(array, object);
    }
    return array;
}

void report_calls_json(json_t *report, const struct profile *profile,
                       const struct report_options *options)
{
    json_t *whole = json_object_get(report, "calls");
    struct report_calls c;
    json_object_set_new(whole, "bucket_bounds_ns", bounds());
    json_object_set_new(whole, "counters", counters(profile));
    json_object_set_new(whole, "marks", marks(profile));
    if (!calls_are_measured(profile->calls))
        return;
    report_calls_init(&c, profile, options);
    if (options->by_thread)
        json_object_set_new(report, "threads", threads(&c));
    else
        set_rows(report, &c, PROFILE_NONE);
    report_calls_clear(&c);
}
