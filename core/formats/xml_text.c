/*
 * Escaping for XML. Cleaning comes first: XML forbids most control characters even as references.
 */
#include "core/formats/xml_text.h"

#include <stdbool.h>

#include "core/base/text.h"

static int columns_of(gunichar c)
{
    return g_unichar_iswide(c) ? 2 : 1;
}

/* Bytes of a clean text that take at most so many columns. */
static size_t fitting(const char *text, int columns)
{
    const char *at = text;
    while (*at) {
        columns -= columns_of(g_utf8_get_char(at));
        if (columns < 0)
            break;
        at = g_utf8_next_char(at);
    }
    return (size_t)(at - text);
}

/* Only what must be: half of a picture's bytes are text. */
static void append_escaped(GString *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        switch (text[i]) {
        case '&':
            g_string_append(out, "&amp;");
            break;
        case '<':
            g_string_append(out, "&lt;");
            break;
        case '>':
            g_string_append(out, "&gt;");
            break;
        case '"':
            g_string_append(out, "&quot;");
            break;
        case '\'':
            g_string_append(out, "&#39;");
            break;
        default:
            g_string_append_c(out, text[i]);
        }
}

static void append_cut(GString *out, const char *text, int columns)
{
    char *clean = text_clean(text);
    size_t size = fitting(clean, columns);
    bool whole = !clean[size];
    append_escaped(out, clean, whole ? size : fitting(clean, columns - 1));
    if (!whole)
        g_string_append(out, "…");
    g_free(clean);
}

void xml_text_append(GString *out, const char *text)
{
    append_cut(out, text, XML_TEXT_MAX);
}

void xml_text_append_label(GString *out, const char *text, int columns)
{
    if (columns >= XML_LABEL_MIN)
        append_cut(out, text, columns);
}
