/*
 * --calls[=WHAT]. See calls_option.h. Plain --calls has become --calls=all (bare_words.h).
 */
#include "tui/cli/calls_option.h"

#include <string.h>

#include "core/base/error.h"
#include "tui/cli/report_calls.h"

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

/* The last policy counts, and all patterns together: those (borrowed), and NULL. */
static GPtrArray *sort_words(struct calls_option *o)
{
    GPtrArray *patterns = g_ptr_array_new();
    for (char **word = o->words; word && *word; word++)
        if (!find_policy(*word, &o->policy))
            g_ptr_array_add(patterns, *word);
    g_ptr_array_add(patterns, NULL);
    return patterns;
}

static bool make_filter(struct calls_option *o, char *const *patterns, GError **error)
{
    GError *wrong = NULL;
    if (o->policy == CALLS_POLICY_OFF)
        return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                 "--calls=off counts nothing: leave out one of them");
    calls_filter_free(o->filter);
    o->filter = calls_filter_new_all(patterns, &wrong);
    if (o->filter)
        return true;
    proftop_error_set(error, PROFTOP_ERROR_USAGE, "--calls: %s", wrong->message);
    g_error_free(wrong);
    return false;
}

bool calls_option_finish(struct calls_option *o, bool attached, GError **error)
{
    GPtrArray *patterns = sort_words(o); /* NULL-terminated */
    bool ok = patterns->len == 1 || make_filter(o, (char *const *)patterns->pdata, error);
    g_ptr_array_unref(patterns);
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

/* The patterns as they were given. Free with g_free. */
static char *describe_filter(const struct calls_option *o)
{
    GString *text = g_string_new("--calls=");
    enum calls_policy policy;
    const char *gap = "";
    for (char **word = o->words; word && *word; word++) {
        if (find_policy(*word, &policy))
            continue;
        g_string_append_printf(text, "%s%s", gap, *word);
        gap = ",";
    }
    char *shown = calls_filter_shorten(text->str);
    g_string_free(text, TRUE);
    return shown;
}

void calls_option_explain(const struct calls_option *o, struct profile *profile)
{
    if (!o->filter)
        return;
    char *given = describe_filter(o);
    char *left = g_strdup_printf("no function is left by %s", given);
    char *counted =
        g_strdup_printf("no function that %s names could be counted and was called", given);
    bool excludes = calls_filter_excludes_all(o->filter);
    if (excludes)
        profile_note(profile, left);
    if (!calls_are_measured(profile->calls) && !report_calls_has_why(profile))
        profile->calls->why_not = profile_text(profile, excludes ? left : counted);
    g_free(counted);
    g_free(left);
    g_free(given);
}
