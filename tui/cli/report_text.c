/*
 * The text report: a block on how it was measured, then a table.
 */
#include "tui/cli/report_text.h"

#include <math.h>
#include <string.h>
#include <sys/wait.h>

#include "core/base/text.h"
#include "tui/cli/report_calls_table.h"
#include "tui/cli/report_calls_text.h"
#include "tui/cli/report_heap_text.h"
#include "tui/cli/report_line.h"

enum {
    NAME_WIDTH_MAX = 64,
    MODULE_WIDTH_MAX = 28,
    NUMBER_WIDTH = 9,
    PERCENT_WIDTH = 6,
    INDENT_MAX = 40, /* levels; deeper ones show their depth as a number */
};

static void append_value_right(GString *line, const struct report *r, int64_t value)
{
    GString *text = g_string_new(NULL);
    text_append_value(text, value, r->profile->metrics[r->profile->main_metric].unit);
    line_add_right(line, text->str, NUMBER_WIDTH);
    g_string_free(text, TRUE);
}

/* Nothing for 0, as on the screen: not every process of a function need have been measured. */
static void append_bytes_right(GString *line, int64_t bytes)
{
    GString *text = g_string_new(NULL);
    if (bytes > 0)
        text_append_bytes(text, bytes);
    line_add_right(line, text->str, NUMBER_WIDTH);
    g_string_free(text, TRUE);
}

/* Calls and their average, or nothing of a function that was not counted. */
static void append_calls_right(GString *line, const struct call_stats *stats)
{
    GString *text = g_string_new(NULL);
    if (stats)
        g_string_append_printf(text, "%" G_GINT64_FORMAT, stats->calls);
    line_add_right(line, text->str, NUMBER_WIDTH);
    g_string_truncate(text, 0);
    if (stats && call_stats_average_ns(stats) >= 0)
        text_append_duration(text, llround(call_stats_average_ns(stats)));
    if (stats && call_stats_is_doubtful(stats))
        g_string_append_c(text, '!');
    line_add_right(line, text->str, NUMBER_WIDTH);
    g_string_free(text, TRUE);
}

static void append_percent_right(GString *line, const struct report *r, int64_t value)
{
    char digits[24];
    g_snprintf(digits, sizeof digits, "%.1f", report_percent(value, r->total));
    line_add_right(line, digits, PERCENT_WIDTH);
}

/* ---- header ---- */

static void print_start(FILE *out, const struct profile_info *info)
{
    GString *text = g_string_new(NULL);
    GDateTime *start = g_date_time_new_from_unix_utc(info->start_time_ns / 1000000000);
    char *date = start && info->start_time_ns > 0
                     ? g_date_time_format(start, "%Y-%m-%d %H:%M:%S UTC")
                     : NULL;
    if (date)
        g_string_append(text, date);
    if (date && *info->host)
        g_string_append_printf(text, " on %s", info->host);
    line_print_fact(out, "started", text->str);
    g_string_truncate(text, 0);
    if (info->duration_ns > 0)
        text_append_duration(text, info->duration_ns);
    line_print_fact(out, "duration", text->str);
    g_free(date);
    if (start)
        g_date_time_unref(start);
    g_string_free(text, TRUE);
}

/* Without the one that stands for time whose owner is unknown. */
static guint count_processes(const struct profile *p)
{
    guint n = 0;
    for (guint i = 0; i < p->processes->len; i++)
        n += strcmp(profile_get_process(p, i)->name, PROFILE_MARK_NOT_SAMPLED) != 0;
    return n;
}

static guint count_threads(const struct profile *p)
{
    guint n = 0;
    for (guint i = 0; i < p->threads->len; i++)
        n += strcmp(profile_get_thread(p, i)->name, PROFILE_MARK_NOT_SAMPLED) != 0;
    return n;
}

