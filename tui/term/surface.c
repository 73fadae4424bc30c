/*
 * Surface: a grid of cells in memory, clipped drawing, and its dump as text for tests.
 *
 * Columns are counted as terminals do it for cleaned text: wide characters two, all others one.
 */
#include "tui/term/surface.h"

#include <string.h>

static const struct style plain = {-1, -1, 0};

struct surface *surface_new(int rows, int cols, bool ascii)
{
    struct surface *surface = g_new0(struct surface, 1);
    surface->rows = MAX(rows, 0);
    surface->cols = MAX(cols, 0);
    surface->ascii = ascii;
    surface->cells = g_new(struct cell, (size_t)surface->rows * (size_t)surface->cols + 1);
    surface_clear(surface);
    return surface;
}

void surface_free(struct surface *surface)
{
    if (!surface)
        return;
    g_free(surface->cells);
    g_free(surface);
}

void surface_clear(struct surface *surface)
{
    size_t n = (size_t)surface->rows * (size_t)surface->cols;
    for (size_t i = 0; i < n; i++)
        surface->cells[i] = (struct cell){' ', plain};
}

static int char_columns(uint32_t ch)
{
    return ch >= 0x1100 && g_unichar_iswide(ch) ? 2 : 1;
}

/* Columns as the surface will draw it: in ASCII a wide character becomes one '?'. */
static int drawn_columns(const struct surface *surface, uint32_t ch)
{
    return surface->ascii ? 1 : char_columns(ch);
}

int surface_text_columns(const char *text)
{
    int columns = 0;
    for (; *text; text = g_utf8_next_char(text))
        columns += char_columns(g_utf8_get_char(text));
    return columns;
}

static int drawn_text_columns(const struct surface *surface, const char *text)
{
    return surface->ascii ? (int)g_utf8_strlen(text, -1) : surface_text_columns(text);
}

/* Writing over one half of a wide character leaves a blank in the other half. */
static void mend_halves(struct surface *surface, int y, int x, int columns)
{
    if (surface_cell(surface, y, x)->ch == 0 && x > 0)
        surface_cell(surface, y, x - 1)->ch = ' ';
    int after = x + columns;
    if (after < surface->cols && surface_cell(surface, y, after)->ch == 0)
        surface_cell(surface, y, after)->ch = ' ';
}

int surface_put(struct surface *surface, int y, int x, struct style style, uint32_t ch)
{
    if (surface->ascii && ch > 0x7e)
        ch = ch == 0xb5 ? 'u' : '?'; /* microseconds stay readable */
    int columns = drawn_columns(surface, ch);
    if (y < 0 || y >= surface->rows || x < 0 || x + columns > surface->cols)
        return 0;
    mend_halves(surface, y, x, columns);
    *surface_cell(surface, y, x) = (struct cell){ch, style};
    if (columns == 2)
        *surface_cell(surface, y, x + 1) = (struct cell){0, style};
    return columns;
}

void surface_fill(struct surface *surface, struct span span, struct style style, uint32_t ch)
{
    for (int i = 0; i < span.cols; i++)
        surface_put(surface, span.y, span.x + i, style, ch);
}

static struct span clip(const struct surface *surface, struct span span)
{
    if (span.x < 0) {
        span.cols += span.x;
        span.x = 0;
    }
    span.cols = MIN(span.cols, surface->cols - span.x);
    return span;
}

static uint32_t cut_mark(const struct surface *surface)
{
    return surface->ascii ? '~' : 0x2026;
}

int surface_text(struct surface *surface, struct span span, struct style style, const char *text)
{
    span = clip(surface, span);
    if (span.cols <= 0)
        return 0;
    bool fits = drawn_text_columns(surface, text) <= span.cols;
    int room = fits ? span.cols : span.cols - 1;
    int used = 0;
    for (; *text; text = g_utf8_next_char(text)) {
        uint32_t ch = g_utf8_get_char(text);
        if (used + drawn_columns(surface, ch) > room)
            break;
        used += surface_put(surface, span.y, span.x + used, style, ch);
    }
    if (!fits)
        used += surface_put(surface, span.y, span.x + used, style, cut_mark(surface));
    return used;
}

/* The end of the text that takes at most `columns`. */
static const char *tail_of(const struct surface *surface, const char *text, int columns)
{
    const char *tail = text + strlen(text);
    while (tail > text) {
        const char *before = g_utf8_prev_char(tail);
        columns -= drawn_columns(surface, g_utf8_get_char(before));
        if (columns < 0)
            break;
        tail = before;
    }
    return tail;
}

static bool has_parameters(const char *name)
{
    const char *bracket = strchr(name, '(');
    return bracket && bracket != name;
}

int surface_text_name(struct surface *surface, struct span span, struct style style,
                      const char *text)
{
    enum { COLUMNS_MIN = 8 }; /* with fewer, two halves say less than one beginning */
    span = clip(surface, span);
    if (span.cols < COLUMNS_MIN || drawn_text_columns(surface, text) <= span.cols ||
        has_parameters(text))
        return surface_text(surface, span, style, text);
    const char *tail = tail_of(surface, text, (span.cols - 1) / 2);
    int head = span.cols - drawn_text_columns(surface, tail);
    /* The head does not fit by far, so this ends with the mark. */
    int used = surface_text(surface, (struct span){span.y, span.x, head}, style, text);
    span.x += used;
    span.cols -= used;
    return used + surface_text(surface, span, style, tail);
}

int surface_text_right(struct surface *surface, struct span span, struct style style,
                       const char *text)
{
    int free_columns = span.cols - drawn_text_columns(surface, text);
    if (free_columns > 0) {
        span.x += free_columns;
        span.cols -= free_columns;
    }
    return surface_text(surface, span, style, text);
}

int surface_text_from(struct surface *surface, struct span span, struct style style,
                      const char *text, int skip)
{
    if (skip <= 0 || !*text)
        return surface_text(surface, span, style, text);
    /* The mark stands in the first column, so one column more is hidden behind it. */
    int skipped = 0;
    while (*text && skipped < skip + 1) {
        skipped += drawn_columns(surface, g_utf8_get_char(text));
        text = g_utf8_next_char(text);
    }
    int used = surface_put(surface, span.y, span.x, style, cut_mark(surface));
    span.x += used;
    span.cols -= used;
    return used + surface_text(surface, span, style, text);
}

void surface_restyle(struct surface *surface, struct span span, struct style style)
{
    span = clip(surface, span);
    if (span.y < 0 || span.y >= surface->rows)
        return;
    for (int i = 0; i < span.cols; i++)
        surface_cell(surface, span.y, span.x + i)->style = style;
}

char *surface_dump(const struct surface *surface)
{
    GString *out = g_string_new(NULL);
    for (int y = 0; y < surface->rows; y++) {
        size_t end = out->len;
        for (int x = 0; x < surface->cols; x++) {
            uint32_t ch = surface_cell(surface, y, x)->ch;
            if (ch == 0)
                continue;
            g_string_append_unichar(out, ch);
            if (ch != ' ')
                end = out->len;
        }
        g_string_truncate(out, end);
        g_string_append_c(out, '\n');
    }
    return g_string_free(out, FALSE);
}
