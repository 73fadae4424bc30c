/*
 * The JSON report.
 *
 * Shares are rounded to four decimals: more digits than a measurement has would only look exact.
 */
#include "tui/cli/report_json.h"

#include <jansson.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>

#include "tui/cli/report_calls_json.h"
#include "tui/cli/report_heap_json.h"

/* Deeper branches end there: parsers of JSON have limits of their own. */
enum { TREE_DEPTH_MAX = 500, REAL_DIGITS = 15 };

static bool in_nanoseconds(const struct report *r)
{
    return strcmp(r->profile->metrics[r->profile->main_metric].unit, "nanoseconds") == 0;
}

static json_t *percent(const struct report *r, int64_t value)
{
    return json_real(round(report_percent(value, r->total) * 1e4) / 1e4);
}

/* Sets "KEY_samples", "KEY_ns" or "KEY_value", and "KEY_percent". */
static void set_weight(json_t *object, const struct report *r, const char *key,
                       const struct weight *weight)
{
    char name[32];
    if (r->profile->count_metric != PROFILE_NONE) {
        g_snprintf(name, sizeof name, "%s_samples", key);
        json_object_set_new(object, name, json_integer(weight->count));
    }
    g_snprintf(name, sizeof name, "%s_%s", key, in_nanoseconds(r) ? "ns" : "value");
    json_object_set_new(object, name, json_integer(weight->value));
    g_snprintf(name, sizeof name, "%s_percent", key);
    json_object_set_new(object, name, percent(r, weight->value));
}

static json_t *exit_object(int status)
{
    if (status == -1)
        return json_null();
    if (WIFSIGNALED(status))
        return json_pack("{s:i}", "signal", WTERMSIG(status));
    return json_pack("{s:i}", "code", WEXITSTATUS(status));
}

static json_t *texts(const GPtrArray *from)
{
    json_t *array = json_array();
    for (guint i = 0; i < from->len; i++)
        json_array_append_new(array, json_string(from->pdata[i]));
    return array;
}

static json_t *start_time(int64_t ns)
{
    GDateTime *time = ns > 0 ? g_date_time_new_from_unix_utc(ns / 1000000000) : NULL;
    char *text = time ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ") : NULL;
    json_t *result = text ? json_string(text) : json_null();
    g_free(text);
    if (time)
        g_date_time_unref(time);
    return result;
}

static json_t *stacks(const struct profile_info *info)
{
    return json_pack("{s:I, s:I, s:I}", "complete", (json_int_t)report_complete_stacks(info),
                     "truncated", (json_int_t)info->truncated, "broken", (json_int_t)info->broken);
}

static json_t *header(const struct report *r)
{
    const struct profile_info *info = &r->profile->info;
    const struct metric *metric = &r->profile->metrics[r->profile->main_metric];
    json_t *object = json_object();
    json_object_set_new(object, "command", json_string(info->command));
    json_object_set_new(object, "attached_pid",
                        info->attached_pid ? json_integer(info->attached_pid) : json_null());
    json_object_set_new(object, "host", json_string(info->host));
    json_object_set_new(object, "start_time", start_time(info->start_time_ns));
    json_object_set_new(object, "duration_ns", json_integer(info->duration_ns));
    json_object_set_new(object, "engine", json_string(info->engine));
    json_object_set_new(object, "rate_asked_hz", json_integer(info->rate_asked_hz));
    json_object_set_new(object, "rate_real_hz", json_real(round(info->rate_real_hz * 1e3) / 1e3));
    json_object_set_new(object, "samples", json_integer(info->samples));
    json_object_set_new(object, "lost", json_integer(info->lost));
    json_object_set_new(object, "stacks", stacks(info));
    json_object_set_new(object, "metric",
                        json_pack("{s:s, s:s}", "type", metric->type, "unit", metric->unit));
    json_object_set_new(object, in_nanoseconds(r) ? "total_ns" : "total_value",
                        json_integer(r->total));
    json_object_set_new(object, "exit", exit_object(info->wait_status));
    json_object_set_new(object, "notes", texts(r->profile->notes));
    return object;
}

/* Null of a function that was not counted. */
static void set_calls(json_t *object, const struct call_stats *stats)
{
    double average = stats ? call_stats_average_ns(stats) : -1;
    json_object_set_new(object, "calls", stats ? json_integer(stats->calls) : json_null());
    json_object_set_new(object, "average_ns",
                        average < 0 ? json_null() : json_real(round(average * 10) / 10));
    json_object_set_new(object, "is_doubtful",
                        stats ? json_boolean(call_stats_is_doubtful(stats)) : json_null());
}

