/*
 * Launching, attaching and saving, for live and record.
 */
#include "tui/cli/measure.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "collectors/calls/calls_source.h"
#include "collectors/heap/heap_source.h"
#include "core/base/error.h"
#include "core/formats/snapshot.h"
#include "core/target/launch.h"
#include "core/target/proc_tasks.h"
#include "tui/cli/engines.h"
#include "tui/cli/report_calls.h"
#include "tui/cli/report_heap.h"

enum { RATE_DEFAULT_HZ = 999, RATE_MOST_HZ = 20000, LOOK_MS = 250 };

static volatile sig_atomic_t asked_to_end;

static void on_signal(int signal_number)
{
    asked_to_end = signal_number;
}

void measure_options_init(struct measure_options *options)
{
    *options = (struct measure_options){.rate_hz = RATE_DEFAULT_HZ};
    memory_options_init(&options->memory);
    calls_option_init(&options->calls);
}

void measure_options_clear(struct measure_options *options)
{
    g_free(options->output);
    g_free(options->attach);
    g_free(options->engine);
    memory_options_clear(&options->memory);
    calls_option_clear(&options->calls);
}

void measure_fill_entries(struct measure_options *o, GOptionEntry *entries)
{
    GOptionEntry all[MEASURE_ENTRIES - MEMORY_ENTRIES - CALLS_ENTRIES] = {
        {"rate", 'F', 0, G_OPTION_ARG_INT, &o->rate_hz,
         "Samples per second of CPU time (default 999)", "HZ"},
        {"attach", 'p', 0, G_OPTION_ARG_STRING, &o->attach,
         "Watch a running process instead of a command", "PID"},
        {"engine", 0, 0, G_OPTION_ARG_STRING, &o->engine,
         "Where CPU samples come from: auto (default), perf, timer", "NAME"},
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &o->output, "Write the snapshot to FILE", "FILE"},
        {"children", 0, G_OPTION_FLAG_REVERSE, G_OPTION_ARG_NONE, &o->no_children,
         "Follow child processes (default)", NULL},
        {"no-children", 0, 0, G_OPTION_ARG_NONE, &o->no_children, "Measure the first process only",
         NULL},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &o->quiet, "Say nothing but errors", NULL},
    };
    memcpy(entries, all, sizeof all);
    memory_fill_entries(&o->memory, entries + G_N_ELEMENTS(all));
    calls_option_fill_entries(&o->calls, entries + G_N_ELEMENTS(all) + MEMORY_ENTRIES);
}

/* Where the collector lies: beside the program in the build tree, else where `make install` puts
 * it. */
static char *find_collector(void)
{
    static const char *const places[] = {"libproftop.so", "../lib/proftop/libproftop.so"};
    char *self = g_file_read_link("/proc/self/exe", NULL);
    char *folder = self ? g_path_get_dirname(self) : NULL;
    char *found = NULL;
    for (size_t i = 0; folder && !found && i < G_N_ELEMENTS(places); i++) {
        found = g_canonicalize_filename(places[i], folder);
        if (access(found, R_OK) != 0)
            g_clear_pointer(&found, g_free);
    }
    g_free(self);
    g_free(folder);
    return found;
}

static bool parse_pid(const char *text, pid_t *ret_pid, GError **error)
{
    guint64 pid;
    if (g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT32, &pid, NULL)) {
        *ret_pid = (pid_t)pid;
        return true;
    }
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_USAGE,
                "'%s' is no process id: give the number of a running process with -p (see 'ps -e')",
                text);
    return false;
}

static bool check_target(const struct measure_options *o, char **argv, GError **error)
{
    if (!argv[0] && !o->attach) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_USAGE,
                    "no command to run (see '%s --help')", g_get_prgname());
        return false;
    }
    if (argv[0] && o->attach) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_USAGE,
                    "-p watches a process that runs already: leave out -p or the command");
        return false;
    }
    return true;
}

static bool check_options(const struct measure_options *o, char **argv, GError **error)
{
    if (!check_target(o, argv, error) || !engines_find(o->engine, error))
        return false;
    if (o->rate_hz < 1 || o->rate_hz > RATE_MOST_HZ) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_USAGE,
                    "a rate of %d Hz cannot be sampled: choose 1 to %d with -F", o->rate_hz,
                    RATE_MOST_HZ);
        return false;
    }
    if (o->output && !*o->output) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_USAGE,
                    "an empty name for the snapshot: give one with -o");
        return false;
    }
    /* a measurement that cannot be saved is not begun */
    return !o->output || snapshot_check_place(o->output, true, error);
}

