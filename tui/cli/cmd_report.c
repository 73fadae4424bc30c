/*
 * proftop report: a snapshot as text or JSON.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/error.h"
#include "core/formats/snapshot.h"
#include "tui/cli/command.h"
#include "tui/cli/leak_check.h"
#include "tui/cli/report_json.h"
#include "tui/cli/report_text.h"

struct options {
    char *view, *sort;
    char **suppressions;
    gboolean json, ascending, threads;
    int top;
};

static bool choose_heap_sort(const char *sort, struct report_options *chosen, GError **error)
{
    chosen->heap_sort = heap_sort_find(sort);
    return chosen->heap_sort != HEAP_SORTS ||
           proftop_error_set(error, PROFTOP_ERROR_USAGE,
                             "cannot sort by '%s': choose allocs, bytes, live-blocks, live, "
                             "peak-blocks, peak, own-peak, temporary, reallocs, remote-frees, "
                             "average, stacks, function, module or source",
                             sort);
}

static bool choose_call_sort(const char *sort, struct report_options *chosen, GError **error)
{
    chosen->call_sort = call_sort_find(sort);
    return chosen->call_sort != CALL_SORTS ||
           proftop_error_set(error, PROFTOP_ERROR_USAGE,
                             "cannot sort by '%s': choose calls, rate, total, self, average, min, "
                             "p50, p99, max, function, module or source",
                             sort);
}

/* The order of rows, by the columns of the view. */
static bool choose_sort(const char *sort, struct report_options *chosen, GError **error)
{
    if (!sort)
        return true;
    if (chosen->view == REPORT_LEAKS)
        return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                 "leaks are sorted by their bytes: leave out --sort");
    if (report_view_is_of_heap(chosen->view))
        return choose_heap_sort(sort, chosen, error);
    if (chosen->view == REPORT_CALLS)
        return choose_call_sort(sort, chosen, error);
    chosen->sort = function_sort_find(sort);
    return chosen->sort != FUNCTION_SORTS ||
           proftop_error_set(
               error, PROFTOP_ERROR_USAGE,
               "cannot sort by '%s': choose self, total, samples, function, module or source",
               sort);
}

static bool choose(const struct options *o, struct report_options *ret, GError **error)
{
    struct report_options chosen = {.view = report_view_find(o->view ? o->view : "functions"),
                                    .sort = FUNCTION_SORT_SELF,
                                    .heap_sort = HEAP_SORTS,
                                    .call_sort = CALL_SORTS,
                                    .by_thread = o->threads,
                                    .ascending = o->ascending,
                                    .top = o->top > 0 ? (unsigned)o->top : 0};
    if (chosen.view == REPORT_VIEWS)
        return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                 "there is no view '%s': choose functions, tree, threads, calls, "
                                 "memory, leaks, peak or temporary",
                                 o->view);
    if (!choose_sort(o->sort, &chosen, error))
        return false;
    if (o->top < 0)
        return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                 "--top takes a number of rows, 0 for all");
    if (o->suppressions && chosen.view != REPORT_LEAKS)
        return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                 "--suppressions is for --view leaks: leave out one, or add the "
                                 "other");
    if (o->threads && chosen.view != REPORT_CALLS)
        return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                 "--threads is for --view calls: leave out one, or add the other");
    *ret = chosen;
    return true;
}

static bool print(const struct options *o, const struct report_options *chosen, const char *file,
                  GError **error)
{
    struct profile *profile = snapshot_load(file, error);
    if (!profile)
        return false;
    if (o->json)
        report_json(stdout, profile, chosen);
    else
        report_text(stdout, profile, chosen);
    profile_free(profile);
    if ((fflush(stdout) == 0 && !ferror(stdout)) || errno == EPIPE)
        return true; /* a reader that has seen enough is no failure */
    return proftop_error_set_errno(error, "cannot write the report");
}

static int report(const struct options *o, const char *file, GError **error)
{
    struct report_options chosen;
    if (!choose(o, &chosen, error))
        return 2;
    struct leak_rules *rules = leak_check_load_rules(o->suppressions, error);
    chosen.rules = rules;
    bool ok = rules && print(o, &chosen, file, error);
    leak_rules_free(rules);
    return ok ? 0 : 1;
}

static const struct command_usage usage = {
    .words = "FILE",
    .summary = "Prints what a snapshot says, as text or JSON.",
};

static int run(const struct command_context *context, int argc, char **argv, GError **error)
{
    (void)context;
    struct options o = {.top = 40};
    const GOptionEntry entries[] = {
        {"view", 0, 0, G_OPTION_ARG_STRING, &o.view,
         "functions (default), tree, threads, calls, memory, leaks, peak or temporary", "VIEW"},
        {"json", 0, 0, G_OPTION_ARG_NONE, &o.json, "Print JSON instead of text", NULL},
        {"sort", 0, 0, G_OPTION_ARG_STRING, &o.sort,
         "Sort functions by self (default), total, samples, function, module or source; "
         "calls by self, total, calls, average, ...; the heap by bytes, allocs, live, peak, ...",
         "COLUMN"},
        {"threads", 0, 0, G_OPTION_ARG_NONE, &o.threads, "Calls of each thread by itself", NULL},
        {"ascending", 0, 0, G_OPTION_ARG_NONE, &o.ascending, "Smallest first", NULL},
        {"top", 0, 0, G_OPTION_ARG_INT, &o.top, "Rows of the table (default 40, 0 for all)", "N"},
        {"suppressions", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o.suppressions,
         "Leaks that do not count, as LeakSanitizer reads them; may be repeated", "FILE"},
        {0}};
    int status = 2;
    if (command_parse(&usage, entries, &argc, &argv, error)) {
        if (argc != 2)
            g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_USAGE,
                        "report takes one snapshot: proftop report FILE");
        else
            status = report(&o, argv[1], error);
    }
    g_free(o.view);
    g_free(o.sort);
    g_strfreev(o.suppressions);
    return status;
}

const struct command cmd_report = {
    .name = "report", .summary = "print a snapshot as text or JSON", .run = run};
