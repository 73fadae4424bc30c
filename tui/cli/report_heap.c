/*
 * Rows and reasons for reports of the heap: everything but how they look.
 */
#include "tui/cli/report_heap.h"

#include <math.h>

#include "core/base/text.h"

/* What a view is sorted by, and what its rows have more than 0 of. */
static const struct {
    enum heap_column sort, only;
} views[REPORT_VIEWS] = {
    [REPORT_MEMORY] = {HEAP_ALLOC_BYTES, HEAP_COLUMNS},
    [REPORT_PEAK] = {HEAP_PEAK_BYTES, HEAP_PEAK_BYTES},
    [REPORT_TEMPORARY] = {HEAP_TEMPORARY, HEAP_TEMPORARY},
};

static void take_rows(struct report_heap *h)
{
    const struct report_options *o = h->options;
    unsigned sort = o->heap_sort == HEAP_SORTS ? views[o->view].sort : o->heap_sort;
    h->grouped = heap_rows_new(h->profile);
    const GArray *rows =
        heap_rows_query(h->grouped, &(struct heap_query){.sort = sort,
                                                         .ascending = o->ascending,
                                                         .process = PROFILE_NONE,
                                                         .only = views[o->view].only});
    if (rows->len)
        g_array_append_vals(h->rows, rows->data, rows->len);
}

static void take_leaks(struct report_heap *h)
{
    struct leaks_query query = {.rules = h->options->rules};
    h->leaks = leaks_find(h->profile, &query);
    query.by_stack = true;
    h->leaks_stacks = leaks_find(h->profile, &query);
    for (guint i = 0; i < h->leaks->rows->len; i++) {
        const struct leak *leak = &g_array_index(h->leaks->rows, struct leak, i);
        struct heap_row row = {.function = leak->function,
                               .line = leak->line,
                               .n_stacks = leak->n_stacks,
                               .sum = leak->sum};
        g_array_append_val(h->rows, row);
    }
}

void report_heap_init(struct report_heap *h, const struct profile *profile,
                      const struct report_options *options)
{
    *h = (struct report_heap){.profile = profile, .options = options};
    heap_get_totals(profile->heap, PROFILE_NONE, &h->totals);
    h->is_measured = heap_is_measured(profile->heap);
    h->rows = g_array_new(FALSE, FALSE, sizeof(struct heap_row));
    if (options->view == REPORT_LEAKS)
        take_leaks(h);
    else
        take_rows(h);
}

void report_heap_clear(struct report_heap *h)
{
    heap_rows_free(h->grouped);
    leaks_free(h->leaks);
    leaks_free(h->leaks_stacks);
    g_array_unref(h->rows);
}

unsigned report_heap_rows(const struct report_heap *h, unsigned n)
{
    return h->options->top == 0 ? n : MIN(n, h->options->top);
}

char *report_heap_trouble(const struct profile *profile)
{
    const GArray *records = profile->heap->processes;
    for (guint i = 0; i < records->len; i++) {
        const struct heap_process *p = &g_array_index(records, struct heap_process, i);
        const struct process *owner = report_heap_owner(profile, p);
        if (*p->trouble)
            return g_strdup_printf("%s (pid %d): %s", owner->name, owner->pid, p->trouble);
    }
    for (guint i = 0; i < profile->processes->len; i++) {
        const struct process *process = profile_get_process(profile, i);
        if (*process->coverage)
            return g_strdup_printf("the collector is not in %s (pid %d): %s", process->name,
                                   process->pid, process->coverage);
    }
    return NULL;
}

char *report_heap_why(const struct profile *profile)
{
    if (*profile->heap->why_not)
        return g_strdup(profile->heap->why_not);
    char *trouble = report_heap_trouble(profile);
    return trouble ? trouble : g_strdup("there is no heap data; record with --memory");
}

const char *report_heap_how(const struct heap_process *p)
{
    if (!heap_process_is_measured(p))
        return "not measured";
    if (p->mode == HEAP_OFF)
        return p->was_sampled ? "sampled, off at the end" : "exact, off at the end";
    if (p->mode == HEAP_EXACT && p->was_sampled)
        return "exact at the end, sampled before";
    return heap_mode_name(p->mode);
}

const struct process *report_heap_owner(const struct profile *profile,
                                        const struct heap_process *process)
{
    return profile_get_process(profile, process->process);
}

double report_heap_error(const struct heap_site *site, enum heap_column column)
{
    double error = heap_error(site->variance_bytes2);
    double all = (double)site->values[HEAP_ALLOC_BYTES];
    if (site->sampled == 0 || !heap_columns[column].is_bytes || all <= 0)
        return -1;
    return error * sqrt(MIN((double)site->values[column] / all, 1)); /* variances add up */
}

char *report_heap_source(const struct function *f, uint32_t line)
{
    GString *text = g_string_new(NULL);
    text_append_source(text, f->file, line);
    return g_string_free(text, FALSE);
}

GArray *report_stack_frames(const struct profile *p, uint32_t stack)
{
    GArray *frames = g_array_new(FALSE, FALSE, sizeof(struct report_frame));
    const uint32_t *ids = profile_stack_frames(p, stack);
    for (uint32_t i = 0; i < profile_get_stack(p, stack)->n_frames; i++) {
        const struct line *lines = profile_frame_lines(p, ids[i]);
        for (unsigned n = 0; n < profile_get_frame(p, ids[i])->n_lines; n++) {
            const struct function *f = profile_get_function(p, lines[n].function);
            struct report_frame frame = {f, profile_get_module(p, f->module), lines[n].line};
            g_array_append_val(frames, frame);
        }
    }
    return frames;
}