static void catch_signal(int number, void (*handler)(int))
{
    struct sigaction before, action = {.sa_handler = handler};
    if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

/* All that would end proftop by default asks it to end instead, from before there is anything to
 * leave behind; what it was started to ignore stays ignored. */
static void catch_signals(bool attached)
{
    static const int deadly[] = {SIGHUP,    SIGTERM, SIGUSR1, SIGUSR2, SIGALRM,
                                 SIGVTALRM, SIGPROF, SIGPOLL, SIGPWR,  SIGSTKFLT};
    /* The terminal sends these two to the target as well, if proftop started it: it decides what
     * they mean. */
    catch_signal(SIGINT, attached ? on_signal : SIG_IGN);
    catch_signal(SIGQUIT, attached ? on_signal : SIG_IGN);
    for (size_t i = 0; i < G_N_ELEMENTS(deadly); i++)
        catch_signal(deadly[i], on_signal);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        catch_signal(number, on_signal);
}

/* Each thread that is attached to takes some for each CPU. A command starts with the limit as it
 * was: launching puts it back. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

struct session *measure_start(struct measure_options *o, const struct command_context *context,
                              char **argv, int terminal_fd, GError **error)
{
    pid_t pid = 0;
    enum heap_policy policy;
    if (!check_options(o, argv, error) || (o->attach && !parse_pid(o->attach, &pid, error)) ||
        !memory_options_finish(&o->memory, o->attach != NULL, &policy, error) ||
        !calls_option_finish(&o->calls, o->attach != NULL, error))
        return NULL;
    if (o->whole_heap && policy == HEAP_POLICY_AUTO)
        policy = HEAP_POLICY_EXACT;
    catch_signals(o->attach != NULL);
    raise_descriptor_limit();
    char *collector = find_collector();
    struct session *session =
        session_start(&(struct session_options){.argv = o->attach ? NULL : argv,
                                                .attach_pid = pid,
                                                .state = context->state,
                                                .rate_hz = (uint32_t)o->rate_hz,
                                                .children = !o->no_children,
                                                .collector = collector,
                                                .terminal_fd = terminal_fd,
                                                .sources = engines_find(o->engine, NULL),
                                                .calls = &calls_source_ops,
                                                .heap = &heap_source_ops,
                                                .heap_policy = policy,
                                                .heap_budget_percent = o->memory.budget_percent,
                                                .calls_policy = o->calls.policy,
                                                .calls_filter = o->calls.filter},
                      error);
    g_free(collector);
    return session;
}

void measure_finish(const struct measure_options *o, struct session *session,
                    int symbols_timeout_ms)
{
    session_finish(session, symbols_timeout_ms);
    session_lock(session);
    calls_option_explain(&o->calls, session_profile(session));
    session_unlock(session);
}

char *measure_name(const struct measure_options *o, char **argv)
{
    pid_t pid;
    if (!o->attach || !parse_pid(o->attach, &pid, NULL))
        return g_strdup(argv[0]);
    return proc_task_name(pid, pid);
}

int measure_wait(struct session *session, int64_t duration_ns)
{
    int64_t until_us = g_get_monotonic_time() + duration_ns / 1000;
    while (!asked_to_end) {
        int64_t left_ms = duration_ns ? (until_us - g_get_monotonic_time() + 999) / 1000 : LOOK_MS;
        if (session_wait(session, (int)CLAMP(left_ms, 0, LOOK_MS)))
            return 0;
        if (left_ms <= 0)
            return 0;
    }
    return asked_to_end;
}

int measure_signal(void)
{
    return asked_to_end;
}

/* The snapshot could not go where it should: keep it in the temporary directory, and say so in the
 * error. */
static void rescue(const struct profile *profile, const char *name, GError **error)
{
    char *path = snapshot_default_name(g_get_tmp_dir(), name);
    if (snapshot_save(profile, path, false, NULL))
        g_prefix_error(error, "the snapshot was saved as %s instead: ", path);
    g_free(path);
}

char *measure_save(const struct measure_options *o, const struct profile *profile, const char *name,
                   GError **error)
{
    char *path = o->output ? g_strdup(o->output) : snapshot_default_name(NULL, name);
    if (snapshot_save(profile, path, o->output != NULL, error))
        return path;
    rescue(profile, name, error);
    g_free(path);
    return NULL;
}

/* With --memory=auto nobody asked: then the report says it. */
static void say_heap_trouble(const struct measure_options *o, const struct profile *profile)
{
    const char *how = o->memory.how ? o->memory.how : "auto";
    bool asked = o->whole_heap || g_str_equal(how, "exact") || g_str_equal(how, "sampled");
    if (!asked)
        return;
    bool measured = heap_is_measured(profile->heap);
    char *trouble = measured ? report_heap_trouble(profile) : report_heap_why(profile);
    if (trouble)
        fprintf(stderr, "proftop: the heap was not %s: %s\n", measured ? "wholly seen" : "measured",
                trouble);
    g_free(trouble);
}

/* What was counted, and what of it not, the report tells. */
static void say_calls_trouble(const struct measure_options *o, const struct profile *profile)
{
    bool is_noted = o->calls.filter && calls_filter_excludes_all(o->calls.filter);
    if (!calls_option_asks(&o->calls) || calls_are_measured(profile->calls) || is_noted)
        return;
    char *why = report_calls_why(profile);
    fprintf(stderr, "proftop: no calls were counted: %s\n", why);
    g_free(why);
}

void measure_say_notes(const struct measure_options *o, const struct profile *profile)
{
    const GPtrArray *notes = profile->notes;
    /* those before them are the engine's nature */
    for (guint i = profile->n_standing; i < notes->len; i++)
        fprintf(stderr, "proftop: %s\n", (const char *)g_ptr_array_index(notes, i));
    say_heap_trouble(o, profile);
    say_calls_trouble(o, profile);
}

int measure_exit_status(const struct profile *profile, int signal_number)
{
    int status = profile->info.wait_status;
    if (signal_number && signal_number != SIGINT)
        return 128 + signal_number;
    return status == -1 ? 0 : launch_exit_code(status);
}
