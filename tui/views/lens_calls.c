/*
 * Calls in the lens: throttled queries, a meter of all calls, reasons.
 */
#include "tui/views/lens_calls.h"

#include "core/base/sum.h"
#include "core/base/text.h"

#define QUERY_INTERVAL_NS INT64_C(500000000) /* there may be a million records */
#define METER_INTERVAL_NS INT64_C(1000000000)

enum { METERED_RECORDS = 20000 }; /* for each that many, the meter takes one interval more */

struct lens_calls *lens_calls_new(void)
{
    struct lens_calls *calls = g_new0(struct lens_calls, 1);
    calls->per_second = -1;
    return calls;
}

void lens_calls_free(struct lens_calls *calls)
{
    if (!calls)
        return;
    call_rows_free(calls->rows);
    g_free(calls);
}

bool lens_has_calls(const struct lens *lens)
{
    return calls_are_measured(lens->profile->calls);
}

bool lens_calls_include(const struct lens *lens, uint32_t process)
{
    uint32_t only = lens->process;
    if (lens->thread != PROFILE_NONE)
        only = profile_get_thread(lens->profile, lens->thread)->process;
    return only == PROFILE_NONE || only == process;
}

bool lens_counts_function(const struct lens *lens, uint32_t function)
{
    return g_hash_table_contains(lens->profile->calls->counted, GUINT_TO_POINTER(function));
}

/* --- rows --- */

static bool same_query(const struct call_query *a, const struct call_query *b)
{
    return a->sort == b->sort && a->ascending == b->ascending && a->process == b->process &&
           a->thread == b->thread;
}

void lens_query_calls(struct lens *lens, enum call_sort sort, bool ascending)
{
    struct lens_calls *calls = lens->calls;
    const struct profile *p = lens->profile;
    bool one_thread = lens->thread != PROFILE_NONE;
    struct call_query query = {.sort = sort,
                               .ascending = ascending,
                               .process = one_thread ? PROFILE_NONE : lens->process,
                               .thread = lens->thread,
                               .now_ns = lens->live && !lens->ended ? lens->updated_ns : 0};
    uint64_t generation = p->calls->generation + p->resolved_generation;
    bool passed = lens->updated_ns - calls->queried_ns >= QUERY_INTERVAL_NS;
    bool due = passed && (lens->live || generation != calls->generation);
    if (calls->sorted && same_query(&query, &calls->query) && !due)
        return;
    if (!calls->rows)
        calls->rows = call_rows_new(p);
    calls->sorted = call_rows_query(calls->rows, &query);
    calls->query = query;
    calls->generation = generation;
    calls->queried_ns = lens->updated_ns;
    calls->n_queries++;
}

const struct call_row *lens_calls_of(const struct lens *lens, uint32_t function)
{
    return lens->calls->sorted ? call_rows_find(lens->calls->rows, function) : NULL;
}

/* --- all of them --- */

void lens_meter_calls(struct lens *lens)
{
    struct lens_calls *calls = lens->calls;
    int64_t passed = lens->updated_ns - calls->metered_ns;
    int64_t rest = METER_INTERVAL_NS * (1 + lens->profile->calls->records->len / METERED_RECORDS);
    if (!lens_has_calls(lens) || (calls->metered_ns && passed < rest))
        return;
    int64_t sum = calls_count(lens->profile->calls);
    if (calls->metered_ns)
        calls->per_second = (double)(sum - calls->calls) / ((double)passed / 1e9);
    calls->calls = sum;
    calls->metered_ns = lens->updated_ns;
}

/* --- reasons and losses --- */

/* The first process in sight that has a reason of its own. */
static const char *trouble_of_processes(const struct lens *lens)
{
    const GArray *processes = lens->profile->calls->processes;
    for (guint i = 0; i < processes->len; i++) {
        const struct calls_process *p = &g_array_index(processes, struct calls_process, i);
        if (*p->trouble && lens_calls_include(lens, p->process))
            return p->trouble;
    }
    return NULL;
}

void lens_append_why_no_calls(const struct lens *lens, GString *out)
{
    const char *why = lens->profile->calls->why_not, *trouble = trouble_of_processes(lens);
    bool running = lens->live && lens->status && !lens->ended;
    if (running && lens->status->has_calls_source && lens->status->calls_policy == CALLS_POLICY_OFF)
        g_string_append(out, "that is switched off (X switches it on)");
    else if (*why)
        g_string_append(out, why);
    else if (trouble)
        g_string_append(out, trouble);
    else if (!lens->live)
        g_string_append(out, "this file has no exact calls");
    else if (!running)
        g_string_append(out, "nothing of the target was counted");
    else
        g_string_append(out, "no function that is counted has been called (x counts the selected "
                             "one, X those compiled for it)");
}

void lens_call_losses(const struct lens *lens, int64_t *ret_missed, int64_t *ret_untimed)
{
    const GArray *processes = lens->profile->calls->processes;
    int64_t missed = 0, untimed = 0;
    for (guint i = 0; i < processes->len; i++) {
        const struct calls_process *p = &g_array_index(processes, struct calls_process, i);
        if (!lens_calls_include(lens, p->process))
            continue;
        sum_add(&missed, p->missed);
        sum_add(&untimed, p->untimed);
    }
    *ret_missed = missed;
    *ret_untimed = untimed;
}

/* --- figures --- */

void lens_append_call_rate(GString *out, double per_second)
{
    if (per_second < 0)
        return;
    if (per_second > 0 && per_second < 9.95)
        g_string_append_printf(out, "%.1f", MAX(per_second, 0.1));
    else
        text_append_count(out, (int64_t)MIN(per_second + 0.5, 9e18));
}

void lens_append_call_time(GString *out, double ns)
{
    if (ns >= 0)
        text_append_duration(out, (int64_t)MIN(ns + 0.5, 9e18));
}
