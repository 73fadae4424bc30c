/*
 * Output text: just enough of a terminal for logs, progress bars and prompts. It is no emulator:
 * programs that paint a full screen are recognised and said to be such.
 */
#include "tui/views/output_text.h"

#include "core/base/text.h"

#include <string.h>

enum {
    STATE_TEXT,
    STATE_ESCAPE,
    STATE_CONTROL, /* CSI: parameters, then a letter */
    STATE_STRING,  /* OSC, DCS and the like: up to BEL or ST */
    STATE_STRING_ESCAPE,
    STATE_CHARSET, /* one more byte */
};

static void free_line(gpointer line)
{
    g_string_free(line, TRUE);
}

static GString *last_line(const struct output_text *text)
{
    return g_ptr_array_index(text->lines, text->lines->len - 1);
}

void output_text_init(struct output_text *text)
{
    *text = (struct output_text){.lines = g_ptr_array_new_with_free_func(free_line),
                                 .sequence = g_string_new(NULL)};
    g_ptr_array_add(text->lines, g_string_new(NULL));
}

void output_text_clear(struct output_text *text)
{
    if (!text->lines)
        return;
    g_ptr_array_unref(text->lines);
    g_string_free(text->sequence, TRUE);
    text->lines = NULL;
}

static void new_line(struct output_text *text)
{
    if (text->lines->len >= OUTPUT_LINES_MAX) {
        /* Many at once, because each removal moves all that follow. */
        g_ptr_array_remove_range(text->lines, 0, OUTPUT_LINES_MAX / 10);
        text->dropped += OUTPUT_LINES_MAX / 10;
    }
    g_ptr_array_add(text->lines, g_string_new(NULL));
    text->column = 0;
}

static void put_byte(struct output_text *text, char byte)
{
    GString *line = last_line(text);
    if (text->column >= OUTPUT_LINE_MAX)
        new_line(text), line = last_line(text);
    while (line->len < text->column)
        g_string_append_c(line, ' ');
    if (text->column < line->len)
        line->str[text->column] = byte;
    else
        g_string_append_c(line, byte);
    text->column++;
}

static void put_tab(struct output_text *text)
{
    do
        put_byte(text, ' ');
    while (text->column % 8 != 0);
}

/* Control sequences that matter for lines: erase in line, the alternate screen. */
static void end_control(struct output_text *text, char final)
{
    const char *parameters = text->sequence->str;
    if (final == 'K' && (!*parameters || strcmp(parameters, "0") == 0)) {
        if (text->column < last_line(text)->len)
            g_string_truncate(last_line(text), text->column);
    } else if (final == 'K' && strcmp(parameters, "2") == 0) {
        g_string_truncate(last_line(text), 0);
    } else if (final == 'h' && strcmp(parameters, "?1049") == 0) {
        text->full_screen = true;
    } else if (final == 'l' && strcmp(parameters, "?1049") == 0) {
        text->full_screen = false;
        new_line(text);
    }
    text->state = STATE_TEXT;
}

static void control_byte(struct output_text *text, char byte)
{
    if (byte >= 0x40 && byte <= 0x7e)
        end_control(text, byte);
    else if (text->sequence->len < 32)
        g_string_append_c(text->sequence, byte);
}

static void escape_byte(struct output_text *text, char byte)
{
    g_string_truncate(text->sequence, 0);
    if (byte == '[')
        text->state = STATE_CONTROL;
    else if (byte == ']' || byte == 'P' || byte == '^' || byte == '_' || byte == 'X')
        text->state = STATE_STRING;
    else if (byte == '(' || byte == ')' || byte == '#' || byte == '%')
        text->state = STATE_CHARSET;
    else
        text->state = STATE_TEXT;
}

static void text_byte(struct output_text *text, char byte)
{
    switch (byte) {
    case '\n':
        new_line(text);
        return;
    case '\r':
        text->column = 0;
        return;
    case '\b':
        text->column -= text->column > 0 ? 1 : 0;
        return;
    case '\t':
        put_tab(text);
        return;
    case 27:
        text->state = STATE_ESCAPE;
        return;
    case 7:
    case 0:
    case 14:
    case 15:
        return;
    default:
        put_byte(text, byte);
    }
}

static void string_byte(struct output_text *text, char byte)
{
    if (text->state == STATE_STRING_ESCAPE)
        text->state = byte == '\\' ? STATE_TEXT : STATE_STRING;
    else if (byte == 7)
        text->state = STATE_TEXT;
    else if (byte == 27)
        text->state = STATE_STRING_ESCAPE;
}

static void add_byte(struct output_text *text, char byte)
{
    switch (text->state) {
    case STATE_ESCAPE:
        escape_byte(text, byte);
        return;
    case STATE_CONTROL:
        control_byte(text, byte);
        return;
    case STATE_STRING:
    case STATE_STRING_ESCAPE:
        string_byte(text, byte);
        return;
    case STATE_CHARSET:
        text->state = STATE_TEXT;
        return;
    default:
        text_byte(text, byte);
    }
}

void output_text_add(struct output_text *text, const char *bytes, gsize n)
{
    for (gsize i = 0; i < n; i++)
        add_byte(text, bytes[i]);
}

char *output_text_line(const struct output_text *text, guint i)
{
    const GString *line = g_ptr_array_index(text->lines, i);
    return text_clean(line->str);
}
