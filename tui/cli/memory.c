/*
 * --memory[=HOW], --budget. See memory.h.
 */
#include "tui/cli/memory.h"

#include <string.h>

#include "core/base/error.h"

enum { BUDGET_DEFAULT_PERCENT = 5 };

void memory_options_init(struct memory_options *options)
{
    *options = (struct memory_options){.budget_percent = BUDGET_DEFAULT_PERCENT};
}

void memory_options_clear(struct memory_options *options)
{
    g_free(options->how);
}

void memory_fill_entries(struct memory_options *o, GOptionEntry *entries)
{
    GOptionEntry all[MEMORY_ENTRIES] = {
        {"memory", 0, 0, G_OPTION_ARG_STRING, &o->how,
         "Measure the heap: auto (default), exact (or plain --memory), sampled, off", "HOW"},
        {"budget", 0, 0, G_OPTION_ARG_DOUBLE, &o->budget_percent,
         "CPU time that --memory=auto may cost the program, in per cent (default 5)", "PERCENT"},
    };
    memcpy(entries, all, sizeof all);
}

static bool set_usage(GError **error, const char *message)
{
    g_set_error_literal(error, PROFTOP_ERROR, PROFTOP_ERROR_USAGE, message);
    return false;
}

static bool find_policy(const struct memory_options *o, enum heap_policy *ret_policy,
                        GError **error)
{
    if (heap_policy_find(o->how ? o->how : "auto", ret_policy))
        return true;
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_USAGE,
                "--memory takes auto, exact, sampled or off, not '%s'", o->how);
    return false;
}

bool memory_options_finish(const struct memory_options *o, bool attached,
                           enum heap_policy *ret_policy, GError **error)
{
    enum heap_policy policy;
    if (!find_policy(o, &policy, error))
        return false;
    if (!(o->budget_percent > 0 && o->budget_percent <= 100)) { /* so that NaN fails too */
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_USAGE,
                    "a budget of %g %% makes no sense: choose more than 0 and at most 100 with "
                    "--budget",
                    o->budget_percent);
        return false;
    }
    if (attached && (policy == HEAP_POLICY_EXACT || policy == HEAP_POLICY_SAMPLED))
        return set_usage(error, "the heap of a process that runs already cannot be measured, the "
                                "collector is not in it: leave out --memory, or start the program "
                                "with proftop");
    *ret_policy = policy;
    return true;
}
