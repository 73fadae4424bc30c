/*
 * Words above a flame graph.
 */
#include "core/formats/flame_heading.h"

#include "core/base/sum.h"
#include "core/base/text.h"
#include "core/formats/xml_text.h"

/* What parts the facts on the second line. */
static const char GAP[] = "  ·  ";

void flame_heading_title(const struct calltree *tree, GString *out)
{
    const char *command = tree->profile->info.command;
    xml_text_append(out, command && *command ? command : "profile");
    if (tree->options.of != CALLTREE_OF_SAMPLES)
        g_string_append_printf(out, ": %s", calltree_metric(tree).name);
}

void flame_heading_value(const struct calltree *tree, GString *out, int64_t value)
{
    text_append_value(out, value, calltree_metric(tree).unit);
}

static void append_date(GString *out, int64_t time_ns)
{
    GDateTime *date = time_ns > 0 ? g_date_time_new_from_unix_local(time_ns / 1000000000) : NULL;
    if (!date) /* unknown, or beyond the calendar */
        return;
    char *text = g_date_time_format(date, "%Y-%m-%d %H:%M:%S");
    g_string_append_printf(out, "%s%s", text, GAP);
    g_free(text);
    g_date_time_unref(date);
}

static void append_word(GString *out, const char *before, const char *word)
{
    if (!word || !*word)
        return;
    g_string_append(out, before);
    xml_text_append(out, word);
    g_string_append(out, GAP);
}

/* "997/999 Hz perf": the real rate before the one asked for, as on the screen. */
static void append_rate(GString *out, const struct profile_info *info)
{
    if (info->rate_asked_hz > 0)
        g_string_append_printf(out, "%.0f/%u Hz ", info->rate_real_hz, info->rate_asked_hz);
    append_word(out, "", info->engine);
}

static void append_duration(GString *out, const struct profile_info *info)
{
    if (info->duration_ns <= 0)
        return;
    text_append_duration(out, info->duration_ns);
    g_string_append_printf(out, " long%s", GAP);
}

static void append_samples(const struct calltree *tree, GString *out)
{
    const struct profile *p = tree->profile;
    struct weight total = calltree_node(tree, CALLTREE_ROOT)->total;
    if (p->main_metric != p->count_metric) {
        flame_heading_value(tree, out, total.value);
        g_string_append_c(out, ' ');
        xml_text_append(out, calltree_metric(tree).name);
    }
    if (p->count_metric != PROFILE_NONE)
        g_string_append_printf(out, "%s%" G_GINT64_FORMAT " samples",
                               p->main_metric != p->count_metric ? GAP : "", total.count);
}

static void append_losses(GString *out, const struct profile_info *info)
{
    if (info->lost > 0)
        g_string_append_printf(out, "%s%" G_GINT64_FORMAT " records lost", GAP, info->lost);
    if (info->truncated + info->broken > 0)
        g_string_append_printf(out, "%s%" G_GINT64_FORMAT " stacks incomplete", GAP,
                               info->truncated + info->broken);
}

/* "live bytes: 42.1 MiB in 1234 blocks". */
static void append_total(const struct calltree *tree, GString *out)
{
    struct calltree_metric metric = calltree_metric(tree);
    struct weight total = calltree_node(tree, CALLTREE_ROOT)->total;
    g_string_append_printf(out, "%s: ", metric.name);
    flame_heading_value(tree, out, total.value);
    if (metric.counted)
        g_string_append_printf(out, " in %" G_GINT64_FORMAT " %s", total.count, metric.counted);
}

/* What of the calls is missing. */
static void append_missed_calls(const struct calltree *tree, GString *out)
{
    const struct calls *calls = tree->profile->calls;
    int64_t missed = 0, untimed = 0;
    for (guint i = 0; i < calls->processes->len; i++) {
        const struct calls_process *p = &g_array_index(calls->processes, struct calls_process, i);
        if (tree->options.process != PROFILE_NONE && p->process != tree->options.process)
            continue;
        sum_add(&missed, p->missed);
        sum_add(&untimed, p->untimed);
    }
    if (missed > 0)
        g_string_append_printf(out, "%s%" G_GINT64_FORMAT " calls not counted", GAP, missed);
    if (untimed > 0)
        g_string_append_printf(out, "%s%" G_GINT64_FORMAT " calls not timed", GAP, untimed);
}

/* What of the heap is not exact or missing. */
static void append_heap_gaps(const struct calltree *tree, GString *out)
{
    struct heap_totals heap;
    heap_get_totals(tree->profile->heap, tree->options.process, &heap);
    if (heap.is_estimate)
        g_string_append_printf(out, "%sestimated from samples", GAP);
    if (heap.unrecorded > 0)
        g_string_append_printf(out, "%s%" G_GINT64_FORMAT " allocations not recorded", GAP,
                               heap.unrecorded);
    if (heap.n_troubled > 0)
        g_string_append_printf(out, "%s%u processes not or not wholly measured", GAP,
                               heap.n_troubled);
}

void flame_heading_subtitle(const struct calltree *tree, const char *scope, GString *out)
{
    const struct profile_info *info = &tree->profile->info;
    append_date(out, info->start_time_ns);
    append_word(out, "on ", info->host);
    if (tree->options.of == CALLTREE_OF_SAMPLES)
        append_rate(out, info);
    append_duration(out, info);
    if (tree->options.of != CALLTREE_OF_SAMPLES)
        append_total(tree, out);
    switch (tree->options.of) {
    case CALLTREE_OF_SAMPLES:
        append_samples(tree, out);
        append_losses(out, info);
        break;
    case CALLTREE_OF_HEAP:
        append_heap_gaps(tree, out);
        break;
    case CALLTREE_OF_CALLS:
        append_missed_calls(tree, out);
        break;
    }
    if (*scope) {
        g_string_append_printf(out, "%sonly ", GAP);
        xml_text_append(out, scope);
    }
    if (tree->options.fold_recursion)
        g_string_append_printf(out, "%srecursion folded", GAP);
}
