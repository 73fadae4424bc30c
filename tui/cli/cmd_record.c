/*
 * proftop record: run a program or attach to one, write a snapshot, no screen.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/formats/snapshot.h"
#include "tui/cli/leak_check.h"
#include "tui/cli/measure.h"
#include "tui/cli/report_calls.h"

/* Descendants that have not ended; the command itself may have. */
static unsigned count_running(const struct profile *p)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < p->processes->len; i++)
        n += !profile_get_process(p, i)->ended;
    return n;
}

static void say_what_runs_on(const struct profile *p, bool ended)
{
    unsigned n = count_running(p);
    const char *it = p->info.attached_pid ? "the process" : "the program";
    if (!ended)
        fprintf(stderr, "proftop: %s runs on\n", it);
    else if (n == 1)
        fprintf(stderr, "proftop: 1 process that it started runs on, no longer recorded\n");
    else if (n > 1)
        fprintf(stderr, "proftop: %u processes that it started run on, no longer recorded\n", n);
}

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

static void say_heap(const struct heap *heap)
{
    struct heap_totals totals;
    heap_get_totals(heap, PROFILE_NONE, &totals);
    if (totals.n_measured == 0)
        return;
    GString *text = g_string_new(NULL);
    text_append_count(text, totals.allocs);
    fprintf(stderr, ", %s allocation%s (%s)", text->str, plural(totals.allocs),
            totals.is_estimate ? "sampled" : "exact");
    g_string_free(text, TRUE);
}

static void say_calls(const struct calls *calls)
{
    if (!calls_are_measured(calls))
        return;
    GString *text = g_string_new(NULL);
    text_append_count(text, calls_count(calls));
    fprintf(stderr, ", %s call%s (exact)", text->str, plural(calls_count(calls)));
    g_string_free(text, TRUE);
}

/* One line about what was measured, on stderr like every other word of ours. */
static void say(const struct measure_options *o, const struct profile *p, const char *path,
                bool ended)
{
    const struct profile_info *info = &p->info;
    int64_t incomplete = info->truncated + info->broken;
    fprintf(stderr, "proftop: %" G_GINT64_FORMAT " sample%s", info->samples, plural(info->samples));
    if (info->lost)
        fprintf(stderr, ", %" G_GINT64_FORMAT " record%s lost", info->lost, plural(info->lost));
    if (incomplete)
        fprintf(stderr, ", %" G_GINT64_FORMAT " stack%s incomplete", incomplete,
                plural(incomplete));
    say_heap(p->heap);
    say_calls(p->calls);
    char *clean_path = text_clean(path);
    fprintf(stderr, ": %s\n", clean_path);
    g_free(clean_path);
    say_what_runs_on(p, ended);
    measure_say_notes(o, p);
}

/* Without -o the snapshot goes to the current directory: a measurement that cannot be saved there
 * is not begun. */
static bool check_folder(const struct measure_options *o, const char *name, GError **error)
{
    if (o->output || !name)
        return true;
    char *path = snapshot_default_name(NULL, name);
    bool can = snapshot_check_place(path, false, error);
    g_free(path);
    return can;
}

/* Saves what was recorded and says where. */
static void keep(const struct measure_options *o, const struct profile *profile, const char *name,
                 bool ended, GError **error)
{
    char *path = measure_save(o, profile, name, error);
    if (path && !o->quiet)
        say(o, profile, path, ended);
    g_free(path);
}

struct options {
    struct measure_options measure;
    struct leak_check leaks;
    double seconds;
};

/* Records until it is time to end, and keeps what there is. Returns the exit status. */
static int finish(struct session *session, const struct options *o, const char *name,
                  GError **error)
{
    enum { SYMBOLS_TIMEOUT_MS = 30000 };
    struct session_status status;
    int signal_number = measure_wait(session, (int64_t)(o->seconds * 1e9));
    measure_finish(&o->measure, session, SYMBOLS_TIMEOUT_MS);
    session_get_status(session, &status);
    const struct profile *profile = session_profile(session);
    keep(&o->measure, profile, name, status.target_ended, error);
    return leak_check_judge(&o->leaks, profile, measure_exit_status(profile, signal_number));
}

static int record(struct options *o, const struct command_context *context, char **argv,
                  GError **error)
{
    char *name = measure_name(&o->measure, argv);
    struct session *session = check_folder(&o->measure, name, error)
                                  ? measure_start(&o->measure, context, argv, -1, error)
                                  : NULL;
    int status = session ? finish(session, o, name, error) : 1;
    session_free(session);
    g_free(name);
    return status;
}

static bool check_options(struct options *o, GError **error)
{
    if (!(o->seconds >= 0 && o->seconds <= 1e9)) /* so that NaN fails too */
        return proftop_error_set(
            error, PROFTOP_ERROR_USAGE,
            "a duration of %g seconds makes no sense: choose 0 (until the end) to 1e9 with -d",
            o->seconds);
    return leak_check_finish(&o->leaks, &o->measure, error);
}

static const struct command_usage usage = {
    .words = "[--] COMMAND [ARG...]",
    .summary = "Runs COMMAND, or watches a running process (-p PID), and writes what it did to a "
               "snapshot.",
    .launches = TRUE,
};

static int run(const struct command_context *context, int argc, char **argv, GError **error)
{
    enum { OWN = MEASURE_ENTRIES + LEAK_CHECK_ENTRIES };
    struct options o = {0};
    measure_options_init(&o.measure);
    GOptionEntry entries[OWN + 2] = {
        [OWN] = {"duration", 'd', 0, G_OPTION_ARG_DOUBLE, &o.seconds,
                 "Stop recording after so many seconds; the program runs on", "SECONDS"}};
    measure_fill_entries(&o.measure, entries);
    leak_check_fill_entries(&o.leaks, entries + MEASURE_ENTRIES);
    int status = 2;
    if (command_parse(&usage, entries, &argc, &argv, error))
        status = check_options(&o, error) ? record(&o, context, argv + 1, error) : 1;
    leak_check_clear(&o.leaks);
    measure_options_clear(&o.measure);
    return status;
}

const struct command cmd_record = {
    .name = "record", .summary = "run a program and write a snapshot", .run = run};
