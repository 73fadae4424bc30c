/*
 * Columns of text reports. See report_line.h.
 */
#include "tui/cli/report_line.h"

static int char_width(gunichar c)
{
    return g_unichar_iswide(c) ? 2 : 1;
}

int line_text_width(const char *text)
{
    int width = 0;
    for (; *text; text = g_utf8_next_char(text))
        width += char_width(g_utf8_get_char(text));
    return width;
}

/* Appends at most `width` columns; a longer text ends in "...". Returns the columns taken. */
static int append_clipped(GString *line, const char *text, int width)
{
    if (line_text_width(text) <= width) {
        g_string_append(line, text);
        return line_text_width(text);
    }
    int used = 0;
    for (; *text; text = g_utf8_next_char(text)) {
        gunichar c = g_utf8_get_char(text);
        if (used + char_width(c) > width - 3)
            break;
        g_string_append_unichar(line, c);
        used += char_width(c);
    }
    g_string_append(line, "...");
    return used + 3;
}

void line_add_spaces(GString *line, int n)
{
    for (; n > 0; n--)
        g_string_append_c(line, ' ');
}

void line_add_left(GString *line, const char *text, int width)
{
    line_add_spaces(line, width - append_clipped(line, text, width));
    line_add_spaces(line, 2);
}

void line_add_right(GString *line, const char *text, int width)
{
    line_add_spaces(line, width - line_text_width(text));
    g_string_append(line, text);
    line_add_spaces(line, 2);
}

void line_add_count(GString *line, int64_t count, int width)
{
    char digits[24];
    g_snprintf(digits, sizeof digits, "%" G_GINT64_FORMAT, count);
    line_add_right(line, digits, width);
}

void line_print(FILE *out, GString *line)
{
    while (line->len > 0 && line->str[line->len - 1] == ' ')
        g_string_truncate(line, line->len - 1);
    g_string_append_c(line, '\n');
    fwrite(line->str, 1, line->len, out);
    g_string_truncate(line, 0);
}

void line_print_rest(FILE *out, unsigned all, unsigned n, const char *thing, const char *plural)
{
    if (n < all)
        fprintf(out, "... and %u more %s%s: --top 0 shows all\n", all - n, thing,
                all - n == 1 ? "" : plural);
}

void line_print_fact(FILE *out, const char *key, const char *value)
{
    if (*value)
        fprintf(out, "%-*s %s\n", LINE_FACT_COLUMN - 1, key, value);
}
