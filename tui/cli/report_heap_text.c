/*
 * The text report of the heap: what was measured and how, a table, and what stands below it.
 */
#include "tui/cli/report_heap_text.h"

#include <string.h>

#include "core/analysis/heap_how.h"
#include "core/base/text.h"
#include "tui/cli/report_heap.h"
#include "tui/cli/report_heap_table.h"
#include "tui/cli/report_line.h"

enum {
    PATHS_MAX = 10,  /* call paths below a table */
    FRAMES_MAX = 40, /* of a path */
    HISTOGRAMS_MAX = 10,
    PROCESSES_MAX = 10,    /* lines, unless all rows are asked for */
    CLASS_PERCENT_MIN = 5, /* of a class in a histogram */
};

/* ---- the heap as a whole ---- */

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

static const char *about(bool estimate)
{
    return estimate ? "~" : "";
}

static void append_blocks(GString *text, int64_t blocks, int64_t bytes, bool estimate)
{
    g_string_append(text, about(estimate));
    text_append_bytes(text, bytes);
    g_string_append_printf(text, " in %s%" G_GINT64_FORMAT " block%s", about(estimate), blocks,
                           plural(blocks));
}

static void flush_fact(FILE *out, const char *key, GString *text)
{
    line_print_fact(out, key, text->str);
    g_string_truncate(text, 0);
}

static int64_t count_sampled(const struct heap *heap)
{
    int64_t n = 0;
    for (guint i = 0; i < heap->sites->len; i++)
        n += g_array_index(heap->sites, struct heap_site, i).sampled;
    return n;
}

/* Whether a process was still there when nothing was recorded any more. */
static bool was_switched_off(const struct heap *heap)
{
    for (guint i = 0; i < heap->processes->len; i++) {
        const struct heap_process *p = &g_array_index(heap->processes, struct heap_process, i);
        if (heap_process_is_measured(p) && p->mode == HEAP_OFF)
            return true;
    }
    return false;
}

static void print_mode(FILE *out, const struct report_heap *h)
{
    const struct heap *heap = h->profile->heap;
    GString *text = g_string_new(NULL);
    if (h->totals.is_estimate)
        g_string_append_printf(
            text,
            "%s: all calls are counted, %" G_GINT64_FORMAT
            " blocks recorded by chance; ± is one standard error, ~ an estimate",
            heap_how(heap, PROFILE_NONE, heap_has_exact_sites(heap, PROFILE_NONE)),
            count_sampled(heap));
    else if (h->totals.unrecorded > 0)
        g_string_append(text, "exact, but for what is unrecorded");
    else
        g_string_append(text, "exact: every block is recorded with its call stack");
    if (was_switched_off(heap))
        g_string_append(text, ", until it was switched off");
    flush_fact(out, "heap", text);
    g_string_free(text, TRUE);
}

static void print_calls(FILE *out, const struct heap_totals *t)
{
    GString *text = g_string_new(NULL);
    append_blocks(text, t->allocs, t->alloc_bytes, false);
    if (t->allocs > 0) {
        g_string_append(text, ", on average ");
        text_append_bytes(text, t->alloc_bytes / t->allocs);
    }
    if (t->failed > 0)
        g_string_append_printf(text, "; %" G_GINT64_FORMAT " call%s failed", t->failed,
                               plural(t->failed));
    if (t->early_allocs > 0)
        g_string_append_printf(text, "; %" G_GINT64_FORMAT " by libraries before the collector",
                               t->early_allocs);
    flush_fact(out, "allocated", text);
    g_string_append_printf(text, "%" G_GINT64_FORMAT " block%s", t->frees, plural(t->frees));
    if (t->unknown_frees > 0)
        g_string_append_printf(text, ", %" G_GINT64_FORMAT " of them not seen allocated",
                               t->unknown_frees);
    flush_fact(out, "freed", text);
    if (t->unrecorded > 0)
        g_string_append_printf(text, "%" G_GINT64_FORMAT " allocation%s that no row holds",
                               t->unrecorded, plural(t->unrecorded));
    flush_fact(out, "unrecorded", text);
    if (t->merged_stacks > 0)
        g_string_append_printf(text, "%" G_GINT64_FORMAT " call stack%s without a row of their own",
                               t->merged_stacks, plural(t->merged_stacks));
    flush_fact(out, "merged", text);
    g_string_free(text, TRUE);
}

static bool have_all_ended(const struct profile *p)
{
    for (guint i = 0; i < p->heap->processes->len; i++)
        if (!g_array_index(p->heap->processes, struct heap_process, i).ended)
            return false;
    return true;
}

