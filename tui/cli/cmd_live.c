/*
 * proftop COMMAND, proftop -p PID: run a program, or take one that runs, and watch it, on the
 * screen or, where there is none, as a report at its end.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/formats/snapshot.h"
#include "core/session/private_directory.h"
#include "core/target/terminal_keeper.h"
#include "tui/cli/look.h"
#include "tui/cli/measure.h"
#include "tui/cli/report_text.h"
#include "tui/term/keys.h"
#include "tui/term/terminal_check.h"
#include "tui/views/app.h"

enum { REPORT_ROWS = 30, SYMBOLS_TIMEOUT_MS = 10000 };

struct live {
    struct measure_options measure;
    struct look look;
    gboolean no_tui;
    char **argv;                   /* the command */
    char *name;                    /* for snapshots */
    char *directory, *output_path; /* of the target's terminal output */
    struct keeper *keeper;
    struct session *session;
};

/* ---- headless ---- */

/* Nobody may be there to read it, which is no failure; a disk that is full is one. */
static bool print_report(const struct profile *profile, GError **error)
{
    clearerr(stderr);
    report_text(stderr, profile,
                &(struct report_options){.view = REPORT_FUNCTIONS,
                                         .sort = FUNCTION_SORT_SELF,
                                         .heap_sort = HEAP_SORTS,
                                         .top = REPORT_ROWS});
    return (fflush(stderr) == 0 && !ferror(stderr)) || errno == EPIPE || errno == EBADF ||
           proftop_error_set_errno(error, "cannot write the report");
}

/* Without a screen: the target has the terminal, stdout stays all its own, the report goes to
 * stderr. */
static int run_headless(struct live *live, const struct command_context *context, GError **error)
{
    live->session = measure_start(&live->measure, context, live->argv, -1, error);
    if (!live->session)
        return 1;
    int signal_number = measure_wait(live->session, 0);
    measure_finish(&live->measure, live->session, SYMBOLS_TIMEOUT_MS);
    const struct profile *profile = session_profile(live->session);
    GError *unwritten = NULL;
    if (!live->measure.quiet)
        print_report(profile, &unwritten);
    if (live->measure.output)
        g_free(measure_save(&live->measure, profile, live->name, error));
    if (unwritten && (!error || !*error))
        g_propagate_error(error, g_steal_pointer(&unwritten));
    g_clear_error(&unwritten);
    return measure_exit_status(profile, signal_number);
}

/* ---- on the screen ---- */

static void type_to_target(void *arg, const char *bytes, size_t n)
{
    struct live *live = arg;
    keeper_type(live->keeper, bytes, n);
}

static void resize_target(void *arg, int rows, int columns)
{
    struct live *live = arg;
    keeper_resize(live->keeper, rows, columns);
}

static char *save(void *arg, GError **error)
{
    struct live *live = arg;
    char *path = snapshot_default_name(NULL, live->name);
    session_lock(live->session);
    bool saved = snapshot_save(session_profile(live->session), path, false, error);
    session_unlock(live->session);
    if (saved)
        return path;
    g_free(path);
    return NULL;
}

static bool start_keeper(struct live *live, GError **error)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    live->directory = private_directory_make(error);
    if (!live->directory)
        return false;
    live->output_path = g_build_filename(live->directory, "output", NULL);
    live->keeper = keeper_start(live->output_path, size.ws_row, size.ws_col, error);
    return live->keeper != NULL;
}

static void remove_output(struct live *live)
{
    if (!live->output_path)
        return;
    unlink(live->output_path);
    rmdir(live->directory);
}

/* Removes the output file when there is nothing in it, else says where it is. */
static void finish_output(struct live *live, bool target_ended)
{
    enum { KEEPER_TIMEOUT_MS = 1000 };
    int64_t written = 0, discarded = 0;
    if (!live->keeper)
        return;
    if (target_ended)
        keeper_wait(live->keeper, KEEPER_TIMEOUT_MS);
    keeper_get_counts(live->keeper, &written, &discarded);
    if (target_ended && written == 0) {
        remove_output(live);
    } else if (!live->measure.quiet) {
        fprintf(stderr, "proftop: the program's output is in %s\n", live->output_path);
    }
    if (discarded)
        fprintf(stderr, "proftop: %" G_GINT64_FORMAT " bytes of its output did not fit there\n",
                discarded);
}

/* What -o asked for, or what must not be lost: the screen is gone and nobody could press W. */
static void save_at_end(struct live *live, enum app_end end, GError **error)
{
    if (!live->measure.output && end != APP_HANGUP)
        return;
    char *path = measure_save(&live->measure, session_profile(live->session), live->name, error);
    if (path && !live->measure.quiet)
        fprintf(stderr, "proftop: saved %s\n", path);
    g_free(path);
}

