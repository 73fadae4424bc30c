/*
 * A line to type a pattern into, with the regular expression made from it.
 */
#ifndef PROFTOP_TUI_WIDGETS_W_PROMPT_H
#define PROFTOP_TUI_WIDGETS_W_PROMPT_H

#include "tui/term/keys.h"
#include "tui/term/surface.h"
#include "tui/term/theme.h"

enum prompt_reaction {
    PROMPT_IGNORED,
    PROMPT_CHANGED,
    PROMPT_ACCEPTED,
    PROMPT_CANCELLED,
};

struct prompt {
    const char *label;
    GString *text;
};

/* Begins with an empty line; `label` is constant. Context: UI thread. */
void prompt_init(struct prompt *prompt, const char *label);

/* Frees what it holds. Context: UI thread. */
void prompt_clear(struct prompt *prompt);

/* Takes a key. Context: UI thread. */
enum prompt_reaction prompt_key(struct prompt *prompt, uint32_t key);

/* Draws it on row `y`; `remark` (NULL none) stands behind the text. Context: UI thread. */
void prompt_draw(const struct prompt *prompt, struct surface *surface, const struct theme *theme,
                 int y, const char *remark);

/*
 * The pattern as a regular expression; without an upper case letter it ignores case. NULL when it
 * is empty (without an error) or no valid expression. Context: UI thread.
 */
GRegex *prompt_regex(const char *text, GError **error);

#endif
