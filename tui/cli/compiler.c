/*
 * Running a compiler with one more flag. See compiler.h.
 *
 * Whether the compiler knows the flag is asked of the compiler itself, by having it check an empty
 * file, which takes some 10 ms: its own words about the flag would not tell where that came from.
 */
#include "tui/cli/compiler.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/target/command.h"

/* A call of the collector needs 5 bytes in front of the entry, and a jump to it 2 behind it. */
static const char flag_of_entries[] = "-fpatchable-function-entry=7,5";
static const char flag_of_hooks[] = "-finstrument-functions";

const char *compiler_flag(bool with_hooks)
{
    return with_hooks ? flag_of_hooks : flag_of_entries;
}

/* ---- which word is the compiler ---- */

static bool is_launcher(const char *name)
{
    static const char *const launchers[] = {"ccache", "sccache", "distcc"};
    for (size_t i = 0; i < G_N_ELEMENTS(launchers); i++)
        if (strcmp(name, launchers[i]) == 0)
            return true;
    return false;
}

/* Without the version at its end, "-12" or "-14.0.6". */
static size_t name_length(const char *name)
{
    size_t length = strlen(name), digits = length;
    while (digits > 0 && (g_ascii_isdigit(name[digits - 1]) || name[digits - 1] == '.'))
        digits--;
    return digits > 0 && digits < length && name[digits - 1] == '-' ? digits - 1 : length;
}

/* gcc, x86_64-linux-gnu-gcc, gcc-12: a name that is known, behind the name of a machine and before
 * a version. */
static bool is_compiler(const char *name)
{
    static const char *const known[] = {"gcc", "g++", "cc", "c++", "clang", "clang++"};
    size_t length = name_length(name);
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        size_t n = strlen(known[i]);
        if (length >= n && strncmp(name + length - n, known[i], n) == 0 &&
            (length == n || name[length - n - 1] == '-'))
            return true;
    }
    return false;
}

static const char *base_name(const char *word)
{
    const char *slash = strrchr(word, '/');
    return slash ? slash + 1 : word;
}

int compiler_find(char **argv)
{
    int at = argv[0] && argv[1] && is_launcher(base_name(argv[0])) ? 1 : 0;
    return argv[at] && is_compiler(base_name(argv[at])) ? at : -1;
}

/* ---- what it is told ---- */

enum { FLAGS_MAX = 3 };

/* Clang warns of a flag that is of no use, as for assembler files, and -Werror makes that fail. */
static const char *const quiet[] = {"--start-no-unused-arguments", "--end-no-unused-arguments"};

/* argv with the flags behind word `at`; words borrowed, free with g_ptr_array_unref. */
static GPtrArray *with_flags(const char *const *argv, int at, const char *const *flags)
{
    GPtrArray *words = g_ptr_array_new();
    for (int i = 0; argv[i]; i++) {
        g_ptr_array_add(words, (char *)argv[i]);
        for (const char *const *flag = flags; i == at && *flag; flag++)
            g_ptr_array_add(words, (char *)*flag);
    }
    g_ptr_array_add(words, NULL);
    return words;
}

/* Back to what proftop was started with: the compiler is to see nothing of it. */
static void be_as_started(gpointer state)
{
    inherited_state_restore(state);
    inherited_state_restore_mask(state);
}

static bool knows(const char *compiler, const char *const *flags,
                  const struct inherited_state *state)
{
    const char *const check[] = {compiler, "-x", "c", "-fsyntax-only", "/dev/null", NULL};
    GPtrArray *words = with_flags(check, 0, flags);
    int status = 0;
    bool ran =
        g_spawn_sync(NULL, (char **)words->pdata, NULL,
                     G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                     be_as_started, (gpointer)state, NULL, NULL, &status, NULL);
    g_ptr_array_unref(words);
    return ran && g_spawn_check_wait_status(status, NULL);
}

/* The flags that the compiler knows, with their end; false: it does not know ours. */
static bool choose_flags(const char *compiler, bool with_hooks, const struct inherited_state *state,
                         const char *ret_flags[FLAGS_MAX + 1])
{
    const char *const loud[FLAGS_MAX + 1] = {compiler_flag(with_hooks)};
    const char *const silent[FLAGS_MAX + 1] = {quiet[0], loud[0], quiet[1]};
    bool is_clang = strstr(base_name(compiler), "clang") != NULL;
    const char *const *flags = is_clang && knows(compiler, silent, state) ? silent : loud;
    if (flags == loud && !knows(compiler, loud, state))
        return false;
    memcpy(ret_flags, flags, sizeof loud);
    return true;
}

/* Both are to be found before anything runs, so that a wrong name is one clear line. */
static bool find_words(char **argv, int at, GError **error)
{
    for (int i = 0; i <= at; i++) {
        struct command command = {0};
        if (!command_find(argv[i], &command, error))
            return false;
        command_clear(&command);
    }
    return true;
}

bool compiler_become(char **argv, bool with_hooks, const struct inherited_state *state,
                     GError **error)
{
    const char *flags[FLAGS_MAX + 1];
    int at = compiler_find(argv);
    if (at < 0)
        return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                 "'%s' is none of the compilers that are known (gcc, g++, clang, "
                                 "clang++, cc, c++): give yours %s by its own options",
                                 argv[0], compiler_flag(with_hooks));
    if (!find_words(argv, at, error))
        return false;
    if (!choose_flags(argv[at], with_hooks, state, flags))
        return proftop_error_set(
            error, PROFTOP_ERROR_FAILED, "%s does not know %s: take gcc 8, clang 10 or later%s",
            argv[at], compiler_flag(with_hooks), with_hooks ? "" : ", or 'proftop cc --hooks'");
    GPtrArray *words = with_flags((const char *const *)argv, at, flags);
    be_as_started((gpointer)state);
    execvp(argv[0], (char **)words->pdata);
    proftop_error_set(error,
                      errno == ENOENT ? PROFTOP_ERROR_NOT_FOUND : PROFTOP_ERROR_NOT_EXECUTABLE,
                      "cannot execute %s: %s", argv[0], g_strerror(errno));
    g_ptr_array_unref(words);
    return false;
}