/* The only process with data; NULL: there are several. */
static const struct heap_process *only_process(const struct heap *heap)
{
    const struct heap_process *only = NULL;
    for (guint i = 0; i < heap->processes->len; i++) {
        const struct heap_process *p = &g_array_index(heap->processes, struct heap_process, i);
        if (heap_process_is_measured(p) && only)
            return NULL;
        if (heap_process_is_measured(p))
            only = p;
    }
    return only;
}

static bool is_estimate(const struct heap_process *p)
{
    return p->was_sampled || p->mode == HEAP_SAMPLED;
}

static void append_peak(GString *text, const struct heap_process *p)
{
    g_string_append(text, about(is_estimate(p)));
    text_append_bytes(text, p->peak_bytes);
    if (p->peak_time_ns >= 0) {
        g_string_append(text, " after ");
        text_append_duration(text, p->peak_time_ns);
    }
}

static void print_sizes(FILE *out, const struct report_heap *h)
{
    const struct heap_process *only = only_process(h->profile->heap);
    GString *text = g_string_new(NULL);
    if (only) {
        append_peak(text, only);
    } else {
        g_string_append(text, about(h->totals.is_estimate));
        text_append_bytes(text, h->totals.peak_bytes);
        g_string_append(text, ", the sum of all processes' own peaks");
    }
    flush_fact(out, "peak", text);
    append_blocks(text, h->totals.live_blocks, h->totals.live_bytes, h->totals.is_estimate);
    flush_fact(out, have_all_ended(h->profile) ? "not freed" : "live", text);
    g_string_free(text, TRUE);
}

static void print_process(FILE *out, const struct report_heap *h, const struct heap_process *p)
{
    const struct process *owner = report_heap_owner(h->profile, p);
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "%s (pid %d): %s", owner->name, owner->pid, report_heap_how(p));
    if (heap_process_is_measured(p)) {
        g_string_append(text, "; ");
        append_blocks(text, p->allocs, p->alloc_bytes, false);
        g_string_append(text, ", peak ");
        append_peak(text, p);
        g_string_append(text, p->ended ? ", not freed " : ", live ");
        append_blocks(text, p->live_blocks, p->live_bytes, is_estimate(p));
    }
    if (*p->trouble)
        g_string_append_printf(text, "; %s", p->trouble);
    flush_fact(out, "process", text);
    g_string_free(text, TRUE);
}

/* What was not seen of a process comes first, then the largest peak; else they stay in order. */
static gint compare_processes(gconstpointer a, gconstpointer b)
{
    const struct heap_process *x = *(struct heap_process *const *)a,
                              *y = *(struct heap_process *const *)b;
    bool x_troubled = *x->trouble != '\0', y_troubled = *y->trouble != '\0';
    if (x_troubled != y_troubled)
        return y_troubled - x_troubled;
    if (x->peak_bytes != y->peak_bytes)
        return x->peak_bytes < y->peak_bytes ? 1 : -1;
    return (x > y) - (x < y);
}

static void print_processes(FILE *out, const struct report_heap *h)
{
    const GArray *processes = h->profile->heap->processes;
    GPtrArray *listed = g_ptr_array_new();
    for (guint i = 0; i < processes->len; i++) {
        struct heap_process *p = &g_array_index(processes, struct heap_process, i);
        if (processes->len > 1 || *p->trouble)
            g_ptr_array_add(listed, p);
    }
    unsigned n = report_heap_rows(h, listed->len);
    if (h->options->top > 0)
        n = MIN(n, PROCESSES_MAX);
    if (n < listed->len)
        g_ptr_array_sort(listed, compare_processes);
    for (unsigned i = 0; i < n; i++)
        print_process(out, h, g_ptr_array_index(listed, i));
    if (n < listed->len)
        fprintf(out, "... and %u more process%s: --top 0 shows all\n", listed->len - n,
                listed->len - n == 1 ? "" : "es");
    g_ptr_array_free(listed, TRUE);
}

static void print_summary(FILE *out, const struct report_heap *h)
{
    print_mode(out, h);
    print_calls(out, &h->totals);
    print_sizes(out, h);
    print_processes(out, h);
}

/* ---- histograms ---- */

/* "≤16 B", "≤1 KiB"; ">256 KiB" for the last. Free with g_free. */
static char *size_text(unsigned size_class)
{
    bool is_last = heap_size_bound(size_class) < 0;
    int64_t bound = heap_size_bound(is_last ? size_class - 1 : size_class);
    bool is_kib = bound >= 1024;
    return g_strdup_printf("%s%" G_GINT64_FORMAT " %s", is_last ? ">" : "≤",
                           is_kib ? bound / 1024 : bound, is_kib ? "KiB" : "B");
}

