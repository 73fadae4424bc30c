/*
 * Cleaning of hostile text, and numbers as people read them.
 *
 * Cleaning is idempotent: escapes are plain ASCII and a cut text is no longer than TEXT_MAX, so a
 * text that went through once (into a snapshot, say) comes back the same.
 */
#include "core/base/text.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const char CUT_MARK[] = "...";

/* Characters that move, hide or reorder what stands around them. */
static bool is_harmless(gunichar c)
{
    switch (g_unichar_type(c)) {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT: /* bidirectional overrides, zero-width joiners, the byte order mark */
    case G_UNICODE_UNASSIGNED:
    case G_UNICODE_SURROGATE:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
        return false;
    default:
        return !g_unichar_iszerowidth(c);
    }
}

static bool is_plain_ascii(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] < 0x20 || text[i] == 0x7f) /* bytes from 0x80 up are negative */
            return false;
    return true;
}

/* Writes the first character of [text, text + size) as it may be shown; returns the bytes read. */
static size_t clean_one(const char *text, size_t size, char ret_shown[16])
{
    gunichar c = g_utf8_get_char_validated(text, (gssize)size);
    if (c == (gunichar)-1 || c == (gunichar)-2) {
        g_snprintf(ret_shown, 16, "\\x%02x", (unsigned char)*text);
        return 1;
    }
    size_t length = (size_t)g_unichar_to_utf8(c, NULL);
    if (is_harmless(c)) {
        memcpy(ret_shown, text, length);
        ret_shown[length] = 0;
    } else {
        g_snprintf(ret_shown, 16, c < 0x80 ? "\\x%02x" : "\\u{%04x}", c);
    }
    return length;
}

char *text_clean(const char *text)
{
    /* Nothing longer is looked at: a symbol may have megabytes. */
    size_t size = strnlen(text, TEXT_MAX + 1);
    if (size <= TEXT_MAX && is_plain_ascii(text, size))
        return g_strndup(text, size);
    GString *out = g_string_sized_new(size);
    size_t room_for_mark = TEXT_MAX - strlen(CUT_MARK), keep = 0;
    char shown[16];
    for (size_t at = 0; at < size && out->len <= TEXT_MAX;) {
        at += clean_one(text + at, size - at, shown);
        g_string_append(out, shown);
        if (out->len <= room_for_mark)
            keep = out->len;
    }
    if (out->len > TEXT_MAX) {
        g_string_truncate(out, keep);
        g_string_append(out, CUT_MARK);
    }
    return g_string_free(out, FALSE);
}

/* A unit and how many of the next smaller one make it up. */
struct scale {
    const char *suffix;
    double size;
};

/* 0 <= value: three significant digits, or all of them before the point. */
static void append_digits(GString *out, double value)
{
    int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    g_string_append_printf(out, "%.*f", decimals, value);
}

/* Shows `value` in the largest scale that it reaches once rounded; scales[0] counts single things.
 */
static void append_scaled(GString *out, int64_t value, const struct scale *scales, size_t n)
{
    double magnitude = fabs((double)value);
    if (value < 0)
        g_string_append_c(out, '-');
    size_t i = 0;
    while (i + 1 < n && magnitude / scales[i].size >= scales[i + 1].size / scales[i].size - 0.5)
        i++;
    if (scales[i].size == 1)
        g_string_append_printf(out, "%.0f", magnitude);
    else
        append_digits(out, magnitude / scales[i].size);
    g_string_append(out, scales[i].suffix);
}

void text_append_source(GString *out, const char *file, uint32_t line)
{
    const char *slash = strrchr(file, '/');
    if (!*file)
        return;
    g_string_append(out, slash && slash[1] ? slash + 1 : file);
    if (line)
        g_string_append_printf(out, ":%u", line);
}

void text_append_duration(GString *out, int64_t ns)
{
    static const struct scale scales[] = {{" ns", 1}, {" µs", 1e3}, {" ms", 1e6}, {" s", 1e9}};
    if (ns == 0)
        g_string_append(out, "0 s");
    else
        append_scaled(out, ns, scales, G_N_ELEMENTS(scales));
}

void text_append_durations(GString *out, int64_t from_ns, int64_t to_ns)
{
    gsize start = out->len;
    GString *to = g_string_new(NULL);
    text_append_duration(out, from_ns);
    text_append_duration(to, to_ns);
    if (strcmp(out->str + start, to->str) != 0)
        g_string_append_printf(out, " to %s", to->str);
    g_string_free(to, TRUE);
}

void text_append_bytes(GString *out, int64_t bytes)
{
    static const struct scale scales[] = {{" B", 1},        {" KiB", 0x1p10}, {" MiB", 0x1p20},
                                          {" GiB", 0x1p30}, {" TiB", 0x1p40}, {" PiB", 0x1p50}};
    append_scaled(out, bytes, scales, G_N_ELEMENTS(scales));
}

void text_append_count(GString *out, int64_t count)
{
    static const struct scale scales[] = {{"", 1},     {" k", 1e3},  {" M", 1e6},
                                          {" G", 1e9}, {" T", 1e12}, {" P", 1e15}};
    append_scaled(out, count, scales, G_N_ELEMENTS(scales));
}

void text_append_value(GString *out, int64_t value, const char *unit)
{
    if (strcmp(unit, "nanoseconds") == 0)
        text_append_duration(out, value);
    else if (strcmp(unit, "bytes") == 0)
        text_append_bytes(out, value);
    else
        text_append_count(out, value);
}

char *text_command_line(char **argv)
{
    GString *line = g_string_new(NULL);
    for (; *argv; argv++) {
        bool plain =
            **argv && strspn(*argv, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                    "-_./=:,+%@") == strlen(*argv);
        char *quoted = plain ? g_strdup(*argv) : g_shell_quote(*argv);
        g_string_append_printf(line, "%s%s", line->len ? " " : "", quoted);
        g_free(quoted);
    }
    return g_string_free(line, FALSE);
}
