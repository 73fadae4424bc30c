/*
 * Lens: the shared state of the views and the call trees behind them.
 */
#include "tui/views/lens.h"

#include "core/base/text.h"
#include "tui/views/lens_calls.h"
#include "tui/views/lens_heap.h"

#include <string.h>

#define SECOND_NS INT64_C(1000000000)

static const int64_t window_ns[LENS_WINDOWS] = {
    [LENS_LAST_10_S] = 10 * SECOND_NS,
    [LENS_LAST_30_S] = 30 * SECOND_NS,
    [LENS_LAST_60_S] = 60 * SECOND_NS,
};

static struct calltree_options tree_options(const struct lens *lens)
{
    return (struct calltree_options){
        .process = lens->process,
        .thread = lens->thread,
        .since_ns = lens->window == LENS_SINCE_MARK ? lens->mark_ns : 0,
        .window_ns = window_ns[lens->window],
    };
}

/* Calls know threads but no window, the heap neither. */
static struct calltree_options flame_options(const struct lens *lens)
{
    struct calltree_options options = tree_options(lens);
    if (!lens_flame_is_of_samples(lens)) {
        bool of_heap = lens->weight.of == CALLTREE_OF_HEAP;
        options = (struct calltree_options){
            .process = of_heap ? lens_heap_process(lens) : lens->process,
            .thread = of_heap ? PROFILE_NONE : lens->thread,
            .of = lens->weight.of,
            .column = lens->weight.column,
            .call_weight = lens->weight.call_weight,
        };
    }
    options.inverted = lens->inverted;
    options.fold_recursion = lens->fold;
    return options;
}

static bool same_shape(const struct calltree *tree, const struct calltree_options *options)
{
    const struct calltree_options *old = &tree->options;
    return old->inverted == options->inverted && old->fold_recursion == options->fold_recursion &&
           old->of == options->of && old->column == options->column &&
           old->call_weight == options->call_weight;
}

/* The tree that was there, looking elsewhere, when it has the right shape; else a new one. */
static struct calltree *tree_like(const struct lens *lens, struct calltree *old,
                                  const struct calltree_options *options)
{
    if (old && same_shape(old, options)) {
        calltree_look(old, options);
        return old;
    }
    calltree_free(old);
    return calltree_new(lens->profile, options);
}

static void free_trees(struct lens *lens)
{
    if (lens->flame != lens->tree)
        calltree_free(lens->flame);
    calltree_free(lens->tree);
    lens->tree = lens->flame = NULL;
}

void lens_init(struct lens *lens, const struct profile *profile, bool live)
{
    *lens = (struct lens){
        .profile = profile,
        .live = live,
        .process = PROFILE_NONE,
        .thread = PROFILE_NONE,
        .focus = PROFILE_NONE,
        .filter_text = g_strdup(""),
        .allocated = g_array_new(FALSE, TRUE, sizeof(int64_t)),
        .calls = lens_calls_new(),
    };
    lens_rebuild(lens);
}

void lens_clear(struct lens *lens)
{
    free_trees(lens);
    g_clear_pointer(&lens->allocated, g_array_unref);
    g_clear_pointer(&lens->allocating, heap_rows_free);
    g_clear_pointer(&lens->calls, lens_calls_free);
    g_clear_pointer(&lens->search, g_regex_unref);
    g_clear_pointer(&lens->filter, g_regex_unref);
    g_clear_pointer(&lens->filter_text, g_free);
}

void lens_update(struct lens *lens, int64_t now_ns)
{
    lens->updated_ns = now_ns;
    calltree_update(lens->tree, now_ns);
    if (lens->flame != lens->tree && lens_flame_is_of_samples(lens))
        calltree_update(lens->flame, now_ns);
    lens_meter_calls(lens);
}

