/*
 * Colours and glyphs by what they mean, for each kind of terminal: 256 colours, 8 or 16, none; with
 * block characters or in ASCII.
 *
 * Nothing is said by colour alone: every state has a word or a mark as well.
 */
#ifndef PROFTOP_TUI_TERM_THEME_H
#define PROFTOP_TUI_TERM_THEME_H

#include "tui/term/surface.h"

struct theme {
    int colors; /* 256, 8 (also for 16) or 0 */
    bool ascii; /* no block characters */
};

enum role {
    ROLE_NORMAL,
    ROLE_FAINT,  /* what matters least */
    ROLE_STRONG, /* names and figures that matter most */
    ROLE_HEADER, /* titles of columns */
    ROLE_SORTED, /* title of the column sorted by */
    ROLE_CURSOR,
    ROLE_MATCH, /* what a search found */
    ROLE_TAB,
    ROLE_TAB_ACTIVE,
    ROLE_LIVE,
    ROLE_WARNING,
    ROLE_BAR,
    ROLE_PROMPT,
    ROLE_POPUP,
    ROLES,
};

enum glyph {
    GLYPH_LIVE,
    GLYPH_ENDED,
    GLYPH_DOT, /* between two facts */
    GLYPH_DESCENDING,
    GLYPH_ASCENDING,
    GLYPH_EDGE, /* left edge of a box */
    GLYPH_BRANCH,
    GLYPH_LAST_BRANCH,
    GLYPH_TRUNK,
    GLYPH_CHOSEN,
    GLYPH_COUNTED, /* whose code is changed to count its calls */
    GLYPH_HORIZONTAL,
    GLYPH_VERTICAL,
    GLYPH_TOP_LEFT,
    GLYPH_TOP_RIGHT,
    GLYPH_BOTTOM_LEFT,
    GLYPH_BOTTOM_RIGHT,
    GLYPHS,
};

/* Style of a role. Context: any thread. */
struct style theme_style(const struct theme *theme, enum role role);

/*
 * Style of a box of a hue in degrees; `shade` in [0, 1) tells neighbours apart. Plain without
 * colours. Context: any thread.
 */
struct style theme_box(const struct theme *theme, double hue, double shade);

/* The character. Context: any thread. */
uint32_t theme_glyph(const struct theme *theme, enum glyph glyph);

/* The character as UTF-8, constant text. Context: any thread. */
const char *theme_glyph_text(const struct theme *theme, enum glyph glyph);

/* A column of a small chart, `level` eighths high (0-8). Context: any thread. */
uint32_t theme_spark(const struct theme *theme, int level);

/* A cell of a horizontal bar, filled from the left by `eighths` (0-8). Context: any thread. */
uint32_t theme_bar(const struct theme *theme, int eighths);

#endif
