/*
 * Themes: three palettes and two glyph sets.
 *
 * Text keeps the terminal's own foreground and background wherever it can, so that light and dark
 * terminals both stay readable; where a background is set, its foreground is set too.
 */
#include "tui/term/theme.h"

#include <math.h>

static const struct style palette_256[ROLES] = {
    [ROLE_NORMAL] = {-1, -1, 0},
    [ROLE_FAINT] = {244, -1, 0},
    [ROLE_STRONG] = {-1, -1, STYLE_BOLD},
    [ROLE_HEADER] = {231, 238, 0},
    [ROLE_SORTED] = {16, 250, STYLE_BOLD},
    [ROLE_CURSOR] = {16, 153, 0},
    [ROLE_MATCH] = {16, 221, 0},
    [ROLE_TAB] = {-1, -1, 0},
    [ROLE_TAB_ACTIVE] = {16, 153, STYLE_BOLD},
    [ROLE_LIVE] = {35, -1, STYLE_BOLD},
    [ROLE_WARNING] = {172, -1, STYLE_BOLD},
    [ROLE_BAR] = {172, -1, 0},
    [ROLE_PROMPT] = {-1, -1, STYLE_BOLD},
    [ROLE_POPUP] = {231, 236, 0},
};

static const struct style palette_8[ROLES] = {
    [ROLE_NORMAL] = {-1, -1, 0},
    [ROLE_FAINT] = {-1, -1, STYLE_DIM},
    [ROLE_STRONG] = {-1, -1, STYLE_BOLD},
    [ROLE_HEADER] = {-1, -1, STYLE_REVERSE},
    [ROLE_SORTED] = {-1, -1, STYLE_REVERSE | STYLE_BOLD},
    [ROLE_CURSOR] = {0, 6, 0},
    [ROLE_MATCH] = {0, 3, 0},
    [ROLE_TAB] = {-1, -1, 0},
    [ROLE_TAB_ACTIVE] = {0, 6, STYLE_BOLD},
    [ROLE_LIVE] = {2, -1, STYLE_BOLD},
    [ROLE_WARNING] = {3, -1, STYLE_BOLD},
    [ROLE_BAR] = {3, -1, 0},
    [ROLE_PROMPT] = {-1, -1, STYLE_BOLD},
    [ROLE_POPUP] = {-1, -1, STYLE_REVERSE},
};

static const struct style palette_mono[ROLES] = {
    [ROLE_NORMAL] = {-1, -1, 0},
    [ROLE_FAINT] = {-1, -1, 0},
    [ROLE_STRONG] = {-1, -1, STYLE_BOLD},
    [ROLE_HEADER] = {-1, -1, STYLE_UNDERLINE},
    [ROLE_SORTED] = {-1, -1, STYLE_UNDERLINE | STYLE_BOLD},
    [ROLE_CURSOR] = {-1, -1, STYLE_REVERSE},
    [ROLE_MATCH] = {-1, -1, STYLE_BOLD | STYLE_UNDERLINE},
    [ROLE_TAB] = {-1, -1, 0},
    [ROLE_TAB_ACTIVE] = {-1, -1, STYLE_REVERSE},
    [ROLE_LIVE] = {-1, -1, STYLE_BOLD},
    [ROLE_WARNING] = {-1, -1, STYLE_BOLD},
    [ROLE_BAR] = {-1, -1, 0},
    [ROLE_PROMPT] = {-1, -1, STYLE_BOLD},
    [ROLE_POPUP] = {-1, -1, 0},
};

static const char *const glyphs_unicode[GLYPHS] = {
    [GLYPH_LIVE] = "●",         [GLYPH_ENDED] = "○",       [GLYPH_DOT] = "·",
    [GLYPH_DESCENDING] = "▼",   [GLYPH_ASCENDING] = "▲",   [GLYPH_EDGE] = "▏",
    [GLYPH_BRANCH] = "├",       [GLYPH_LAST_BRANCH] = "└", [GLYPH_TRUNK] = "│",
    [GLYPH_CHOSEN] = "◆",       [GLYPH_HORIZONTAL] = "─",  [GLYPH_VERTICAL] = "│",
    [GLYPH_TOP_LEFT] = "┌",     [GLYPH_TOP_RIGHT] = "┐",   [GLYPH_BOTTOM_LEFT] = "└",
    [GLYPH_BOTTOM_RIGHT] = "┘", [GLYPH_COUNTED] = "•",
};