/* "<1 µs", "<10 ms"; "≥1 s" for the last. Free with g_free. */
static char *lifetime_text(unsigned lifetime)
{
    static const char *const units[] = {"ns", "µs", "ms", "s"};
    bool is_last = heap_lifetime_bound_ns(lifetime) < 0;
    int64_t bound = heap_lifetime_bound_ns(is_last ? lifetime - 1 : lifetime);
    unsigned unit = 0;
    for (; bound >= 1000 && unit < G_N_ELEMENTS(units) - 1; bound /= 1000)
        unit++;
    return g_strdup_printf("%s%" G_GINT64_FORMAT " %s", is_last ? "≥" : "<", bound, units[unit]);
}

/* The classes of a histogram with a share worth telling, as "≤32 B 80 %, ≤64 B 20 %". */
static void append_classes(GString *text, const char *gap, const int64_t *classes,
                           char *(*text_of)(unsigned), unsigned n)
{
    double sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum += (double)classes[i];
    for (unsigned i = 0; i < n; i++) {
        double percent = sum > 0 ? 100 * (double)classes[i] / sum : 0;
        if (percent < CLASS_PERCENT_MIN)
            continue;
        char *name = text_of(i);
        g_string_append_printf(text, "%s%s %.0f %%", gap, name, percent);
        g_free(name);
        gap = ", ";
    }
}

static void print_histograms(FILE *out, const struct report_heap *h)
{
    unsigned n = MIN(report_heap_rows(h, h->rows->len), HISTOGRAMS_MAX);
    GString *text = g_string_new(NULL);
    fputs(n ? "\nsizes and lifetimes of the first rows\n" : "", out);
    for (unsigned i = 0; i < n; i++) {
        const struct heap_row *row = &g_array_index(h->rows, struct heap_row, i);
        const struct function *f = profile_get_function(h->profile, row->function);
        char *source = report_heap_source(f, row->line);
        g_string_append_printf(text, "  %s%s%s: ", f->brief, *source ? " " : "", source);
        append_classes(text, "sizes ", row->sum.sizes, size_text, HEAP_SIZE_CLASSES);
        append_classes(text, "; lived ", row->sum.lifetimes, lifetime_text, HEAP_LIFETIMES);
        line_print(out, text);
        g_free(source);
    }
    g_string_free(text, TRUE);
}

/* ---- call paths ---- */

static void print_path(FILE *out, const struct profile *p, uint32_t stack)
{
    GArray *frames = report_stack_frames(p, stack);
    GString *line = g_string_new(NULL);
    for (guint i = 0; i < MIN(frames->len, FRAMES_MAX); i++) {
        const struct report_frame *frame = &g_array_index(frames, struct report_frame, i);
        char *source = report_heap_source(frame->function, frame->line);
        g_string_append_printf(line, "      %s  %s%s%s", frame->function->brief, source,
                               *source ? "  " : "", frame->module->name);
        line_print(out, line);
        g_free(source);
    }
    if (frames->len > FRAMES_MAX)
        fprintf(out, "      ... and %u more callers\n", frames->len - FRAMES_MAX);
    g_string_free(line, TRUE);
    g_array_unref(frames);
}

static void append_ages(GString *text, const struct heap_site *sum)
{
    if (sum->oldest_ns < 0)
        return;
    g_string_append(text, ", held ");
    text_append_durations(text, sum->youngest_ns, sum->oldest_ns);
}

/* "2.00 KiB in 2 blocks of 5 allocated, held 1.20 s to 3.40 s" */
static void print_site(FILE *out, const struct report_heap *h, const struct heap_site *sum,
                       uint32_t stack)
{
    bool peak = h->options->view == REPORT_PEAK, estimate = sum->sampled > 0;
    GString *text = g_string_new("  ");
    append_blocks(text, sum->values[peak ? HEAP_PEAK_BLOCKS : HEAP_LIVE_BLOCKS],
                  sum->values[peak ? HEAP_PEAK_BYTES : HEAP_LIVE_BYTES], estimate);
    g_string_append_printf(text, " of %s%" G_GINT64_FORMAT " allocated", about(estimate),
                           sum->values[HEAP_ALLOCS]);
    if (!peak)
        append_ages(text, sum);
    line_print(out, text);
    print_path(out, h->profile, stack);
    g_string_free(text, TRUE);
}

static void print_leak_paths(FILE *out, const struct report_heap *h)
{
    const GArray *leaks = h->leaks_stacks->rows;
    unsigned n = MIN(report_heap_rows(h, leaks->len), PATHS_MAX);
    fputs(n ? "\nlargest call paths\n" : "", out);
    for (unsigned i = 0; i < n; i++) {
        const struct leak *leak = &g_array_index(leaks, struct leak, i);
        uint32_t stack = g_array_index(h->profile->heap->sites, struct heap_site, leak->site).stack;
        print_site(out, h, &leak->sum, stack);
    }
    if (n < leaks->len)
        fprintf(out, "  ... and %u more call paths: --json shows them\n", leaks->len - n);
}