void lens_update_flame(struct lens *lens)
{
    int64_t passed = lens->updated_ns - lens->flame_updated_ns;
    bool of_samples = lens_flame_is_of_samples(lens);
    if (of_samples || (lens->flame_updated_ns && passed < LENS_HEAP_INTERVAL_NS))
        return;
    calltree_update(lens->flame, lens->updated_ns);
    lens->flame_updated_ns = lens->updated_ns;
}

void lens_rebuild(struct lens *lens)
{
    struct calltree_options options = tree_options(lens), flame = flame_options(lens);
    bool same = lens->flame && same_shape(lens->flame, &flame);
    struct calltree *own =
        lens->flame == lens->tree ? NULL : lens->flame; /* Flame's, if not shared */
    lens->tree = tree_like(lens, lens->tree, &options);
    if (same_shape(lens->tree, &flame)) {
        calltree_free(own);
        lens->flame = lens->tree;
    } else {
        lens->flame = tree_like(lens, own, &flame);
    }
    lens->generation += !same;
    lens->flame_updated_ns = 0;
    lens_update(lens, lens->updated_ns);
    lens_update_flame(lens);
}

bool lens_flame_is_of_samples(const struct lens *lens)
{
    return lens->weight.of == CALLTREE_OF_SAMPLES;
}

void lens_weigh_flame(struct lens *lens, struct lens_weight weight)
{
    const struct lens_weight *old = &lens->weight;
    if (weight.of == old->of && weight.column == old->column &&
        weight.call_weight == old->call_weight)
        return;
    lens->weight = weight;
    lens_rebuild(lens);
}

struct weight lens_total(const struct lens *lens)
{
    return calltree_node(lens->tree, CALLTREE_ROOT)->total;
}

struct weight lens_flame_total(const struct lens *lens)
{
    return calltree_node(lens->flame, CALLTREE_ROOT)->total;
}

const char *lens_function_name(const struct lens *lens, uint32_t function)
{
    const struct function *f = profile_get_function(lens->profile, function);
    return lens->full_names || !*f->brief ? f->name : f->brief;
}

void lens_append_source(const struct lens *lens, GString *out, uint32_t function)
{
    const struct function *f = profile_get_function(lens->profile, function);
    text_append_source(out, f->file, f->decl_line);
}

const char *lens_why_unsampled(const struct lens *lens)
{
    const GPtrArray *notes = lens->profile->notes;
    for (guint i = 0; i < notes->len; i++)
        if (g_str_has_prefix(notes->pdata[i], PROFILE_NOTE_UNSAMPLED))
            return notes->pdata[i];
    return NULL;
}

const char *lens_no_samples(const struct lens *lens)
{
    if (lens->window != LENS_WHOLE)
        return "No samples in this window of time (m widens it).";
    if (lens->thread != PROFILE_NONE || lens->process != PROFILE_NONE)
        return "No samples of this thread or process (7 chooses another).";
    return lens->ended ? "No samples: the target ended before one was due."
                       : "No samples yet: the target has not used the CPU.";
}

/* Rows that are no functions. */
static const struct {
    const char *name, *meaning;
} marks[] = {
    {PROFILE_MARK_NOT_SAMPLED,
     "CPU time without samples: of what came and went between two, or cannot be sampled"},
    {PROFILE_MARK_TRUNCATED, "the copy of the stack ends here (too deep, or with untouched pages "
                             "in it): its outer part is missing"},
    {PROFILE_MARK_BROKEN, "nothing tells who called this code: its outer part is missing"},
    {PROFILE_MARK_UNKNOWN, "code that belongs to no known file"},
    {PROFILE_MARK_PROFTOP, "proftop's own work in the program, most of it recording allocations "
                           "(M changes how)"},
    {PROFILE_MARK_OTHER, "call stacks for which there was no room"},
    {"[no stack]", "samples without a stack"},
};

