/*
 * Table layout and titles.
 *
 * Columns leave in order of priority until the rest fits; then the ones that may grow share what is
 * left over, the first one first.
 */
#include "tui/widgets/w_table.h"

static int total_width(const struct table *table)
{
    int width = -1;
    for (int i = 0; i < table->n_columns; i++)
        if (table->places[i].cols)
            width += table->places[i].cols + 1;
    return MAX(width, 0);
}

/* The shown column with the highest priority, -1 when only those that stay are left. */
static int first_to_leave(const struct table *table)
{
    int found = -1;
    for (int i = 0; i < table->n_columns; i++) {
        if (!table->places[i].cols || table->columns[i].priority == 0)
            continue;
        if (found < 0 || table->columns[i].priority > table->columns[found].priority)
            found = i;
    }
    return found;
}

static void grow(struct table *table, int room)
{
    for (int i = 0; i < table->n_columns && room > 0; i++) {
        if (!table->places[i].cols || table->columns[i].most == 0)
            continue;
        int more = MIN(room, table->columns[i].most - table->places[i].cols);
        if (more > 0) {
            table->places[i].cols += more;
            room -= more;
        }
    }
}

void table_arrange(struct table *table, int width)
{
    for (int i = 0; i < table->n_columns; i++)
        table->places[i].cols = table->columns[i].hidden ? 0 : table->columns[i].width;
    for (int leaving; total_width(table) > width && (leaving = first_to_leave(table)) >= 0;)
        table->places[leaving].cols = 0;
    grow(table, width - total_width(table));
    int x = 0;
    for (int i = 0; i < table->n_columns; i++) {
        table->places[i].x = x;
        if (table->places[i].cols)
            x += table->places[i].cols + 1;
    }
}

static void draw_title(const struct table *table, struct surface *surface,
                       const struct theme *theme, struct table_at at)
{
    const struct table_column *column = &table->columns[at.column];
    const struct table_place *place = &table->places[at.column];
    struct span span = {at.y, place->x, place->cols};
    if (at.column != table->sorted) {
        struct style style = theme_style(theme, ROLE_HEADER);
        (column->right ? surface_text_right : surface_text)(surface, span, style, column->title);
        return;
    }
    struct style style = theme_style(theme, ROLE_SORTED);
    enum glyph mark = table->ascending ? GLYPH_ASCENDING : GLYPH_DESCENDING;
    char *title = g_strdup_printf("%s%s", column->title, theme_glyph_text(theme, mark));
    surface_restyle(surface, span, style);
    (column->right ? surface_text_right : surface_text)(surface, span, style, title);
    g_free(title);
}

void table_draw_titles(const struct table *table, struct surface *surface,
                       const struct theme *theme, int y)
{
    struct span row = {y, 0, surface->cols};
    surface_fill(surface, row, theme_style(theme, ROLE_HEADER), ' ');
    for (int i = 0; i < table->n_columns; i++)
        if (table->places[i].cols)
            draw_title(table, surface, theme, (struct table_at){y, i});
}

void table_draw_cell(const struct table *table, struct surface *surface, struct table_at at,
                     struct style style, const char *text)
{
    const struct table_column *column = &table->columns[at.column];
    const struct table_place *place = &table->places[at.column];
    struct span span = {at.y, place->x, place->cols};
    if (place->cols == 0)
        return;
    if (column->scrolls && table->skip == 0)
        surface_text_name(surface, span, style, text);
    else if (column->scrolls)
        surface_text_from(surface, span, style, text, table->skip);
    else if (column->right)
        surface_text_right(surface, span, style, text);
    else
        surface_text(surface, span, style, text);
}

int table_column_at(const struct table *table, int x)
{
    for (int i = 0; i < table->n_columns; i++)
        if (table->places[i].cols && x >= table->places[i].x &&
            x <= table->places[i].x + table->places[i].cols)
            return i;
    return -1;
}
