/*
 * --ascii, --color, NO_COLOR.
 */
#include "tui/cli/look.h"

#include <string.h>

#include "core/base/error.h"

void look_init(struct look *look)
{
    *look = (struct look){.color = TRUE};
}

void look_clear(struct look *look)
{
    g_free(look->color_when);
}

void look_fill_entries(struct look *look, GOptionEntry *entries)
{
    GOptionEntry all[LOOK_ENTRIES] = {
        {"ascii", 0, 0, G_OPTION_ARG_NONE, &look->ascii, "Draw with ASCII characters only", NULL},
        {"color", 0, 0, G_OPTION_ARG_STRING, &look->color_when,
         "Use colours: auto, always or never", "WHEN"},
    };
    memcpy(entries, all, sizeof all);
}

gboolean look_finish(struct look *look, GError **error)
{
    const char *when = look->color_when ? look->color_when : "auto";
    const char *no_color = g_getenv("NO_COLOR");
    if (strcmp(when, "always") == 0)
        look->color = TRUE;
    else if (strcmp(when, "never") == 0)
        look->color = FALSE;
    else if (strcmp(when, "auto") == 0)
        look->color = !no_color || !*no_color;
    else {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_USAGE,
                    "--color takes auto, always or never, not '%s'", when);
        return FALSE;
    }
    return TRUE;
}
