/*
 * proftop report: a snapshot as text or JSON.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/error.h"
#include "core/formats/snapshot.h"
#include "tui/cli/command.h"
#include "tui/cli/report_json.h"
#include "tui/cli/report_text.h"

struct options {
    char *view, *sort;
    gboolean json, ascending;
    int top;
};

static bool set_usage(GError **error, const char *message, const char *word)
{
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_USAGE, message, word);
    return false;
}

static bool choose(const struct options *o, struct report_options *ret, GError **error)
{
    *ret = (struct report_options){.view = report_view_find(o->view ? o->view : "functions"),
                                   .sort = function_sort_find(o->sort ? o->sort : "self"),
                                   .ascending = o->ascending,
                                   .top = o->top > 0 ? (unsigned)o->top : 0};
    if (ret->view == REPORT_VIEWS)
        return set_usage(error, "there is no view '%s': choose functions, tree or threads",
                         o->view);
    if (ret->sort == FUNCTION_SORTS)
        return set_usage(
            error, "cannot sort by '%s': choose self, total, samples, function, module or source",
            o->sort);
    if (o->top < 0)
        return set_usage(error, "--top takes a number of rows, 0 for all%s", "");
    return true;
}

static int report(const struct options *o, const char *file, GError **error)
{
    struct report_options chosen;
    if (!choose(o, &chosen, error))
        return 2;
    struct profile *profile = snapshot_load(file, error);
    if (!profile)
        return 1;
    if (o->json)
        report_json(stdout, profile, &chosen);
    else
        report_text(stdout, profile, &chosen);
    profile_free(profile);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    if (errno == EPIPE) /* a reader that has seen enough is no failure */
        return 0;
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED, "cannot write the report: %s",
                g_strerror(errno));
    return 1;
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
        {"view", 0, 0, G_OPTION_ARG_STRING, &o.view, "functions (default), tree or threads",
         "VIEW"},
        {"json", 0, 0, G_OPTION_ARG_NONE, &o.json, "Print JSON instead of text", NULL},
        {"sort", 0, 0, G_OPTION_ARG_STRING, &o.sort,
         "Sort functions by self (default), total, samples, function, module or source", "COLUMN"},
        {"ascending", 0, 0, G_OPTION_ARG_NONE, &o.ascending, "Smallest first", NULL},
        {"top", 0, 0, G_OPTION_ARG_INT, &o.top, "Rows of the table (default 40, 0 for all)", "N"},
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
    return status;
}

const struct command cmd_report = {
    .name = "report", .summary = "print a snapshot as text or JSON", .run = run};
