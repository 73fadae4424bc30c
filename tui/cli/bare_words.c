/*
 * Options that may stand without their value. See bare_words.h. Another one is a line in the
 * table, and one more in BARE_WORDS.
 */
#include "tui/cli/bare_words.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

static const struct {
    const char *plain, *complete;
} options[] = {
    {"--memory", "--memory=exact"},
    {"--calls", "--calls=all"},
};

_Static_assert(G_N_ELEMENTS(options) == BARE_WORDS, "bare_words.h says how many there are");

void bare_words_complete(struct bare_words *words, char **argv)
{
    for (int i = 0; i < BARE_WORDS; i++) {
        words->plain[i] = NULL;
        words->complete[i] = g_strdup(options[i].complete);
    }
    for (; *argv; argv++)
        for (int i = 0; i < BARE_WORDS; i++)
            if (strcmp(*argv, options[i].plain) == 0) {
                words->plain[i] = *argv;
                *argv = words->complete[i];
            }
}

void bare_words_restore(struct bare_words *words, char **argv)
{
    for (; *argv; argv++)
        for (int i = 0; i < BARE_WORDS; i++)
            if (*argv == words->complete[i])
                *argv = words->plain[i];
    for (int i = 0; i < BARE_WORDS; i++)
        g_free(words->complete[i]);
}

/* Patterns are no paths, unless they are expressions or name files. */
static bool may_be_calls(const char *word)
{
    return !strchr(word, '/') || (word[0] == '/' && strchr(word + 1, '/')) ||
           g_str_has_prefix(word, "file:");
}

static bool may_be_memory(const char *word)
{
    static const char *const ways[] = {"auto", "exact", "sampled", "off", NULL};
    return g_strv_contains(ways, word);
}

char *bare_words_guess(char *const *argv, const char *message)
{
    for (; argv[0] && argv[1]; argv++) {
        bool may_be = (strcmp(argv[0], "--calls") == 0 && may_be_calls(argv[1])) ||
                      (strcmp(argv[0], "--memory") == 0 && may_be_memory(argv[1]));
        char *start = may_be ? g_strconcat(argv[1], ": ", NULL) : NULL;
        bool is_command = start && g_str_has_prefix(message, start);
        g_free(start);
        if (is_command)
            return g_strdup_printf("%s=%s", argv[0], argv[1]);
    }
    return NULL;
}
