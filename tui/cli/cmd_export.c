/*
 * proftop export: a snapshot in another format, for other programs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/error.h"
#include "core/formats/flame_svg.h"
#include "core/formats/folded.h"
#include "core/formats/new_file.h"
#include "core/formats/snapshot.h"
#include "core/model/owners.h"
#include "tui/cli/command.h"
#include "tui/cli/report_heap.h"

struct options {
    char *output, *format, *metric;
    gboolean inverted, threads;
};

static bool write_svg(const struct calltree *tree, const struct text_sink *sink, GError **error)
{
    GString *text = flame_svg(tree, &(struct flame_svg_options){.scope = ""});
    bool ok = sink->write(sink->arg, text->str, text->len, error);
    g_string_free(text, TRUE);
    return ok;
}

struct format {
    const char *name, *suffix;
    bool (*write)(const struct calltree *tree, const struct text_sink *sink, GError **error);
};

static const struct format formats[] = {
    {"svg", ".svg", write_svg},
    {"folded", ".folded", folded_write},
};

static const struct format *find_format(const struct options *o, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
        if (o->format ? strcmp(o->format, formats[i].name) == 0
                      : g_str_has_suffix(o->output, formats[i].suffix))
            return &formats[i];
    if (o->format)
        proftop_error_set(error, PROFTOP_ERROR_USAGE,
                          "there is no format '%s': choose svg or folded", o->format);
    else
        proftop_error_set(
            error, PROFTOP_ERROR_USAGE,
            "%s: the name does not tell the format: end it in .svg or .folded, or choose "
            "one with --format",
            o->output);
    return NULL;
}

static char *list_metrics(const struct profile *p)
{
    GString *names = g_string_new(NULL);
    for (uint32_t i = 0; i < p->n_metrics; i++)
        g_string_append_printf(names, "%s%s", names->len ? ", " : "", p->metrics[i].type);
    for (int i = 0; heap_is_measured(p->heap) && i < HEAP_COLUMNS; i++)
        g_string_append_printf(names, "%s%s", names->len ? ", " : "", heap_columns[i].name);
    for (int i = 0; calls_are_measured(p->calls) && i < CALL_WEIGHTS; i++)
        g_string_append_printf(names, "%s%s", names->len ? ", " : "", call_weights[i].type);
    return g_string_free(names, FALSE);
}

/* Whether `name` is a column of the heap; then `tree` is of it. */
static bool find_column(const char *name, struct calltree_options *tree)
{
    enum heap_column column = heap_column_find(name);
    if (column == HEAP_COLUMNS)
        return false;
    tree->of = CALLTREE_OF_HEAP;
    tree->column = column;
    return true;
}

/* Whether `name` is what calls can be weighed by; then `tree` is of them. */
static bool find_call_weight(const char *name, struct calltree_options *tree)
{
    enum call_weight weight = call_weight_find(name);
    if (weight == CALL_WEIGHTS)
        return false;
    tree->of = CALLTREE_OF_CALLS;
    tree->call_weight = weight;
    return true;
}

static bool check_heap(const struct profile *p, GError **error)
{
    if (heap_is_measured(p->heap))
        return true;
    char *why = report_heap_why(p);
    proftop_error_set(error, PROFTOP_ERROR_USAGE,
                      "the heap was not measured: %s; or choose another --metric", why);
    g_free(why);
    return false;
}

static bool check_calls(const struct profile *p, GError **error)
{
    if (calls_are_measured(p->calls))
        return true;
    const char *why = p->calls->why_not;
    return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                             "no calls were counted: %s; or choose another --metric",
                             *why ? why : "record with --calls");
}

/* What `name` stands for: a metric, or in `tree` what else it is to be of. */
static bool find_metric(struct profile *p, const char *name, struct calltree_options *tree,
                        GError **error)
{
    for (uint32_t i = 0; i < p->n_metrics; i++)
        if (strcmp(p->metrics[i].type, name) == 0) {
            p->main_metric = i;
            return true;
        }
    if (find_column(name, tree))
        return check_heap(p, error);
    if (find_call_weight(name, tree))
        return check_calls(p, error);
    char *names = list_metrics(p);
    proftop_error_set(error, PROFTOP_ERROR_USAGE,
                      "the snapshot does not measure '%s': choose one of %s", name, names);
    g_free(names);
    return false;
}

/* The metric that everything is drawn of from now on. */
static bool choose_metric(const struct options *o, struct profile *p, struct calltree_options *tree,
                          GError **error)
{
    if (o->metric && !find_metric(p, o->metric, tree, error))
        return false;
    if (tree->of == CALLTREE_OF_HEAP && o->threads)
        return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                 "the heap belongs to all threads of a process: leave out "
                                 "--threads");
    return true;
}

static bool write_to_file(void *arg, const char *text, size_t size, GError **error)
{
    return new_file_write(arg, text, size, error);
}

