/*
 * proftop cc: a compiler, told to make functions countable.
 */
#include <stdio.h>

#include "core/base/error.h"
#include "tui/cli/command.h"
#include "tui/cli/compiler.h"

struct options {
    gboolean hooks, flags;
};

static bool check_words(const struct options *o, char **words, GError **error)
{
    if (o->flags && words[0])
        return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                 "--flags only prints: leave out one of them");
    if (!o->flags && !words[0])
        return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                 "no compiler to run: proftop cc gcc ... (see '%s --help')",
                                 g_get_prgname());
    return true;
}

static int compile(const struct options *o, const struct command_context *context, char **words,
                   GError **error)
{
    if (!check_words(o, words, error))
        return 2;
    if (!o->flags) {
        compiler_become(words, o->hooks, context->state, error);
        return 1;
    }
    puts(compiler_flag(o->hooks));
    if (fflush(stdout) == 0)
        return 0;
    proftop_error_set_errno(error, "cannot write the flags");
    return 1;
}

static const struct command_usage usage = {
    .words = "[--] COMPILER [ARG...]",
    .summary = "Runs COMPILER with a flag more, so that the calls of what it compiles can be "
               "counted.",
    .launches = TRUE,
};

static int run(const struct command_context *context, int argc, char **argv, GError **error)
{
    struct options o = {0};
    const GOptionEntry entries[] = {
        {"hooks", 0, 0, G_OPTION_ARG_NONE, &o.hooks,
         "Call the collector always (-finstrument-functions), not only when it is asked for", NULL},
        {"flags", 0, 0, G_OPTION_ARG_NONE, &o.flags, "Print the flag instead of running a compiler",
         NULL},
        {0}};
    if (!command_parse(&usage, entries, &argc, &argv, error))
        return 2;
    return compile(&o, context, argv + 1, error);
}

const struct command cmd_cc = {
    .name = "cc", .summary = "compile a program so that its calls can be counted", .run = run};
