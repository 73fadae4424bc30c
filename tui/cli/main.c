/*
 * proftop's main: which command, and what its failure means to the shell.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "tui/cli/bare_words.h"
#include "tui/cli/command.h"

static const struct command *const commands[] = {&cmd_record, &cmd_report, &cmd_view, &cmd_export,
                                                 &cmd_cc};

/* What `proftop --help` says below the options. Free with g_free. */
static char *describe_commands(void)
{
    GString *text = g_string_new("Subcommands (proftop SUBCOMMAND --help tells more):\n");
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        g_string_append_printf(text, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    g_string_append(text,
                    "\nA program that is called like a subcommand is run with 'proftop -- NAME'.\n"
                    "The keys of the screen: press ? there, or 'proftop --help-keys'.");
    return g_string_free(text, FALSE);
}

static const struct command *find_command(const char *word)
{
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        if (strcmp(commands[i]->name, word) == 0)
            return commands[i];
    return NULL;
}

static int exit_status(const GError *error)
{
    if (!g_error_matches(error, PROFTOP_ERROR, error->code))
        return 1;
    switch (error->code) {
    case PROFTOP_ERROR_USAGE:
        return 2;
    case PROFTOP_ERROR_NOT_FOUND:
        return 127;
    case PROFTOP_ERROR_NOT_EXECUTABLE:
        return 126;
    default:
        return 1;
    }
}

gboolean command_parse(const struct command_usage *usage, const GOptionEntry *entries, int *argc,
                       char ***argv, GError **error)
{
    GOptionContext *context = g_option_context_new(usage->words);
    GError *failed = NULL;
    struct bare_words words;
    g_option_context_set_summary(context, usage->summary);
    g_option_context_set_strict_posix(context, usage->launches);
    g_option_context_add_main_entries(context, entries, NULL);
    char *commands_text = usage->lists_commands ? describe_commands() : NULL;
    g_option_context_set_description(context, commands_text);
    g_free(commands_text);
    bare_words_complete(&words, *argv);
    gboolean ok = g_option_context_parse(context, argc, argv, &failed);
    bare_words_restore(&words, *argv);
    if (!ok)
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_USAGE, "%s (see '%s --help')",
                    failed->message, g_get_prgname());
    else if (*argc > 1 && strcmp((*argv)[1], "--") == 0) {
        memmove(*argv + 1, *argv + 2, (size_t)(*argc - 1) * sizeof **argv);
        (*argc)--;
    }
    g_clear_error(&failed);
    g_option_context_free(context);
    return ok;
}

/* A standard descriptor that is closed would be taken by the next file that is opened, and our
 * words would land in it. What takes its place here fails like a closed one, and the command, which
 * does not inherit it, finds it closed. */
static void occupy_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            open("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
}

/* GLib's way of ending where memory ends, said as all else that is wrong. */
static GLogWriterOutput end_of_memory(GLogLevelFlags level, const GLogField *fields, gsize n,
                                      gpointer data)
{
    static const char words[] =
        "proftop: out of memory: end other programs, or raise the limit (ulimit -v)\n";
    if (!(level & G_LOG_LEVEL_ERROR))
        return g_log_writer_default(level, fields, n, data);
    ssize_t written = write(STDERR_FILENO, words, sizeof words - 1);
    (void)written; /* there is nobody else to tell */
    _exit(1);
}

/* Names in it may come from anywhere: one line, whatever they hold. */
static void print_error(const GError *error)
{
    char *message = text_clean(error->message);
    fprintf(stderr, "proftop: %s\n", message);
    g_free(message);
}

/* The command is not there: an option's value may have been taken for it. */
static void add_guess(GError *error, char *const *typed)
{
    char *guess = g_error_matches(error, PROFTOP_ERROR, PROFTOP_ERROR_NOT_FOUND)
                      ? bare_words_guess(typed, error->message)
                      : NULL;
    if (!guess)
        return;
    char *message = g_strdup_printf("%s (did you mean %s?)", error->message, guess);
    g_free(error->message);
    error->message = message;
    g_free(guess);
}

int main(int argc, char **argv)
{
    char **typed = g_memdup2(argv, (size_t)(argc + 1) * sizeof *argv); /* argv is taken apart */
    struct inherited_state *state = inherited_state_capture();
    struct command_context context = {.state = state};
    GError *error = NULL;
    occupy_standard_descriptors();
    g_log_set_writer_func(end_of_memory, NULL, NULL);
    setlocale(LC_ALL, "");
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* beyond the file size limit, write fails instead */
    const struct command *command = argc > 1 ? find_command(argv[1]) : NULL;
    char *name = command ? g_strdup_printf("proftop %s", command->name) : g_strdup("proftop");
    g_set_prgname(name);
    int status = command ? command->run(&context, argc - 1, argv + 1, &error)
                         : cmd_live.run(&context, argc, argv, &error);
    if (error) {
        add_guess(error, typed);
        print_error(error);
        status = exit_status(error);
        g_error_free(error);
    }
    g_free(name);
    g_free(typed);
    inherited_state_free(state);
    return status;
}
