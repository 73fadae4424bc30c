/*
 * Popup: a box over what is on the screen.
 */
#include "tui/widgets/w_popup.h"

static void draw_edge(struct surface *surface, const struct theme *theme, struct span span,
                      bool top)
{
    struct style style = theme_style(theme, ROLE_POPUP);
    surface_fill(surface, span, style, theme_glyph(theme, GLYPH_HORIZONTAL));
    surface_put(surface, span.y, span.x, style,
                theme_glyph(theme, top ? GLYPH_TOP_LEFT : GLYPH_BOTTOM_LEFT));
    surface_put(surface, span.y, span.x + span.cols - 1, style,
                theme_glyph(theme, top ? GLYPH_TOP_RIGHT : GLYPH_BOTTOM_RIGHT));
}

static void draw_line(struct surface *surface, const struct theme *theme, struct span span,
                      const char *text)
{
    struct style style = theme_style(theme, ROLE_POPUP);
    uint32_t side = theme_glyph(theme, GLYPH_VERTICAL);
    surface_fill(surface, span, style, ' ');
    surface_put(surface, span.y, span.x, style, side);
    surface_put(surface, span.y, span.x + span.cols - 1, style, side);
    surface_text(surface, (struct span){span.y, span.x + 2, span.cols - 4}, style, text);
}

static int widest(const char *title, const char *const *lines, int n)
{
    int width = surface_text_columns(title) + 2;
    for (int i = 0; i < n; i++)
        width = MAX(width, surface_text_columns(lines[i]));
    return width;
}

int popup_draw(struct surface *surface, const struct theme *theme, const char *title,
               const char *const *lines, int n)
{
    int shown = MIN(n, surface->rows - 2);
    int cols = MIN(widest(title, lines, n) + 4, surface->cols);
    struct span span = {(surface->rows - shown - 2) / 2, (surface->cols - cols) / 2, cols};
    draw_edge(surface, theme, span, true);
    struct style style = theme_style(theme, ROLE_POPUP);
    style.attrs |= STYLE_BOLD;
    surface_text(surface, (struct span){span.y, span.x + 2, cols - 4}, style, title);
    for (int i = 0; i < shown; i++) {
        span.y++;
        draw_line(surface, theme, span, lines[i]);
    }
    span.y++;
    draw_edge(surface, theme, span, false);
    return shown;
}