static bool write_to_stdout(void *arg, const char *text, size_t size, GError **error)
{
    if (fwrite(text, 1, size, arg) == size)
        return true;
    if (errno == EPIPE) /* there is no reason to go on */
        return false;
    return proftop_error_set_errno(error, "cannot write to stdout");
}

static bool export_to_stdout(const struct format *format, const struct calltree *tree,
                             GError **error)
{
    const struct text_sink sink = {write_to_stdout, stdout};
    GError *failed = NULL;
    if (!format->write(tree, &sink, &failed)) {
        if (failed)
            g_propagate_error(error, failed);
        return !failed; /* a reader that has seen enough is no failure */
    }
    if (fflush(stdout) == 0 || errno == EPIPE)
        return true;
    return proftop_error_set_errno(error, "cannot write to stdout");
}

static bool export_to_file(const struct format *format, const struct calltree *tree,
                           const char *path, GError **error)
{
    struct new_file *file = new_file_new(path, true, error);
    const struct text_sink sink = {write_to_file, file};
    bool ok = file && format->write(tree, &sink, error) && new_file_commit(file, error);
    new_file_free(file);
    return ok;
}

/* What is less than nothing has no width, and would be left out of the picture without a word. */
static bool check_values(const struct calltree *tree, GError **error)
{
    for (guint i = 0; i < tree->nodes->len; i++)
        if (calltree_self(tree, i).value < 0 || calltree_node(tree, i)->total.value < 0) {
            g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED,
                        "the snapshot has negative values, as a difference of two has: a flame "
                        "graph cannot show them; export the two it is made of");
            return false;
        }
    return true;
}

static bool export_profile(const struct options *o, const struct format *format,
                           struct profile *profile, GError **error)
{
    struct calltree_options options = {
        .inverted = o->inverted, .process = PROFILE_NONE, .thread = PROFILE_NONE};
    if (!choose_metric(o, profile, &options, error))
        return false;
    owners_add(profile, o->threads);
    struct calltree *tree = calltree_new(profile, &options);
    calltree_update(tree, 0);
    bool ok = check_values(tree, error) &&
              (strcmp(o->output, "-") == 0 ? export_to_stdout(format, tree, error)
                                           : export_to_file(format, tree, o->output, error));
    calltree_free(tree);
    return ok;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat st_a, st_b;
    return stat(a, &st_a) == 0 && stat(b, &st_b) == 0 && st_a.st_dev == st_b.st_dev &&
           st_a.st_ino == st_b.st_ino;
}

static bool export(const struct options *o, const char *path, GError **error)
{
    if (!o->output || !*o->output)
        return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                 "no name for the output: give one with -o, ending in .svg or "
                                 ".folded");
    if (strcmp(o->output, "-") == 0 && !o->format)
        return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                 "'-o -' does not tell the format: choose one with --format");
    if (is_same_file(o->output, path))
        return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                 "%s: is the snapshot itself, which would be lost: give another "
                                 "name with -o",
                                 path);
    const struct format *format = find_format(o, error);
    struct profile *profile = format ? snapshot_load(path, error) : NULL;
    bool ok = profile && export_profile(o, format, profile, error);
    profile_free(profile);
    return ok;
}

static const struct command_usage usage = {
    .words = "FILE",
    .summary = "Writes a snapshot as a flame graph for browsers (svg) or as folded stacks.",
};

static int run(const struct command_context *context, int argc, char **argv, GError **error)
{
    (void)context;
    struct options o = {0};
    const GOptionEntry entries[] = {
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &o.output,
         "Write to FILE, - for stdout; it ends in .svg or .folded", "FILE"},
        {"format", 0, 0, G_OPTION_ARG_STRING, &o.format, "svg or folded, whatever FILE ends in",
         "FORMAT"},
        {"metric", 0, 0, G_OPTION_ARG_STRING, &o.metric,
         "What to weigh by: cpu, samples; of calls: calls, call_time; of the heap: bytes, live, "
         "...",
         "METRIC"},
        {"inverted", 0, 0, G_OPTION_ARG_NONE, &o.inverted,
         "Innermost functions first, callers below them", NULL},
        {"threads", 0, 0, G_OPTION_ARG_NONE, &o.threads, "Keep threads apart", NULL},
        {0}};
    bool ok = false;
    if (command_parse(&usage, entries, &argc, &argv, error)) {
        if (argc == 2)
            ok = export(&o, argv[1], error);
        else
            proftop_error_set(error, PROFTOP_ERROR_USAGE,
                              "export takes one snapshot: proftop export FILE -o OUTPUT");
    }
    g_free(o.output);
    g_free(o.format);
    g_free(o.metric);
    return ok ? 0 : 1;
}

const struct command cmd_export = {
    .name = "export", .summary = "write a snapshot as SVG or folded stacks", .run = run};
