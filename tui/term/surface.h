/*
 * A grid of character cells: what every view draws on. A screen shows it, a test dumps it as text.
 *
 * Coordinates are (row y, column x) from 0. Drawing outside the grid is clipped. Text is UTF-8 that
 * has been cleaned (core/base/text.h); a wide character takes two cells.
 */
#ifndef PROFTOP_TUI_TERM_SURFACE_H
#define PROFTOP_TUI_TERM_SURFACE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum style_attr {
    STYLE_BOLD = 1,
    STYLE_DIM = 2,
    STYLE_UNDERLINE = 4,
    STYLE_REVERSE = 8,
};

/* Colours are terminal colour numbers, -1 = the terminal's own. */
struct style {
    int16_t fg, bg;
    uint8_t attrs; /* enum style_attr */
};

struct cell {
    uint32_t ch; /* 0: the right half of the wide character before */
    struct style style;
};

struct surface {
    int rows, cols;
    bool ascii; /* other characters are drawn as '?' */
    struct cell *cells;
};

/* Part of one row. */
struct span {
    int y, x, cols;
};

/* A rectangle of whole rows. */
struct area {
    int y, rows;
};

/* A blank surface. Never NULL. Context: any thread. */
struct surface *surface_new(int rows, int cols, bool ascii);

/* Frees; NULL is fine. Context: any thread. */
void surface_free(struct surface *surface);

/* Blanks all cells. Context: its one user. */
void surface_clear(struct surface *surface);

/* The cell, which must lie inside. Context: its one user. */
static inline struct cell *surface_cell(const struct surface *surface, int y, int x)
{
    return &surface->cells[(size_t)y * (size_t)surface->cols + (size_t)x];
}

/* Columns that a text takes. Context: any thread. */
int surface_text_columns(const char *text);

/* Draws one character. Returns its columns, 0 when it was clipped. Context: its one user. */
int surface_put(struct surface *surface, int y, int x, struct style style, uint32_t ch);

/* Fills a span with a character. Context: its one user. */
void surface_fill(struct surface *surface, struct span span, struct style style, uint32_t ch);

/*
 * Draws text from the span's left; what does not fit is cut and marked ("…", ASCII "~"). Returns
 * the columns used. Context: its one user.
 */
int surface_text(struct surface *surface, struct span span, struct style style, const char *text);

/* Like surface_text for the name of a function: what does not fit is cut out of its middle, because
 * names of one library begin alike and differ at their ends; where there are parameters, they are
 * cut. Context: its one user. */
int surface_text_name(struct surface *surface, struct span span, struct style style,
                      const char *text);

/* Like surface_text, right-aligned in the span. Context: its one user. */
int surface_text_right(struct surface *surface, struct span span, struct style style,
                       const char *text);

/* Like surface_text without the first `skip` columns of the text; what is left out on the left is
 * marked too. Context: its one user. */
int surface_text_from(struct surface *surface, struct span span, struct style style,
                      const char *text, int skip);

/* Gives every cell of a span the style, leaving the characters. Context: its one user. */
void surface_restyle(struct surface *surface, struct span span, struct style style);

/* The rows as UTF-8 lines, trailing blanks removed. Free with g_free. Context: its one user. */
char *surface_dump(const struct surface *surface);

#endif
