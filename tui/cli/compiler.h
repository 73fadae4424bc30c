/*
 * Running a compiler such that what it compiles can be counted.
 *
 * Context: main thread.
 */
#ifndef PROFTOP_TUI_CLI_COMPILER_H
#define PROFTOP_TUI_CLI_COMPILER_H

#include <glib.h>
#include <stdbool.h>

#include "core/target/inherited_state.h"

/* What a compiler is told so that functions can be counted: `with_hooks`, by calls of the collector
 * from each function; else by room for such a call. Context: any thread. */
const char *compiler_flag(bool with_hooks);

/*
 * Where the compiler's own name is in a command line: the first word, or behind a launcher such as
 * ccache. Returns the number of the word, or -1: none of the compilers that proftop knows. Context:
 * any thread.
 */
int compiler_find(char **argv);

/*
 * Becomes the compiler: executes argv (NULL-terminated, at least one word) with the flag put in
 * front of the compiler's own arguments, so that they can overrule it.
 *
 * @state  what proftop was started with, which the compiler gets
 * Returns only when that fails, false. PROFTOP_ERROR_USAGE: it is no compiler that is known;
 * _NOT_FOUND, _NOT_EXECUTABLE; _FAILED: it does not know the flag.
 */
bool compiler_become(char **argv, bool with_hooks, const struct inherited_state *state,
                     GError **error);

#endif
