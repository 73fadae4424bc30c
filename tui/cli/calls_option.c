/*
 * --calls[=WHAT]. See calls_option.h. Plain --calls has become --calls=all (bare_words.h).
 */
#include "tui/cli/calls_option.h"

#include <string.h>

#include "core/base/error.h"

void calls_option_init(struct calls_option *option)
{
    *option = (struct calls_option){.policy = CALLS_POLICY_AUTO};
}

void calls_option_clear(struct calls_option *option)
{
    g_strfreev(option->words);
    calls_filter_free(option->filter);
}

void calls_option_fill_entries(struct calls_option *o, GOptionEntry *entries)
{
    GOptionEntry all[CALLS_ENTRIES] = {
        {"calls", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o->words,
         "Count calls: auto (default), all (or plain --calls), off, or of which functions; may be "
         "repeated",
         "WHAT"},
    };
    memcpy(entries, all, sizeof all);
}

static bool find_policy(const char *word, enum calls_policy *ret_policy)
{
    static const struct {
        const char *word;
        enum calls_policy policy;
    } policies[] = {
        {"all", CALLS_POLICY_ALL}, {"auto", CALLS_POLICY_AUTO}, {"off", CALLS_POLICY_OFF}};
    for (size_t i = 0; i < G_N_ELEMENTS(policies); i++)
        if (strcmp(word, policies[i].word) == 0) {
            *ret_policy = policies[i].policy;
            return true;
        }
    return false;
}

/* The last policy counts, and all patterns together. */
static GString *sort_words(struct calls_option *o)
{
    GString *patterns = g_string_new(NULL);
    bool found = false;
    for (char **word = o->words; word && *word; word++)
        if (!find_policy(*word, &o->policy)) {
            g_string_append_printf(patterns, "%s%s", found ? "," : "", *word);
            found = true;
        }
    if (found)
        return patterns;
    g_string_free(patterns, TRUE);
    return NULL;
}

static bool make_filter(struct calls_option *o, const GString *patterns, GError **error)
{
    GError *wrong = NULL;
    if (o->policy == CALLS_POLICY_OFF)
        return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                 "--calls=off counts nothing: leave out it or the functions");
    calls_filter_free(o->filter);
    o->filter = calls_filter_new(patterns->str, &wrong);
    if (o->filter)
        return true;
    proftop_error_set(error, PROFTOP_ERROR_USAGE, "--calls: %s", wrong->message);
    g_error_free(wrong);
    return false;
}

bool calls_option_finish(struct calls_option *o, bool attached, GError **error)
{
    GString *patterns = sort_words(o);
    bool ok = !patterns || make_filter(o, patterns, error);
    if (patterns)
        g_string_free(patterns, TRUE);
    if (ok && attached && calls_option_asks(o))
        return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                 "calls of a process that runs already cannot be counted, the "
                                 "collector is not in it: leave out --calls, or start the program "
                                 "with proftop");
    return ok;
}

bool calls_option_asks(const struct calls_option *o)
{
    return o->policy == CALLS_POLICY_ALL || o->filter;
}
