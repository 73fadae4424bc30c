/*
 * The text report of exact calls: what was counted and what not, a table of functions with their
 * callers and callees, for all threads or for each; what the program counts and marks by itself.
 */
#include "tui/cli/report_calls_text.h"

#include <math.h>

#include "core/base/text.h"
#include "tui/cli/report_calls.h"
#include "tui/cli/report_calls_table.h"
#include "tui/cli/report_line.h"

enum {
    PROCESSES_MAX = 10, /* lines, unless all rows are asked for */
    OPEN_MAX = 10,      /* functions with calls that have not ended */
    NUMBER_WIDTH = 12,
    TIME_WIDTH = 8,
    NAME_WIDTH = 24,
};

static void flush_fact(FILE *out, const char *key, GString *text)
{
    line_print_fact(out, key, text->str);
    g_string_truncate(text, 0);
}

/* ---- the calls as a whole ---- */

static void append_whole(GString *text, const struct profile *p)
{
    GArray *called = report_calls_functions(p);
    guint n = 0;
    for (guint i = 0; i < called->len; i++)
        n += g_array_index(called, bool, i);
    g_array_unref(called);
    int64_t calls = calls_count(p->calls);
    g_string_append_printf(text, "%" G_GINT64_FORMAT " call%s of %u function%s, exact", calls,
                           calls == 1 ? "" : "s", n, n == 1 ? "" : "s");
}

/* What a probe takes at most: each process has its own, and that of the dearest way into it that
 * was used. */
static void print_probes(FILE *out, const struct calls *calls)
{
    double most = 0;
    for (guint i = 0; i < calls->processes->len; i++)
        most = fmax(most, g_array_index(calls->processes, struct calls_process, i).pair_ns);
    GString *text = g_string_new("wall clock, less what the probes took");
    if (most > 0)
        g_string_append_printf(text, ": up to %.1f ns a call", most);
    flush_fact(out, "times", text);
    g_string_free(text, TRUE);
}

/* "2 calls missed"; nothing of 0. */
static void append_loss(GString *text, const struct calls_process *p, unsigned loss)
{
    const struct calls_loss_info *info = &calls_losses[loss];
    int64_t n = calls_loss(p, loss);
    if (n > 0)
        g_string_append_printf(text, "; %" G_GINT64_FORMAT " %s%s %s", n, info->thing,
                               n == 1 ? "" : "s", info->what);
}

static void print_process(FILE *out, const struct report_calls *c, const struct calls_process *p)
{
    const struct process *owner = report_calls_owner(c->profile, p);
    GString *text = g_string_new(NULL);
    for (unsigned i = 0; i < CALLS_LOSSES; i++)
        append_loss(text, p, i);
    if (*p->trouble)
        g_string_append_printf(text, "; %s", p->trouble);
    char *line = g_strdup_printf("%s (pid %d): %s", owner->name, owner->pid, text->str + 2);
    line_print_fact(out, "process", line);
    g_free(line);
    g_string_free(text, TRUE);
}

static void print_processes(FILE *out, const struct report_calls *c)
{
    const GArray *processes = c->profile->calls->processes;
    unsigned n = 0, most = c->options->top > 0 ? PROCESSES_MAX : UINT_MAX;
    for (guint i = 0; i < processes->len; i++) {
        const struct calls_process *p = &g_array_index(processes, struct calls_process, i);
        if (report_calls_lost(p) && n++ < most)
            print_process(out, c, p);
    }
    line_print_rest(out, n, MIN(n, most), "process", "es");
}

static void print_summary(FILE *out, const struct report_calls *c)
{
    GString *text = g_string_new(NULL);
    append_whole(text, c->profile);
    flush_fact(out, "calls", text);
    g_string_free(text, TRUE);
    print_probes(out, c->profile->calls);
    print_processes(out, c);
}

/* ---- rows ---- */

static void print_open(FILE *out, const struct report_calls *c, const GArray *rows)
{
    GString *text = g_string_new(NULL);
    unsigned n = 0;
    for (guint i = 0; i < rows->len; i++) {
        const struct call_row *row = &g_array_index(rows, struct call_row, i);
        if (row->stats.open > 0 && n++ < OPEN_MAX)
            g_string_append_printf(text, "%s%s %" G_GINT64_FORMAT, n > 1 ? ", " : "",
                                   profile_get_function(c->profile, row->function)->brief,
                                   row->stats.open);
    }
    if (n > OPEN_MAX)
        g_string_append_printf(text, ", and %u more function%s", n - OPEN_MAX,
                               n - OPEN_MAX == 1 ? "" : "s");
    if (n > 0)
        fprintf(out, "calls that have not ended, with their time so far in TOTAL and SELF: %s\n",
                text->str);
    g_string_free(text, TRUE);
}