static json_t *function_object(const struct report *r, const struct function_row *row)
{
    const struct function *f = profile_get_function(r->profile, row->function);
    json_t *object = json_object();
    json_object_set_new(object, "function", json_string(f->name));
    json_object_set_new(object, "linkage", json_string(f->linkage));
    json_object_set_new(object, "module",
                        json_string(profile_get_module(r->profile, f->module)->path));
    json_object_set_new(object, "file", json_string(f->file));
    json_object_set_new(object, "line", json_integer(f->decl_line));
    set_weight(object, r, "self", &row->self);
    set_weight(object, r, "total", &row->total);
    if (r->allocated)
        json_object_set_new(
            object, "allocated_bytes",
            json_integer(calltree_function_self(r->allocated, row->function).value));
    if (r->calls)
        set_calls(object, report_calls_of(r, row->function));
    return object;
}

static json_t *functions(const struct report *r)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < report_rows(r, r->functions->len); i++)
        json_array_append_new(
            array, function_object(r, &g_array_index(r->functions, struct function_row, i)));
    return array;
}

static json_t *parent_pid(const struct report *r, const struct process *process)
{
    if (process->parent == PROFILE_NONE)
        return json_null();
    return json_integer(profile_get_process(r->profile, process->parent)->pid);
}

static json_t *thread_object(const struct report *r, const struct thread *thread)
{
    const struct process *process = profile_get_process(r->profile, thread->process);
    bool cpu = strcmp(r->profile->metrics[r->profile->main_metric].type, "cpu") == 0;
    json_t *object = json_object();
    json_object_set_new(object, "pid", json_integer(process->pid));
    json_object_set_new(object, "tid", json_integer(thread->tid));
    json_object_set_new(object, "name", json_string(thread->name));
    json_object_set_new(object, "process", json_string(process->name));
    json_object_set_new(object, "parent_pid", parent_pid(r, process));
    if (r->profile->count_metric != PROFILE_NONE)
        json_object_set_new(object, "samples", json_integer(thread->samples));
    json_object_set_new(object, cpu && in_nanoseconds(r) ? "cpu_ns" : "value",
                        json_integer(thread->value));
    return object;
}

static json_t *threads(const struct report *r)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < r->threads->len; i++) {
        uint32_t id = g_array_index(r->threads, uint32_t, i);
        json_array_append_new(array, thread_object(r, profile_get_thread(r->profile, id)));
    }
    return array;
}

static json_t *tree_object(const struct report *r, uint32_t id)
{
    const struct calltree_node *node = calltree_node(r->tree, id);
    bool root = id == CALLTREE_ROOT;
    const char *name = root ? "(all)" : profile_get_function(r->profile, node->function)->name;
    unsigned cut = 0;
    json_t *object = json_object(), *children = json_array();
    json_object_set_new(object, "function", json_string(name));
    struct weight self = calltree_self(r->tree, id);
    set_weight(object, r, "self", &self);
    set_weight(object, r, "total", &node->total);
    GArray *shown = report_children(r, id, &cut);
    if (node->depth >= TREE_DEPTH_MAX) {
        cut += shown->len;
        g_array_set_size(shown, 0);
    }
    for (guint i = 0; i < shown->len; i++)
        json_array_append_new(children, tree_object(r, g_array_index(shown, uint32_t, i)));
    g_array_unref(shown);
    if (cut > 0)
        json_object_set_new(object, "left_out", json_integer(cut));
    json_object_set_new(object, "children", children);
    return object;
}

void report_json(FILE *out, const struct profile *profile, const struct report_options *options)
{
    struct report report;
    report_init(&report, profile, options);
    json_t *object = header(&report);
    report_heap_json_whole(object, profile);
    report_calls_json_whole(object, profile);
    if (report_view_is_of_heap(options->view)) {
        report_heap_json(object, profile, options);
    } else if (options->view == REPORT_CALLS) {
        report_calls_json(object, profile, options);
    } else {
        json_object_set_new(object, "n_functions", json_integer(report.functions->len));
        json_object_set_new(object, "functions", functions(&report));
        json_object_set_new(object, "threads", threads(&report));
    }
    if (options->view == REPORT_TREE)
        json_object_set_new(object, "tree", tree_object(&report, CALLTREE_ROOT));
    json_dumpf(object, out, JSON_INDENT(2) | JSON_REAL_PRECISION(REAL_DIGITS));
    fputc('\n', out);
    json_decref(object);
    report_clear(&report);
}
