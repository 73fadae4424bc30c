/*
 * Prompt: one line of editing at its end, and its regular expression.
 */
#include "tui/widgets/w_prompt.h"

enum { TEXT_LIMIT = 256 };

void prompt_init(struct prompt *prompt, const char *label)
{
    prompt->label = label;
    prompt->text = g_string_new(NULL);
}

void prompt_clear(struct prompt *prompt)
{
    if (prompt->text)
        g_string_free(prompt->text, TRUE);
    prompt->text = NULL;
}

static enum prompt_reaction erase(struct prompt *prompt)
{
    if (prompt->text->len == 0)
        return PROMPT_CANCELLED; /* erasing nothing leaves, as in less */
    const char *end = prompt->text->str + prompt->text->len;
    const char *last = g_utf8_prev_char(end);
    g_string_truncate(prompt->text, (gsize)(last - prompt->text->str));
    return PROMPT_CHANGED;
}

enum prompt_reaction prompt_key(struct prompt *prompt, uint32_t key)
{
    switch (keys_lookup(KEYS_PROMPT, key)) {
    case REQUEST_PROMPT_ACCEPT:
        return PROMPT_ACCEPTED;
    case REQUEST_PROMPT_CANCEL:
        return PROMPT_CANCELLED;
    case REQUEST_PROMPT_ERASE:
        return erase(prompt);
    case REQUEST_PROMPT_CLEAR:
        g_string_truncate(prompt->text, 0);
        return PROMPT_CHANGED;
    default:
        break;
    }
    if (key >= KEY_CODE_UP || !g_unichar_isprint(key) || prompt->text->len >= TEXT_LIMIT)
        return PROMPT_IGNORED;
    g_string_append_unichar(prompt->text, key);
    return PROMPT_CHANGED;
}

void prompt_draw(const struct prompt *prompt, struct surface *surface, const struct theme *theme,
                 int y, const char *remark)
{
    char *line = g_strconcat(prompt->label, prompt->text->str, NULL);
    int columns = surface_text_columns(line);
    int hidden = MAX(columns + 2 - surface->cols, 0); /* the end stays in sight */
    struct style style = theme_style(theme, ROLE_PROMPT);
    struct span span = {y, 0, surface->cols};
    surface_fill(surface, span, style, ' ');
    int x = surface_text_from(surface, span, style, line, hidden);
    struct style cursor = style;
    cursor.attrs |= STYLE_REVERSE;
    x += surface_put(surface, y, x, cursor, ' ') + 1;
    if (remark)
        surface_text(surface, (struct span){y, x, surface->cols - x},
                     theme_style(theme, ROLE_FAINT), remark);
    g_free(line);
}

static bool has_upper(const char *text)
{
    for (; *text; text = g_utf8_next_char(text))
        if (g_unichar_isupper(g_utf8_get_char(text)))
            return true;
    return false;
}

GRegex *prompt_regex(const char *text, GError **error)
{
    if (!*text)
        return NULL;
    return g_regex_new(text, has_upper(text) ? 0 : G_REGEX_CASELESS, 0, error);
}
