/*
 * Switches the counting of functions on and off while they run: `toggle_calls COLLECTOR TIMES
 * COMMAND...`.
 *
 * The command is truth_calls in its mode "load". Functions are chosen by name as they appear in the
 * profile; each change is waited for. In the end all are off, and the code that is mapped must be
 * that of the files. Prints a line "ok" or what is wrong.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/calls/calls_source.h"
#include "core/model/call_rows.h"
#include "core/session/session.h"
#include "core/target/inherited_state.h"
#include "tui/cli/engines.h"

static const char *const names[] = {"work_item", "first_scope", "second_scope", "leaf_of_scope"};
enum { NAMES = G_N_ELEMENTS(names), WAIT_MS = 20000 };

struct toggles {
    struct session *session;
    uint32_t functions[NAMES];
    bool on[NAMES];
};

static struct session *running; /* NULL: not yet */

static void fail(const char *what, const char *detail)
{
    if (running)
        session_signal(running, SIGKILL);
    printf("%s: %s\n", what, detail ? detail : "");
    exit(1);
}

/* The function of that name in the profile, or PROFILE_NONE. */
static uint32_t find(struct session *session, const char *name)
{
    uint32_t found = PROFILE_NONE;
    session_lock(session);
    const struct profile *profile = session_profile(session);
    for (uint32_t i = 0; i < profile->functions->len; i++)
        if (strcmp(profile_get_function(profile, i)->name, name) == 0)
            found = i;
    session_unlock(session);
    return found;
}

static void find_all(struct toggles *t)
{
    for (size_t i = 0; i < NAMES; i++)
        for (int waited = 0; (t->functions[i] = find(t->session, names[i])) == PROFILE_NONE;) {
            if ((waited += 10) > WAIT_MS || session_wait(t->session, 10))
                fail("a function is not sampled", names[i]);
        }
}

/* Until as many functions are patched as are on. */
static void await(struct toggles *t)
{
    struct session_status status = {0};
    uint32_t wanted = 0;
    for (size_t i = 0; i < NAMES; i++)
        wanted += t->on[i];
    for (int waited = 0; waited < WAIT_MS; waited++) {
        session_get_status(t->session, &status);
        if (status.calls_patched == wanted)
            return;
        if (status.calls_refused)
            fail("refused", status.calls_refusal);
        if (session_wait(t->session, 1))
            fail("the program has ended", NULL);
    }
    char *text = g_strdup_printf("%u, wanted %u", status.calls_patched, wanted);
    fail("functions are not switched", text);
}

static void set(struct toggles *t, size_t i, bool on)
{
    t->on[i] = on;
    session_set_function_calls(t->session, t->functions[i], on);
}

static int64_t calls_of(struct toggles *t, uint32_t function)
{
    int64_t calls = 0;
    session_lock(t->session);
    const struct profile *profile = session_profile(t->session);
    const GArray *records = profile->calls->records;
    for (guint i = 0; i < records->len; i++) {
        const struct call_record *r = &g_array_index(records, struct call_record, i);
        calls += call_record_function(profile, r) == function ? r->stats.calls : 0;
    }
    session_unlock(t->session);
    return calls;
}

/* Whether bytes are the same, but for calls before the entries of patchable functions, which stay:
 * nobody executes them, and who had begun to must find them whole. */
static bool are_same(const char *there, const char *wanted, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (there[i] == wanted[i])
            continue;
        if (i + 5 > n || (uint8_t)there[i] != 0xe8 ||
            memcmp(wanted + i, "\x90\x90\x90\x90\x90", 5) != 0)
            return false;
        i += 4;
    }
    return true;
}

/* Whether one mapping's code is its file's. */
static bool is_as_in_file(int memory, const char *line)
{
    unsigned long begin, end, offset;
    char flags[8], path[512] = "";
    if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %511s", &begin, &end, flags, &offset, path) < 5 ||
        flags[2] != 'x' || path[0] != '/' || access(path, R_OK) != 0)
        return true;
    size_t size = end - begin;
    char *there = g_malloc(size), *wanted = g_malloc0(size);
    int file = open(path, O_RDONLY);
    ssize_t got = file < 0 ? -1 : pread(file, wanted, size, (off_t)offset);
    bool same = got >= 0 && pread(memory, there, size, (off_t)begin) == (ssize_t)size &&
                are_same(there, wanted, (size_t)got);
    if (file >= 0)
        close(file);
    g_free(there);
    g_free(wanted);
    if (!same)
        fail("code is not as in its file", path);
    return same;
}

static void compare_code(int pid)
{
    char *path = g_strdup_printf("/proc/%d/mem", pid), *maps = NULL;
    char *maps_path = g_strdup_printf("/proc/%d/maps", pid);
    int memory = open(path, O_RDONLY);
    if (memory < 0 || !g_file_get_contents(maps_path, &maps, NULL, NULL))
        fail("cannot be read", path);
    char **lines = g_strsplit(maps, "\n", 0);
    for (char **line = lines; *line; line++)
        is_as_in_file(memory, *line);
    g_strfreev(lines);
    close(memory);
    g_free(maps);
    g_free(path);
    g_free(maps_path);
}

static struct session *start(char **argv, const struct inherited_state *state)
{
    GError *error = NULL;
    struct session *session =
        session_start(&(struct session_options){.argv = argv + 3,
                                                .state = state,
                                                .rate_hz = 999,
                                                .children = true,
                                                .collector = argv[1],
                                                .terminal_fd = -1,
                                                .sources = engines_find(NULL, NULL),
                                                .calls = &calls_source_ops,
                                                .calls_policy = CALLS_POLICY_AUTO},
                      &error);
    if (!session)
        fail("does not start", error->message);
    return session;
}

static void toggle(struct toggles *t, int times)
{
    unsigned seed = 1;
    for (int i = 0; i < times; i++) {
        seed = seed * 1103515245u + 12345u;
        size_t chosen = (seed >> 16) % NAMES;
        set(t, chosen, !t->on[chosen]);
        if (seed >> 24 & 3) /* some follow at once */
            await(t);
    }
    for (size_t i = 0; i < NAMES; i++)
        set(t, i, true);
    await(t);
    session_wait(t->session, 300);
    for (size_t i = 0; i < NAMES; i++)
        if (calls_of(t, t->functions[i]) == 0)
            fail("no call was counted", names[i]);
    for (size_t i = 0; i < NAMES; i++)
        set(t, i, false);
    await(t);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    struct inherited_state *state = inherited_state_capture();
    struct toggles t = {.session = start(argv, state)};
    struct session_status status;
    running = t.session;
    find_all(&t);
    toggle(&t, atoi(argv[2]));
    session_get_status(t.session, &status);
    compare_code(status.pid);
    session_signal(t.session, SIGTERM);
    session_wait(t.session, WAIT_MS);
    session_get_status(t.session, &status);
    bool ended = status.target_ended && WIFEXITED(status.wait_status) &&
                 WEXITSTATUS(status.wait_status) == 7;
    session_free(t.session);
    inherited_state_free(state);
    puts(ended ? "ok" : "the program did not end as it should");
    return !ended;
}