void lens_append_identity(const struct lens *lens, GString *out, uint32_t function)
{
    const struct function *f = profile_get_function(lens->profile, function);
    g_string_append_printf(out, "%s  ", f->name);
    for (size_t i = 0; i < G_N_ELEMENTS(marks); i++)
        if (strcmp(f->name, marks[i].name) == 0) {
            g_string_append(out, marks[i].meaning);
            return;
        }
    g_string_append_printf(out, "%s  ", profile_get_module(lens->profile, f->module)->name);
    lens_append_source(lens, out, function);
}

void lens_append_share(GString *out, int64_t part, int64_t whole)
{
    double share = whole > 0 ? 100.0 * (double)part / (double)whole : 0.0;
    if (part > 0 && share < 0.05)
        g_string_append(out, "<0.1");
    else
        g_string_append_printf(out, "%.1f", share);
}

void lens_append_value(const struct lens *lens, GString *out, int64_t value)
{
    const struct profile *p = lens->profile;
    const char *unit = p->main_metric < p->n_metrics ? p->metrics[p->main_metric].unit : "";
    text_append_value(out, value, unit);
}

void lens_append_weight(const struct lens *lens, GString *out, struct weight weight)
{
    if (lens->unit == LENS_VALUE)
        lens_append_value(lens, out, weight.value);
    else if (lens->unit == LENS_SAMPLES)
        text_append_count(out, weight.count);
    else {
        lens_append_share(out, weight.value, lens_total(lens).value);
        g_string_append(out, " %");
    }
}

bool lens_matches(const struct lens *lens, const char *name)
{
    return lens->search && g_regex_match(lens->search, name, 0, NULL);
}

void lens_clear_filter(struct lens *lens)
{
    g_clear_pointer(&lens->filter, g_regex_unref);
    g_free(lens->filter_text);
    lens->filter_text = g_strdup("");
}

void lens_append_clock(GString *out, int64_t ns)
{
    int64_t seconds = MAX(ns, 0) / SECOND_NS;
    if (seconds >= 3600)
        g_string_append_printf(out, "%" G_GINT64_FORMAT ":", seconds / 3600);
    g_string_append_printf(out, "%02d:%02d", (int)(seconds / 60 % 60), (int)(seconds % 60));
}

/* The profile keeps changes for a while only; a window may reach back further than that. */
static void append_shortfall(const struct lens *lens, GString *out, int64_t wanted_since)
{
    int64_t covered = calltree_covered_since_ns(lens->tree);
    int64_t wanted = MAX(wanted_since, lens->start_ns);
    if (lens->window == LENS_WHOLE || covered == 0 || lens->profile->first_change == 0)
        return;
    if (covered > wanted + 2 * SECOND_NS)
        g_string_append_printf(out, " (only %" G_GINT64_FORMAT " s kept)",
                               (lens->updated_ns - covered) / SECOND_NS);
}

void lens_append_owner(const struct lens *lens, GString *out)
{
    if (lens->thread != PROFILE_NONE) {
        const struct thread *thread = profile_get_thread(lens->profile, lens->thread);
        g_string_append_printf(out, "thread %d %s", thread->tid, thread->name);
    } else if (lens->process != PROFILE_NONE) {
        const struct process *process = profile_get_process(lens->profile, lens->process);
        g_string_append_printf(out, "pid %d %s", process->pid, process->name);
    }
}

void lens_append_window(const struct lens *lens, GString *out)
{
    switch (lens->window) {
    case LENS_WHOLE:
        g_string_append(out, "whole run");
        return;
    case LENS_SINCE_MARK:
        g_string_append(out, "since ");
        lens_append_clock(out, lens->mark_ns - lens->start_ns);
        append_shortfall(lens, out, lens->mark_ns);
        return;
    default:
        g_string_append_printf(out, "last %" G_GINT64_FORMAT " s",
                               window_ns[lens->window] / SECOND_NS);
        append_shortfall(lens, out, lens->updated_ns - window_ns[lens->window]);
    }
}
