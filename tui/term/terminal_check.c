/*
 * Looks TERM up in the terminal database.
 */
#include "tui/term/terminal_check.h"

#include <curses.h>
#include <term.h>

#include "core/base/error.h"

static bool can(const char *capability)
{
    const char *text = tigetstr(capability);
    return text && text != (const char *)-1;
}

bool terminal_check(int fd, GError **error)
{
    int status;
    const char *term = g_getenv("TERM");
    if (term && *term && setupterm(term, fd, &status) == OK && can("cup") && can("clear"))
        return true;
    char *clean = g_str_to_ascii(term ? term : "", "C");
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED,
                "TERM='%s' is no terminal that can show full screens: set TERM, for instance to "
                "xterm-256color, or use --no-tui",
                clean);
    g_free(clean);
    return false;
}
