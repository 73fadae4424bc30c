/*
 * See w_paragraph.h. A word that is longer than a line is broken where the line ends.
 */
#include "tui/widgets/w_paragraph.h"

#include <glib.h>
#include <string.h>

/* Where the first line ends: behind its last whole word. */
static const char *line_end(const char *text, int cols)
{
    const char *at = text, *blank = NULL;
    for (; *at; at = g_utf8_next_char(at)) {
        if (*at == ' ')
            blank = at;
        cols -= g_unichar_iswide(g_utf8_get_char(at)) ? 2 : 1;
        if (cols < 0 && at > text)
            return blank && blank > text ? blank : at;
    }
    return at;
}

static const char *next_line(const char *text, int cols)
{
    const char *end = line_end(text, cols);
    return *end == ' ' ? end + 1 : end;
}

int paragraph_rows(const char *text, int cols)
{
    int rows = 0;
    for (; *text; text = next_line(text, cols))
        rows++;
    return rows;
}

void paragraph_draw(struct surface *surface, struct span first, int rows, struct style style,
                    const char *text)
{
    for (; *text && rows > 0; rows--, first.y++) {
        const char *end = rows > 1 ? line_end(text, first.cols) : text + strlen(text);
        char *line = g_strndup(text, (gsize)(end - text));
        surface_text(surface, first, style, line);
        g_free(line);
        text = next_line(text, first.cols);
    }
}
