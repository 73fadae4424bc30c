/*
 * Options that may stand without their value: --memory, --calls.
 *
 * GLib gives the next word to an option that may have one, and `--memory ./app` would lose its
 * program. So before the words of a command line are parsed, each such option in argv becomes one
 * with a value, the program's own among them; and afterwards those that are left are put back.
 *
 * Context: main thread.
 */
#ifndef PROFTOP_TUI_CLI_BARE_WORDS_H
#define PROFTOP_TUI_CLI_BARE_WORDS_H

enum { BARE_WORDS = 2 };

struct bare_words {
    char *plain[BARE_WORDS], *complete[BARE_WORDS];
};

/* Gives values to the options in argv (NULL-terminated) that have none. */
void bare_words_complete(struct bare_words *words, char **argv);

/* Ends what bare_words_complete began; argv is what is left of it, NULL-terminated. */
void bare_words_restore(struct bare_words *words, char **argv);

/*
 * What a command line may have meant whose command there is not: "--calls=fib" where "fib" stands
 * behind a --calls, and may be its value. argv as it was typed, NULL-terminated. `message` is of
 * the error, which begins with the command. NULL: nothing. Free with g_free.
 */
char *bare_words_guess(char *const *argv, const char *message);

#endif