/* The heaviest call path of each of the first rows. */
static void print_peak_paths(FILE *out, const struct report_heap *h)
{
    unsigned n = MIN(report_heap_rows(h, h->rows->len), PATHS_MAX);
    GArray *sites = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    fputs(n ? "\nlargest call path of each of the first rows\n" : "", out);
    for (unsigned i = 0; i < n; i++) {
        const struct heap_row *row = &g_array_index(h->rows, struct heap_row, i);
        heap_row_stacks(h->grouped, row, HEAP_PEAK_BYTES, sites);
        if (sites->len == 0)
            continue;
        uint32_t first = g_array_index(sites, uint32_t, 0);
        const struct heap_site *site =
            &g_array_index(h->profile->heap->sites, struct heap_site, first);
        print_site(out, h, site, site->stack);
    }
    g_array_unref(sites);
}

/* ---- leaks ---- */

static void print_suppressed(FILE *out, const struct report_heap *h)
{
    const GArray *list = h->leaks->suppressed;
    GString *text = g_string_new(NULL);
    fputs(list->len ? "\nsuppressed\n" : "", out);
    for (guint i = 0; i < list->len; i++) {
        const struct leak_suppressed *s = &g_array_index(list, struct leak_suppressed, i);
        const struct leak_rule *rule = leak_rules_get(h->options->rules, s->rule);
        g_string_append(text, "  ");
        append_blocks(text, s->blocks, s->bytes, h->leaks->is_estimate);
        g_string_append_printf(text, " by %s (%s%s%s)", rule->pattern, rule->origin,
                               *rule->why ? ": " : "", rule->why);
        line_print(out, text);
    }
    g_string_free(text, TRUE);
}

static void print_leaks(FILE *out, const struct report_heap *h)
{
    const struct leaks *leaks = h->leaks;
    GString *text = g_string_new(NULL);
    if (leaks->n_processes == 0)
        g_string_append(text, "no process that was measured has ended: what is live may still be "
                              "freed (--view memory --sort live)");
    else if (leaks->blocks == 0)
        g_string_append(text, leaks->is_estimate
                                  ? "nothing of what was recorded; small leaks may be missed"
                                  : "nothing leaked");
    else
        append_blocks(text, leaks->blocks, leaks->bytes, leaks->is_estimate);
    if (leaks->n_unmeasured > 0)
        g_string_append_printf(text, "; %u process%s not seen", leaks->n_unmeasured,
                               leaks->n_unmeasured == 1 ? " was" : "es were");
    line_print_fact(out, "leaked", text->str);
    g_string_free(text, TRUE);
    if (h->rows->len > 0) {
        fputc('\n', out);
        report_heap_table(out, h);
        print_leak_paths(out, h);
    }
    print_suppressed(out, h);
}

static void print_rows(FILE *out, const struct report_heap *h)
{
    fputc('\n', out);
    report_heap_table(out, h);
    if (h->options->view == REPORT_PEAK)
        print_peak_paths(out, h);
    if (h->options->view == REPORT_MEMORY)
        print_histograms(out, h);
}

void report_heap_text_brief(FILE *out, const struct profile *profile)
{
    struct heap_totals t;
    heap_get_totals(profile->heap, PROFILE_NONE, &t);
    GString *text = g_string_new(NULL);
    if (t.n_measured > 0) {
        append_blocks(text, t.allocs, t.alloc_bytes, false);
        g_string_append_printf(text, " allocated, %s", about(t.is_estimate));
        text_append_bytes(text, t.live_bytes);
        g_string_append(text, have_all_ended(profile) ? " not freed" : " live");
    } else if (*profile->heap->why_not || t.n_troubled > 0) {
        char *why = report_heap_why(profile);
        g_string_append_printf(text, "not measured: %s", why);
        g_free(why);
    }
    line_print_fact(out, "heap", text->str);
    g_string_free(text, TRUE);
}

void report_heap_text(FILE *out, const struct profile *profile,
                      const struct report_options *options)
{
    struct report_heap h;
    report_heap_init(&h, profile, options);
    if (!h.is_measured) {
        char *why = report_heap_why(profile);
        fprintf(out, "\nThe heap was not measured: %s.\n", why);
        g_free(why);
    } else {
        print_summary(out, &h);
        (options->view == REPORT_LEAKS ? print_leaks : print_rows)(out, &h);
    }
    report_heap_clear(&h);
}
