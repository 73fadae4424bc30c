/*
 * The JSON report of the heap.
 *
 * What is not known is null, or, where nothing was measured, not there at all: never 0.
 */
#include "tui/cli/report_heap_json.h"

#include <math.h>

#include "tui/cli/report_heap.h"

enum { STACKS_MAX = 10 }; /* of a row */

static void set(json_t *object, const char *key, int64_t value)
{
    json_object_set_new(object, key, json_integer(value));
}

static void set_text(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, json_string(text));
}

/* Negative: not known. */
static void set_known(json_t *object, const char *key, int64_t value)
{
    json_object_set_new(object, key, value < 0 ? json_null() : json_integer(value));
}

static json_t *integers(const int64_t *values, unsigned n)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < n; i++)
        json_array_append_new(array, json_integer(values[i]));
    return array;
}

/* ---- the heap as a whole ---- */

static json_t *process_object(const struct profile *profile, const struct heap_process *p)
{
    const struct process *owner = report_heap_owner(profile, p);
    bool measured = heap_process_is_measured(p);
    json_t *object = json_object();
    set(object, "pid", owner->pid);
    set_text(object, "name", owner->name);
    json_object_set_new(object, "measured", json_boolean(measured));
    set_text(object, "mode", report_heap_how(p));
    json_object_set_new(object, "ended", json_boolean(p->ended));
    json_object_set_new(object, "trouble", *p->trouble ? json_string(p->trouble) : json_null());
    if (!measured)
        return object;
    set(object, "allocs", p->allocs);
    set(object, "bytes", p->alloc_bytes);
    set(object, "frees", p->frees);
    set(object, "unknown_frees", p->unknown_frees);
    set(object, "failed", p->failed);
    set(object, "unrecorded", p->unrecorded);
    set(object, "early", p->early_allocs);
    set(object, "merged_stacks", p->merged_stacks);
    set(object, "live_blocks", p->live_blocks);
    set(object, "live_bytes", p->live_bytes);
    set(object, "peak_bytes", p->peak_bytes);
    set_known(object, "peak_time_ns", p->peak_time_ns);
    return object;
}

static json_t *processes(const struct profile *profile)
{
    json_t *array = json_array();
    const GArray *list = profile->heap->processes;
    for (guint i = 0; i < list->len; i++)
        json_array_append_new(
            array, process_object(profile, &g_array_index(list, struct heap_process, i)));
    return array;
}

static json_t *moments(const struct heap *heap)
{
    json_t *array = json_array();
    for (guint i = 0; i < heap->moments->len; i++) {
        const struct heap_moment *moment = &g_array_index(heap->moments, struct heap_moment, i);
        json_t *object = json_object();
        set(object, "time_ns", moment->time_ns);
        set(object, "live_bytes", moment->live_bytes);
        set_known(object, "rss_bytes", moment->rss_bytes);
        json_array_append_new(array, object);
    }
    return array;
}

static void set_totals(json_t *object, const struct heap_totals *t)
{
    json_object_set_new(object, "is_estimate", json_boolean(t->is_estimate));
    set(object, "allocs", t->allocs);
    set(object, "bytes", t->alloc_bytes);
    set(object, "frees", t->frees);
    set(object, "unknown_frees", t->unknown_frees);
    set(object, "failed", t->failed);
    set(object, "unrecorded", t->unrecorded);
    set(object, "early", t->early_allocs);
    set(object, "merged_stacks", t->merged_stacks);
    set(object, "live_blocks", t->live_blocks);
    set(object, "live_bytes", t->live_bytes);
    set(object, "peak_bytes", t->peak_bytes);
    set(object, "processes_measured", t->n_measured);
    set(object, "processes_troubled", t->n_troubled);
}

static json_t *bounds(int64_t (*bound)(unsigned), unsigned n)
{
    json_t *array = json_array();
    for (unsigned i = 0; i + 1 < n; i++)
        json_array_append_new(array, json_integer(bound(i)));
    return array;
}

