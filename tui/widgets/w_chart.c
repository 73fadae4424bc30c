/*
 * Chart: columns in eighths of a row.
 */
#include "tui/widgets/w_chart.h"

int chart_column(const struct box *box, int i, int n)
{
    if (n <= 0 || box->cols <= 0)
        return 0;
    int column = (int)((int64_t)i * box->cols / n);
    if ((int64_t)column * n / box->cols < i && (int64_t)(column + 1) * n / box->cols <= i)
        column++; /* that one is still of the value before */
    return CLAMP(column, 0, box->cols - 1);
}

/* The largest of the values that belong to a column; with fewer values than columns, the one there.
 */
static double value_of_column(const struct box *box, int column, const struct chart *chart)
{
    int first = (int)((int64_t)column * chart->n / box->cols);
    int end = (int)((int64_t)(column + 1) * chart->n / box->cols);
    double most = chart->values[first];
    for (int i = first + 1; i < end; i++)
        most = MAX(most, chart->values[i]);
    return most;
}

static void draw_column(struct surface *surface, const struct theme *theme, const struct box *box,
                        int column, int eighths)
{
    struct style style = theme_style(theme, ROLE_BAR);
    for (int row = 0; row < box->rows; row++) {
        int level = CLAMP(eighths - row * 8, 0, 8);
        uint32_t ch = level > 0 || row == 0 ? theme_spark(theme, level) : ' ';
        surface_put(surface, box->y + box->rows - 1 - row, box->x + column, style, ch);
    }
}

void chart_draw(struct surface *surface, const struct theme *theme, const struct box *box,
                const struct chart *chart)
{
    if (chart->n <= 0 || box->rows <= 0 || box->cols <= 0)
        return;
    for (int column = 0; column < box->cols; column++) {
        double value = value_of_column(box, column, chart);
        double share = chart->full > 0 ? CLAMP(value / chart->full, 0.0, 1.0) : 0.0;
        int eighths = (int)(share * box->rows * 8 + 0.5);
        draw_column(surface, theme, box, column, value > 0 ? MAX(eighths, 1) : 0);
    }
}
