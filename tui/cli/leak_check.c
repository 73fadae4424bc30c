/*
 * The leak check of record. See leak_check.h.
 */
#include "tui/cli/leak_check.h"

#include <stdio.h>
#include <string.h>

#include "core/analysis/leaks.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "tui/cli/report_heap.h"
#include "tui/cli/report_text.h"

enum { REPORT_ROWS = 40 };

void leak_check_clear(struct leak_check *check)
{
    g_free(check->fail_on);
    g_strfreev(check->suppressions);
    leak_rules_free(check->rules);
}

void leak_check_fill_entries(struct leak_check *check, GOptionEntry *entries)
{
    GOptionEntry all[LEAK_CHECK_ENTRIES] = {
        {"leaks", 0, 0, G_OPTION_ARG_NONE, &check->report,
         "At the end, list what was not freed; with --memory=exact", NULL},
        {"fail-on", 0, 0, G_OPTION_ARG_STRING, &check->fail_on,
         "Exit with status 3 when something was not freed (leak)", "WHAT"},
        {"suppressions", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &check->suppressions,
         "Leaks that do not count, as LeakSanitizer reads them; may be repeated", "FILE"},
    };
    memcpy(entries, all, sizeof all);
}

struct leak_rules *leak_check_load_rules(char **files, GError **error)
{
    struct leak_rules *rules = leak_rules_new(true);
    for (; files && *files; files++)
        if (!leak_rules_load(rules, *files, error)) {
            leak_rules_free(rules);
            return NULL;
        }
    return rules;
}

static bool check_options(const struct leak_check *check, const struct measure_options *measure,
                          GError **error)
{
    const char *how = measure->memory.how;
    if (check->fail_on && strcmp(check->fail_on, "leak") != 0)
        return proftop_error_set(error, PROFTOP_ERROR_USAGE, "--fail-on takes leak, not '%s'",
                                 check->fail_on);
    if (check->suppressions && !check->report && !check->fail_on)
        return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                 "--suppressions is for --leaks and --fail-on leak: add one of "
                                 "them");
    if (!check->report && !check->fail_on)
        return true;
    if (measure->attach)
        return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                 "leaks of a process that runs already cannot be found, the "
                                 "collector is not in it: start the program with proftop");
    if (how && (strcmp(how, "sampled") == 0 || strcmp(how, "off") == 0))
        return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                 "to find leaks every block must be seen: leave out --memory=%s",
                                 how);
    return true;
}

bool leak_check_finish(struct leak_check *check, struct measure_options *measure, GError **error)
{
    if (!check_options(check, measure, error))
        return false;
    if (!check->report && !check->fail_on)
        return true;
    measure->whole_heap = true;
    check->rules = leak_check_load_rules(check->suppressions, error);
    return check->rules != NULL;
}

/* Why it cannot be said that nothing leaked; NULL: it can. Free with g_free. */
static char *why_not_checked(const struct profile *profile, const struct leaks *leaks)
{
    struct heap_totals totals;
    heap_get_totals(profile->heap, PROFILE_NONE, &totals);
    if (totals.n_measured == 0)
        return report_heap_why(profile);
    if (leaks->n_unmeasured > 0 || totals.n_troubled > 0) {
        char *trouble = report_heap_trouble(profile);
        return trouble ? trouble : g_strdup("not every process said what it allocates");
    }
    if (leaks->n_processes == 0)
        return g_strdup("no process has ended");
    if (totals.unrecorded > 0)
        return g_strdup_printf("%" G_GINT64_FORMAT " allocation%s not recorded", totals.unrecorded,
                               totals.unrecorded == 1 ? " was" : "s were");
    return NULL;
}

static int gate(const struct leak_check *check, const struct profile *profile)
{
    int status = 0;
    struct leaks *leaks = leaks_find(profile, &(struct leaks_query){.rules = check->rules});
    char *why = why_not_checked(profile, leaks);
    if (leaks->blocks > 0) {
        GString *bytes = g_string_new(NULL);
        text_append_bytes(bytes, leaks->bytes);
        fprintf(stderr, "proftop: --fail-on leak: %s in %" G_GINT64_FORMAT " block%s not freed\n",
                bytes->str, leaks->blocks, leaks->blocks == 1 ? " was" : "s were");
        g_string_free(bytes, TRUE);
        status = LEAK_CHECK_FOUND;
    } else if (why) {
        fprintf(stderr, "proftop: --fail-on leak: not everything could be checked: %s\n", why);
        status = LEAK_CHECK_NOT_MADE;
    }
    g_free(why);
    leaks_free(leaks);
    return status;
}

int leak_check_judge(const struct leak_check *check, const struct profile *profile, int status)
{
    if (check->report)
        report_text(stderr, profile,
                    &(struct report_options){.view = REPORT_LEAKS,
                                             .heap_sort = HEAP_SORTS,
                                             .rules = check->rules,
                                             .top = REPORT_ROWS});
    int judged = check->fail_on ? gate(check, profile) : 0;
    return status ? status : judged;
}