static void print_metric(FILE *out, const struct report *r)
{
    const struct metric *metric = &r->profile->metrics[r->profile->main_metric];
    bool cpu = strcmp(metric->type, "cpu") == 0;
    GString *text = g_string_new(NULL);
    text_append_value(text, r->total, metric->unit);
    guint processes = count_processes(r->profile), threads = count_threads(r->profile);
    g_string_append_printf(text, " in %u process%s, %u thread%s", processes,
                           processes == 1 ? "" : "es", threads, threads == 1 ? "" : "s");
    line_print_fact(out, cpu ? "CPU time" : metric->type, text->str);
    g_string_free(text, TRUE);
}

static void print_sampling(FILE *out, const struct profile_info *info)
{
    GString *text = g_string_new(NULL);
    if (info->rate_asked_hz > 0)
        g_string_append_printf(text, "%u Hz asked, %.1f Hz real", info->rate_asked_hz,
                               info->rate_real_hz);
    line_print_fact(out, "rate", text->str);
    g_string_printf(text, "%" G_GINT64_FORMAT, info->samples);
    if (*info->engine)
        g_string_append_printf(text, ", %" G_GINT64_FORMAT " lost", info->lost);
    bool counted = info->samples > 0 || *info->engine; /* else nothing was sampled: a heap, say */
    line_print_fact(out, "samples", counted ? text->str : "");
    if (*info->engine && info->samples > 0) {
        int64_t complete = report_complete_stacks(info);
        g_string_printf(text,
                        "%" G_GINT64_FORMAT " complete (%.2f %% of samples), %" G_GINT64_FORMAT
                        " truncated, %" G_GINT64_FORMAT " broken",
                        complete, report_percent(complete, info->samples), info->truncated,
                        info->broken);
        line_print_fact(out, "stacks", text->str);
    }
    g_string_free(text, TRUE);
}

static void print_exit(FILE *out, int status)
{
    if (status == -1)
        return;
    if (WIFSIGNALED(status))
        fprintf(out, "%-*skilled by signal %d (%s)\n", LINE_FACT_COLUMN, "exit", WTERMSIG(status),
                strsignal(WTERMSIG(status)));
    else
        fprintf(out, "%-*sstatus %d\n", LINE_FACT_COLUMN, "exit", WEXITSTATUS(status));
}

static void print_attached(FILE *out, int pid)
{
    char *text = pid ? g_strdup_printf("to PID %d, which ran already", pid) : g_strdup("");
    line_print_fact(out, "attached", text);
    g_free(text);
}

static void print_header(FILE *out, const struct report *r)
{
    const struct profile_info *info = &r->profile->info;
    line_print_fact(out, "command", info->command);
    print_attached(out, info->attached_pid);
    line_print_fact(out, "engine", info->engine);
    print_start(out, info);
    print_metric(out, r);
    print_sampling(out, info);
    if (!report_view_is_of_heap(r->options->view))
        report_heap_text_brief(out, r->profile);
    if (r->options->view != REPORT_CALLS)
        report_calls_text_brief(out, r->profile);
    print_exit(out, info->wait_status);
    for (guint i = 0; i < r->profile->notes->len; i++)
        line_print_fact(out, "note", r->profile->notes->pdata[i]);
    for (guint i = 0; i < r->profile->comments->len; i++)
        line_print_fact(out, "comment", r->profile->comments->pdata[i]);
    for (guint i = 0; i < r->profile->processes->len; i++) {
        const struct process *process = profile_get_process(r->profile, i);
        if (*process->coverage)
            fprintf(out, "%-*sthe collector is not in %s (pid %d): %s\n", LINE_FACT_COLUMN, "note",
                    process->name, process->pid, process->coverage);
    }
}

/* What the percentages are of. */
static void print_base(FILE *out, const struct report *r)
{
    const struct metric *metric = &r->profile->metrics[r->profile->main_metric];
    GString *text = g_string_new(NULL);
    text_append_value(text, r->total, metric->unit);
    fprintf(out, "\n%% of %s %s, all threads\n", text->str,
            strcmp(metric->type, "cpu") == 0 ? "CPU time" : metric->type);
    g_string_free(text, TRUE);
}