static void print_rows(FILE *out, struct report_calls *c, uint32_t thread)
{
    fputc('\n', out);
    if (thread != PROFILE_NONE) {
        const struct thread *t = profile_get_thread(c->profile, thread);
        const struct process *process = profile_get_process(c->profile, t->process);
        fprintf(out, "thread %s (tid %d) of %s (pid %d)\n", t->name, t->tid, process->name,
                process->pid);
    }
    const GArray *rows = report_calls_query(c, thread);
    report_calls_table(out, c, rows);
    print_open(out, c, rows);
    report_calls_edges(out, c, rows);
}

/* ---- what the program tells ---- */

static void print_counters(FILE *out, const struct report_calls *c)
{
    const GArray *counters = c->profile->calls->counters;
    GString *line = g_string_new(NULL);
    unsigned n = report_calls_rows(c, counters->len);
    if (n > 0) {
        static const char *const titles[] = {"VALUE", "MIN", "MAX", "UPDATES"};
        fputs("\ncounters of the program\n", out);
        for (size_t i = 0; i < G_N_ELEMENTS(titles); i++)
            line_add_right(line, titles[i], NUMBER_WIDTH);
        line_add_left(line, "NAME", NAME_WIDTH);
        g_string_append(line, "PROCESS");
        line_print(out, line);
    }
    for (guint i = 0; i < n; i++) {
        const struct calls_counter *counter = &g_array_index(counters, struct calls_counter, i);
        const struct process *process = profile_get_process(c->profile, counter->process);
        line_add_count(line, counter->value, NUMBER_WIDTH);
        line_add_count(line, counter->min, NUMBER_WIDTH);
        line_add_count(line, counter->max, NUMBER_WIDTH);
        line_add_count(line, counter->updates, NUMBER_WIDTH);
        line_add_left(line, counter->name, NAME_WIDTH);
        g_string_append_printf(line, "%s (pid %d)", process->name, process->pid);
        line_print(out, line);
    }
    line_print_rest(out, counters->len, n, "counter", "s");
    g_string_free(line, TRUE);
}

static void print_marks(FILE *out, const struct report_calls *c)
{
    const GArray *marks = c->profile->calls->marks;
    GString *line = g_string_new(NULL), *time = g_string_new(NULL);
    unsigned n = report_calls_rows(c, marks->len);
    fputs(n ? "\nmarks of the program, by the time since the start\n" : "", out);
    for (unsigned i = 0; i < n; i++) {
        const struct calls_mark *mark = &g_array_index(marks, struct calls_mark, i);
        const struct thread *thread = profile_get_thread(c->profile, mark->thread);
        g_string_truncate(time, 0);
        text_append_duration(time, mark->time_ns);
        line_add_right(line, time->str, TIME_WIDTH + 2);
        g_string_append_printf(line, "%s (%s, tid %d)", mark->text, thread->name, thread->tid);
        line_print(out, line);
    }
    line_print_rest(out, marks->len, n, "mark", "s");
    g_string_free(time, TRUE);
    g_string_free(line, TRUE);
}

void report_calls_text_brief(FILE *out, const struct profile *profile)
{
    if (!calls_are_measured(profile->calls))
        return;
    GString *text = g_string_new(NULL);
    append_whole(text, profile);
    line_print_fact(out, "calls", text->str);
    g_string_free(text, TRUE);
}

void report_calls_text(FILE *out, const struct profile *profile,
                       const struct report_options *options)
{
    struct report_calls c;
    report_calls_init(&c, profile, options);
    if (c.is_measured) {
        print_summary(out, &c);
        for (guint i = 0; i < c.threads->len; i++)
            print_rows(out, &c, g_array_index(c.threads, uint32_t, i));
    } else {
        char *why = report_calls_why(profile);
        fprintf(out, "\nNo calls were counted: %s.\n", why);
        g_free(why);
        print_processes(out, &c);
    }
    print_counters(out, &c);
    print_marks(out, &c);
    report_calls_clear(&c);
}
