/*
 * Options that may stand without their value. See bare_words.h. Another one is a line in the
 * table, and one more in BARE_WORDS.
 */
#include "tui/cli/bare_words.h"

#include <glib.h>
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