void report_heap_json_whole(json_t *report, const struct profile *profile)
{
    json_t *object = json_object();
    bool measured = heap_is_measured(profile->heap);
    json_object_set_new(object, "measured", json_boolean(measured));
    if (measured) {
        struct heap_totals totals;
        heap_get_totals(profile->heap, PROFILE_NONE, &totals);
        set_totals(object, &totals);
    } else {
        char *why = report_heap_why(profile);
        set_text(object, "why", why);
        g_free(why);
    }
    json_object_set_new(object, "processes", processes(profile));
    json_object_set_new(report, "heap", object);
}

/* What rows and the timeline need besides. */
static void add_details(json_t *heap, const struct profile *profile)
{
    json_object_set_new(heap, "size_bounds", bounds(heap_size_bound, HEAP_SIZE_CLASSES));
    json_object_set_new(heap, "lifetime_bounds_ns", bounds(heap_lifetime_bound_ns, HEAP_LIFETIMES));
    json_object_set_new(heap, "moments", moments(profile->heap));
}

/* ---- rows ---- */

static void set_where(json_t *object, const struct profile *p, uint32_t function, uint32_t line)
{
    const struct function *f = profile_get_function(p, function);
    set_text(object, "function", f->name);
    set_text(object, "module", profile_get_module(p, f->module)->path);
    set_text(object, "file", f->file);
    json_object_set_new(object, "line", line ? json_integer(line) : json_null());
}

/* Bytes, and their standard error: 0 is what an exact number has. */
static void set_bytes(json_t *object, const char *key, const struct heap_site *sum,
                      enum heap_column column)
{
    double error = report_heap_error(sum, column);
    char *error_key = g_strconcat(key, "_error", NULL);
    set(object, key, sum->values[column]);
    set(object, error_key, error > 0 ? (int64_t)fmin(ceil(error), 0x1p62) : 0);
    g_free(error_key);
}

static void set_site(json_t *object, const struct heap_site *sum)
{
    set(object, "allocs", sum->values[HEAP_ALLOCS]);
    set_bytes(object, "bytes", sum, HEAP_ALLOC_BYTES);
    set(object, "live_blocks", sum->values[HEAP_LIVE_BLOCKS]);
    set_bytes(object, "live_bytes", sum, HEAP_LIVE_BYTES);
    set(object, "peak_blocks", sum->values[HEAP_PEAK_BLOCKS]);
    set_bytes(object, "peak_bytes", sum, HEAP_PEAK_BYTES);
    set_bytes(object, "own_peak_bytes", sum, HEAP_OWN_PEAK_BYTES);
    set(object, "temporary", sum->values[HEAP_TEMPORARY]);
    set(object, "reallocs", sum->values[HEAP_REALLOCS]);
    set(object, "remote_frees", sum->values[HEAP_REMOTE_FREES]);
    json_object_set_new(object, "is_estimate", json_boolean(sum->sampled > 0));
    set(object, "sampled", sum->sampled);
    set_known(object, "youngest_ns", sum->youngest_ns);
    set_known(object, "oldest_ns", sum->oldest_ns);
}

static json_t *frames(const struct profile *p, uint32_t stack)
{
    json_t *array = json_array();
    GArray *list = report_stack_frames(p, stack);
    for (guint i = 0; i < list->len; i++) {
        const struct report_frame *frame = &g_array_index(list, struct report_frame, i);
        json_t *object = json_object();
        set_text(object, "function", frame->function->name);
        set_text(object, "module", frame->module->path);
        set_text(object, "file", frame->function->file);
        json_object_set_new(object, "line", frame->line ? json_integer(frame->line) : json_null());
        json_array_append_new(array, object);
    }
    g_array_unref(list);
    return array;
}

/* One call stack of one process. */
static json_t *stack_object(const struct profile *p, const struct heap_site *site)
{
    json_t *object = json_object();
    set(object, "pid", profile_get_process(p, site->process)->pid);
    set_site(object, site);
    json_object_set_new(object, "frames", frames(p, site->stack));
    return object;
}

