/*
 * Rows and reasons for reports of exact calls: everything but how they look.
 */
#include "tui/cli/report_calls.h"

/* Each thread that has called something, in the order of the profile. */
static void take_threads(struct report_calls *c)
{
    const struct profile *p = c->profile;
    bool *has_calls = g_new0(bool, p->threads->len + 1);
    for (guint i = 0; i < p->calls->records->len; i++)
        has_calls[g_array_index(p->calls->records, struct call_record, i).thread] = true;
    for (uint32_t i = 0; i < p->threads->len; i++)
        if (has_calls[i])
            g_array_append_val(c->threads, i);
    g_free(has_calls);
}

void report_calls_init(struct report_calls *c, const struct profile *profile,
                       const struct report_options *options)
{
    static const uint32_t all = PROFILE_NONE;
    *c = (struct report_calls){.profile = profile, .options = options};
    c->is_measured = calls_are_measured(profile->calls);
    c->grouped = call_rows_new(profile);
    c->threads = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    if (options->by_thread)
        take_threads(c);
    else
        g_array_append_val(c->threads, all);
}

void report_calls_clear(struct report_calls *c)
{
    call_rows_free(c->grouped);
    g_array_unref(c->threads);
}

const GArray *report_calls_query(struct report_calls *c, uint32_t thread)
{
    const struct report_options *o = c->options;
    bool chosen = o->call_sort != CALL_SORTS;
    return call_rows_query(
        c->grouped,
        &(struct call_query){.sort = chosen ? (enum call_sort)o->call_sort : CALL_SORT_SELF,
                             .ascending = o->ascending,
                             .process = PROFILE_NONE,
                             .thread = thread});
}

unsigned report_calls_rows(const struct report_calls *c, unsigned n)
{
    return c->options->top == 0 ? n : MIN(n, c->options->top);
}

GArray *report_calls_functions(const struct profile *p)
{
    GArray *called = g_array_new(FALSE, TRUE, sizeof(bool));
    g_array_set_size(called, p->functions->len);
    for (guint i = 0; i < p->calls->records->len; i++) {
        const struct call_record *record = &g_array_index(p->calls->records, struct call_record, i);
        g_array_index(called, bool, call_record_function(p, record)) = true;
    }
    return called;
}

/* The first process of which not all was counted; NULL: there is none that says so. */
static char *find_trouble(const struct profile *p)
{
    for (guint i = 0; i < p->calls->processes->len; i++) {
        const struct calls_process *record =
            &g_array_index(p->calls->processes, struct calls_process, i);
        const struct process *owner = report_calls_owner(p, record);
        if (*record->trouble)
            return g_strdup_printf("%s (pid %d): %s", owner->name, owner->pid, record->trouble);
    }
    for (guint i = 0; i < p->processes->len; i++) {
        const struct process *process = profile_get_process(p, i);
        if (*process->coverage)
            return g_strdup_printf("the collector is not in %s (pid %d): %s", process->name,
                                   process->pid, process->coverage);
    }
    return NULL;
}

bool report_calls_has_why(const struct profile *p)
{
    char *trouble = find_trouble(p);
    bool has = *p->calls->why_not || trouble;
    g_free(trouble);
    return has;
}

char *report_calls_why(const struct profile *p)
{
    if (*p->calls->why_not)
        return g_strdup(p->calls->why_not);
    char *trouble = find_trouble(p);
    return trouble ? trouble
                   : g_strdup("nothing that is counted was called; record with --calls=FUNCTION, "
                              "or build the program with 'proftop cc' and record with --calls");
}

bool report_calls_lost(const struct calls_process *p)
{
    bool lost = false;
    for (unsigned i = 0; i < CALLS_LOSSES; i++)
        lost |= calls_loss(p, i) > 0;
    return lost || *p->trouble;
}

const struct process *report_calls_owner(const struct profile *profile,
                                         const struct calls_process *process)
{
    return profile_get_process(profile, process->process);
}