/* ---- functions ---- */

static const struct function *row_function(const struct report *r, unsigned row)
{
    uint32_t id = g_array_index(r->functions, struct function_row, row).function;
    return profile_get_function(r->profile, id);
}

struct widths {
    int name, module;
};

static struct widths measure(const struct report *r, unsigned n)
{
    struct widths w = {.name = (int)strlen("FUNCTION"), .module = (int)strlen("MODULE")};
    for (unsigned i = 0; i < n; i++) {
        const struct function *f = row_function(r, i);
        const struct module *m = profile_get_module(r->profile, f->module);
        w.name = MAX(w.name, MIN(line_text_width(f->brief), NAME_WIDTH_MAX));
        w.module = MAX(w.module, MIN(line_text_width(m->name), MODULE_WIDTH_MAX));
    }
    return w;
}

static bool has_counts(const struct report *r)
{
    return r->profile->count_metric != PROFILE_NONE;
}

static void append_function_titles(GString *line, const struct report *r, struct widths w)
{
    line_add_right(line, "SELF%", PERCENT_WIDTH);
    line_add_right(line, "SELF", NUMBER_WIDTH);
    line_add_right(line, "TOTAL%", PERCENT_WIDTH);
    line_add_right(line, "TOTAL", NUMBER_WIDTH);
    if (has_counts(r))
        line_add_right(line, "SAMPLES", NUMBER_WIDTH);
    if (r->allocated)
        line_add_right(line, "ALLOC", NUMBER_WIDTH);
    if (r->calls) {
        line_add_right(line, "CALLS", NUMBER_WIDTH);
        line_add_right(line, "AVG", NUMBER_WIDTH);
    }
    line_add_left(line, "FUNCTION", w.name);
    line_add_left(line, "MODULE", w.module);
    g_string_append(line, "SOURCE");
}

static void append_function(GString *line, const struct report *r, unsigned i, struct widths w)
{
    const struct function_row *row = &g_array_index(r->functions, struct function_row, i);
    const struct function *f = row_function(r, i);
    append_percent_right(line, r, row->self.value);
    append_value_right(line, r, row->self.value);
    append_percent_right(line, r, row->total.value);
    append_value_right(line, r, row->total.value);
    if (has_counts(r))
        line_add_count(line, row->self.count, NUMBER_WIDTH);
    if (r->allocated)
        append_bytes_right(line, calltree_function_self(r->allocated, row->function).value);
    if (r->calls)
        append_calls_right(line, report_calls_of(r, row->function));
    line_add_left(line, f->brief, w.name);
    line_add_left(line, profile_get_module(r->profile, f->module)->name, w.module);
    text_append_source(line, f->file, f->decl_line);
}

static bool has_doubtful_calls(const struct report *r, unsigned row)
{
    uint32_t id = g_array_index(r->functions, struct function_row, row).function;
    const struct call_stats *stats = report_calls_of(r, id);
    return stats && call_stats_is_doubtful(stats);
}

static void print_functions(FILE *out, const struct report *r)
{
    unsigned n = report_rows(r, r->functions->len);
    struct widths w = measure(r, n);
    GString *line = g_string_new(NULL);
    bool is_marked = false;
    append_function_titles(line, r, w);
    line_print(out, line);
    for (unsigned i = 0; i < n; i++) {
        append_function(line, r, i, w);
        line_print(out, line);
        is_marked = is_marked || has_doubtful_calls(r, i);
    }
    line_print_rest(out, r->functions->len, n, "function", "s");
    if (is_marked)
        report_calls_print_doubt(out);
    g_string_free(line, TRUE);
}

/* ---- tree ---- */