static int end_session(struct live *live, enum app_end end, GError **error)
{
    enum { STOP_TIMEOUT_MS = 5000 };
    if (end == APP_QUIT_STOP) {
        session_signal(live->session, SIGTERM);
        session_wait(live->session, STOP_TIMEOUT_MS);
    }
    bool save_needed = live->measure.output || end == APP_HANGUP;
    measure_finish(&live->measure, live->session, save_needed ? SYMBOLS_TIMEOUT_MS : 0);
    save_at_end(live, end, error);
    struct session_status status;
    session_get_status(live->session, &status);
    if (!status.target_ended && !live->measure.quiet && end != APP_HANGUP)
        fprintf(stderr, "proftop: the program %s\n",
                end == APP_QUIT_STOP ? "has not ended yet after SIGTERM" : "runs on");
    if (!live->measure.quiet && end != APP_HANGUP)
        measure_say_notes(&live->measure, session_profile(live->session));
    finish_output(live, status.target_ended);
    return measure_exit_status(session_profile(live->session), 0);
}

static bool show(struct live *live, enum app_end *ret_end, GError **error)
{
    char *title = g_strdup(session_profile(live->session)->info.command);
    bool ok = app_run(&(struct app_options){.session = live->session,
                                            .title = title,
                                            .attached = live->measure.attach,
                                            .output_path = live->output_path,
                                            .type_to_target = live->keeper ? type_to_target : NULL,
                                            .resize_target = live->keeper ? resize_target : NULL,
                                            .save = save,
                                            .arg = live,
                                            .ascii = live->look.ascii,
                                            .color = live->look.color},
                      ret_end, error);
    g_free(title);
    return ok;
}

/* A command gets a terminal of its own; a process that runs already has what it has. */
static int run_on_screen(struct live *live, const struct command_context *context, GError **error)
{
    bool attach = live->measure.attach != NULL;
    if (!terminal_check(STDOUT_FILENO, error) || (!attach && !start_keeper(live, error)))
        return 1;
    int terminal_fd = attach ? -1 : keeper_slave_fd(live->keeper);
    live->session = measure_start(&live->measure, context, live->argv, terminal_fd, error);
    if (!live->session) {
        remove_output(live);
        return 1;
    }
    if (!attach)
        keeper_hand_over(live->keeper, session_pidfd(live->session));
    enum app_end end = APP_HANGUP;
    bool ok = measure_signal() || show(live, &end, error);
    int status = end_session(live, ok ? end : APP_HANGUP, ok ? error : NULL);
    return ok ? status : 1;
}

static void live_clear(struct live *live)
{
    session_free(live->session);
    keeper_free(live->keeper);
    g_free(live->output_path);
    g_free(live->directory);
    g_free(live->name);
    look_clear(&live->look);
    measure_options_clear(&live->measure);
}

static const struct command_usage usage = {
    .words = "[--] COMMAND [ARG...]",
    .summary = "Runs COMMAND, or watches a running process (-p PID), and shows live where its time "
               "goes.",
    .launches = TRUE,
    .lists_commands = TRUE,
};

/* Options that ask something instead of running a program. */
static gboolean answer(const char *option, const char *value, void *data, GError **error)
{
    (void)value, (void)data, (void)error;
    if (strcmp(option, "--version") == 0)
        puts("proftop " PROFTOP_VERSION);
    else if (strcmp(option, "--help-keys") == 0)
        keys_print_list(stdout);
    else
        keys_print_mdoc(stdout);
    exit(fflush(stdout) == 0 ? 0 : 1);
}

static int run(const struct command_context *context, int argc, char **argv, GError **error)
{
    enum { OWN = MEASURE_ENTRIES + LOOK_ENTRIES, QUESTION = G_OPTION_FLAG_NO_ARG };
    struct live live = {0};
    measure_options_init(&live.measure);
    look_init(&live.look);
    GOptionEntry entries[OWN + 5] = {
        [OWN] = {"no-tui", 0, 0, G_OPTION_ARG_NONE, &live.no_tui,
                 "No screen: print a report on stderr at the end", NULL},
        [OWN + 1] = {"help-keys", 0, QUESTION, G_OPTION_ARG_CALLBACK, answer,
                     "List the keys of the screen", NULL},
        /* For the manual page, whose list must not drift from the keys. */
        [OWN + 2] = {"help-keys-mdoc", 0, QUESTION | G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_CALLBACK,
                     answer, NULL, NULL},
        [OWN + 3] = {"version", 0, QUESTION, G_OPTION_ARG_CALLBACK, answer,
                     "Say which version this is", NULL}};
    measure_fill_entries(&live.measure, entries);
    look_fill_entries(&live.look, entries + MEASURE_ENTRIES);
    int status = 2;
    if (command_parse(&usage, entries, &argc, &argv, error) && look_finish(&live.look, error)) {
        live.argv = argv + 1;
        live.name = measure_name(&live.measure, live.argv);
        bool screen = !live.no_tui && isatty(STDOUT_FILENO);
        status =
            screen ? run_on_screen(&live, context, error) : run_headless(&live, context, error);
    }
    live_clear(&live);
    return status;
}

const struct command cmd_live = {
    .name = "live", .summary = "run a program and watch it", .run = run};