static json_t *stacks(const struct report_heap *h, const struct heap_row *row)
{
    static const enum heap_column weights[REPORT_VIEWS] = {
        [REPORT_MEMORY] = HEAP_ALLOC_BYTES,
        [REPORT_PEAK] = HEAP_PEAK_BYTES,
        [REPORT_TEMPORARY] = HEAP_TEMPORARY,
    };
    json_t *array = json_array();
    GArray *sites = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    heap_row_stacks(h->grouped, row, weights[h->options->view], sites);
    for (guint i = 0; i < MIN(sites->len, STACKS_MAX); i++) {
        uint32_t site = g_array_index(sites, uint32_t, i);
        json_array_append_new(
            array, stack_object(h->profile,
                                &g_array_index(h->profile->heap->sites, struct heap_site, site)));
    }
    g_array_unref(sites);
    return array;
}

static json_t *row_object(const struct report_heap *h, const struct heap_row *row)
{
    json_t *object = json_object();
    set_where(object, h->profile, row->function, row->line);
    set(object, "n_stacks", row->n_stacks);
    set(object, "average_bytes", heap_site_average(&row->sum));
    set_site(object, &row->sum);
    json_object_set_new(object, "own_peak_is_bound", json_boolean(row->own_peak_is_bound));
    json_object_set_new(object, "sizes", integers(row->sum.sizes, HEAP_SIZE_CLASSES));
    json_object_set_new(object, "lifetimes", integers(row->sum.lifetimes, HEAP_LIFETIMES));
    if (h->grouped)
        json_object_set_new(object, "stacks", stacks(h, row));
    return object;
}

static json_t *rows(const struct report_heap *h)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < report_heap_rows(h, h->rows->len); i++)
        json_array_append_new(array, row_object(h, &g_array_index(h->rows, struct heap_row, i)));
    return array;
}

/* ---- leaks ---- */

static json_t *suppressed(const struct report_heap *h)
{
    json_t *array = json_array();
    for (guint i = 0; i < h->leaks->suppressed->len; i++) {
        const struct leak_suppressed *s =
            &g_array_index(h->leaks->suppressed, struct leak_suppressed, i);
        const struct leak_rule *rule = leak_rules_get(h->options->rules, s->rule);
        json_t *object = json_object();
        set_text(object, "rule", rule->pattern);
        set_text(object, "origin", rule->origin);
        set(object, "blocks", s->blocks);
        set(object, "bytes", s->bytes);
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *leak_stacks(const struct report_heap *h)
{
    const GArray *list = h->leaks_stacks->rows, *sites = h->profile->heap->sites;
    json_t *array = json_array();
    for (unsigned i = 0; i < report_heap_rows(h, list->len); i++) {
        const struct leak *leak = &g_array_index(list, struct leak, i);
        json_array_append_new(
            array, stack_object(h->profile, &g_array_index(sites, struct heap_site, leak->site)));
    }
    return array;
}

static json_t *leaks_object(const struct report_heap *h)
{
    json_t *object = json_object();
    set(object, "blocks", h->leaks->blocks);
    set(object, "bytes", h->leaks->bytes);
    set(object, "suppressed_blocks", h->leaks->suppressed_blocks);
    set(object, "suppressed_bytes", h->leaks->suppressed_bytes);
    set(object, "processes_checked", h->leaks->n_processes);
    set(object, "processes_not_seen", h->leaks->n_unmeasured);
    json_object_set_new(object, "is_estimate", json_boolean(h->leaks->is_estimate));
    set(object, "n_stacks", h->leaks_stacks->rows->len);
    json_object_set_new(object, "stacks", leak_stacks(h));
    json_object_set_new(object, "suppressed", suppressed(h));
    return object;
}

void report_heap_json(json_t *object, const struct profile *profile,
                      const struct report_options *options)
{
    struct report_heap h;
    if (!heap_is_measured(profile->heap))
        return;
    report_heap_init(&h, profile, options);
    add_details(json_object_get(object, "heap"), profile);
    if (h.leaks)
        json_object_set_new(object, "leaks", leaks_object(&h));
    set(object, "n_sites", h.rows->len);
    json_object_set_new(object, "sites", rows(&h));
    report_heap_clear(&h);
}
