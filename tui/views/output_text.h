/*
 * What a program wrote to its terminal, as lines: the last few thousand, with carriage returns,
 * backspaces, tabs and erasures applied and all other escape sequences left out.
 */
#ifndef PROFTOP_TUI_VIEWS_OUTPUT_TEXT_H
#define PROFTOP_TUI_VIEWS_OUTPUT_TEXT_H

#include <glib.h>
#include <stdbool.h>

enum {
    OUTPUT_LINES_MAX = 5000,
    OUTPUT_LINE_MAX = 2000, /* bytes */
};

struct output_text {
    GPtrArray
        *lines;   /* GString *: raw bytes, to be cleaned when shown; the last is being written */
    gsize column; /* byte of the last line where the next byte goes */
    int state;    /* private: inside which escape sequence */
    GString *sequence; /* private: of the control sequence being read */
    bool full_screen;  /* it switched to the alternate screen */
    guint64 dropped;   /* lines forgotten at the front */
};

/* No lines yet. Context: any one thread, as for all below. */
void output_text_init(struct output_text *text);

/* Frees what it holds. Context: as above. */
void output_text_clear(struct output_text *text);

/* Adds bytes as they came. Context: as above. */
void output_text_add(struct output_text *text, const char *bytes, gsize n);

/* A line as clean text; free with g_free. Context: as above. */
char *output_text_line(const struct output_text *text, guint i);

#endif