static void append_node(GString *line, const struct report *r, uint32_t id)
{
    const struct calltree_node *node = calltree_node(r->tree, id);
    append_percent_right(line, r, node->total.value);
    append_value_right(line, r, node->total.value);
    append_percent_right(line, r, calltree_self(r->tree, id).value);
    int depth = (int)node->depth;
    line_add_spaces(line, 2 * MIN(depth, INDENT_MAX));
    if (depth > INDENT_MAX)
        g_string_append_printf(line, "[%d] ", depth);
    g_string_append(line, id == CALLTREE_ROOT
                              ? "(all)"
                              : profile_get_function(r->profile, node->function)->brief);
}

/* Depth first without recursion: hostile stacks are deeper than ours. */
static void print_tree(FILE *out, const struct report *r)
{
    GString *line = g_string_new("TOTAL%      TOTAL   SELF%  FUNCTION");
    GArray *waiting = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    uint32_t node = CALLTREE_ROOT;
    unsigned cut = 0;
    line_print(out, line);
    g_array_append_val(waiting, node);
    while (waiting->len > 0) {
        unsigned cut_here;
        node = g_array_index(waiting, uint32_t, waiting->len - 1);
        g_array_set_size(waiting, waiting->len - 1);
        append_node(line, r, node);
        line_print(out, line);
        GArray *children = report_children(r, node, &cut_here);
        cut += cut_here;
        for (guint i = children->len; i-- > 0;)
            g_array_append_val(waiting, g_array_index(children, uint32_t, i));
        g_array_unref(children);
    }
    if (cut > 0)
        fprintf(out, "%u %s below %.1f %% %s left out\n", cut, cut == 1 ? "branch" : "branches",
                REPORT_TREE_PERCENT_MIN, cut == 1 ? "is" : "are");
    g_array_unref(waiting);
    g_string_free(line, TRUE);
}

/* ---- threads ---- */

static void append_thread(GString *line, const struct report *r, const struct thread *thread)
{
    const struct process *process = profile_get_process(r->profile, thread->process);
    append_percent_right(line, r, thread->value);
    append_value_right(line, r, thread->value);
    if (has_counts(r))
        line_add_count(line, thread->samples, NUMBER_WIDTH);
    line_add_count(line, process->pid, NUMBER_WIDTH);
    line_add_count(line, thread->tid, NUMBER_WIDTH);
    line_add_left(line, thread->name, 20);
    g_string_append(line, process->name);
}

static void print_threads(FILE *out, const struct report *r)
{
    unsigned n = report_rows(r, r->threads->len);
    GString *line = g_string_new(NULL);
    line_add_right(line, "SHARE%", PERCENT_WIDTH);
    line_add_right(line, "VALUE", NUMBER_WIDTH);
    if (has_counts(r))
        line_add_right(line, "SAMPLES", NUMBER_WIDTH);
    line_add_right(line, "PID", NUMBER_WIDTH);
    line_add_right(line, "TID", NUMBER_WIDTH);
    line_add_left(line, "THREAD", 20);
    g_string_append(line, "PROCESS");
    line_print(out, line);
    for (unsigned i = 0; i < n; i++) {
        uint32_t id = g_array_index(r->threads, uint32_t, i);
        append_thread(line, r, profile_get_thread(r->profile, id));
        line_print(out, line);
    }
    line_print_rest(out, r->threads->len, n, "thread", "s");
    g_string_free(line, TRUE);
}

void report_text(FILE *out, const struct profile *profile, const struct report_options *options)
{
    static void (*const views[REPORT_CALLS])(FILE *, const struct report *) = {
        [REPORT_FUNCTIONS] = print_functions,
        [REPORT_TREE] = print_tree,
        [REPORT_THREADS] = print_threads,
    };
    struct report report;
    report_init(&report, profile, options);
    print_header(out, &report);
    if (report_view_is_of_heap(options->view)) {
        report_heap_text(out, profile, options);
    } else if (options->view == REPORT_CALLS) {
        report_calls_text(out, profile, options);
    } else {
        print_base(out, &report);
        views[options->view](out, &report);
    }
    report_clear(&report);
}