static const char *const glyphs_ascii[GLYPHS] = {
    [GLYPH_LIVE] = "*",         [GLYPH_ENDED] = "o",       [GLYPH_DOT] = "-",
    [GLYPH_DESCENDING] = "v",   [GLYPH_ASCENDING] = "^",   [GLYPH_EDGE] = "|",
    [GLYPH_BRANCH] = "|",       [GLYPH_LAST_BRANCH] = "`", [GLYPH_TRUNK] = "|",
    [GLYPH_CHOSEN] = "*",       [GLYPH_HORIZONTAL] = "-",  [GLYPH_VERTICAL] = "|",
    [GLYPH_TOP_LEFT] = "+",     [GLYPH_TOP_RIGHT] = "+",   [GLYPH_BOTTOM_LEFT] = "+",
    [GLYPH_BOTTOM_RIGHT] = "+", [GLYPH_COUNTED] = "*",
};

struct style theme_style(const struct theme *theme, enum role role)
{
    if (theme->colors >= 256)
        return palette_256[role];
    return theme->colors > 0 ? palette_8[role] : palette_mono[role];
}

/* One channel of a colour given by hue, saturation and lightness, as a step of the 6x6x6 cube. */
static int cube_step(double hue, double lightness, double offset)
{
    double saturation = 0.62;
    double k = fmod(offset + hue / 30.0, 12.0);
    double span = saturation * fmin(lightness, 1.0 - lightness);
    double value = lightness - span * fmax(-1.0, fmin(fmin(k - 3.0, 9.0 - k), 1.0));
    /* The cube's levels are 0, 95, 135, 175, 215, 255. */
    int level = (int)lround(value * 255.0);
    return level < 48 ? 0 : level < 115 ? 1 : (level - 35) / 40;
}

struct style theme_box(const struct theme *theme, double hue, double shade)
{
    if (theme->colors >= 256) {
        double lightness = 0.60 + 0.20 * shade; /* light enough for black text */
        int red = cube_step(hue, lightness, 0.0);
        int green = cube_step(hue, lightness, 8.0);
        int blue = cube_step(hue, lightness, 4.0);
        return (struct style){16, (int16_t)(16 + 36 * red + 6 * green + blue), 0};
    }
    if (theme->colors > 0) {
        static const int16_t wheel[6] = {1, 3, 2, 6, 4, 5};
        int16_t background = wheel[((int)(hue / 60.0) % 6 + 6) % 6];
        int16_t foreground = background == 4 || background == 1 ? 7 : 0;
        return (struct style){foreground, background, 0};
    }
    return palette_mono[ROLE_NORMAL];
}

const char *theme_glyph_text(const struct theme *theme, enum glyph glyph)
{
    return theme->ascii ? glyphs_ascii[glyph] : glyphs_unicode[glyph];
}

uint32_t theme_glyph(const struct theme *theme, enum glyph glyph)
{
    return g_utf8_get_char(theme_glyph_text(theme, glyph));
}

uint32_t theme_spark(const struct theme *theme, int level)
{
    level = CLAMP(level, 0, 8);
    if (theme->ascii)
        return (uint32_t) "_.,-~=+*#"[level];
    return level == 0 ? 0x2581 : 0x2580 + (uint32_t)level;
}

uint32_t theme_bar(const struct theme *theme, int eighths)
{
    eighths = CLAMP(eighths, 0, 8);
    if (eighths == 0)
        return ' ';
    if (theme->ascii)
        return eighths >= 4 ? '#' : ' ';
    return 0x2590 - (uint32_t)eighths;
}
