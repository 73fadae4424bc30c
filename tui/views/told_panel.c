/*
 * Counters and marks of the program, side by side; what there is of one kind alone has all columns.
 */
#include "tui/views/told_panel.h"

#include "core/base/text.h"
#include "tui/views/lens_calls.h"
#include "tui/widgets/w_chart.h"

enum {
    NUMBER_COLUMNS = 8,
    TIME_COLUMNS = 9,
    GAP = 2,
    LEAST = 3, /* rows, the title's included */
    ROWS_FROM = 12,
    ONE_IN = 3, /* rows are its own, at most */
};

/* One of the two lists. */
struct told {
    const struct lens *lens;
    guint n;      /* in sight */
    bool several; /* processes: each says whose it is */
};

static const struct calls_counter *counter_at(const struct lens *lens, guint i)
{
    return &g_array_index(lens->profile->calls->counters, struct calls_counter, i);
}

static const struct calls_mark *mark_at(const struct lens *lens, guint i)
{
    return &g_array_index(lens->profile->calls->marks, struct calls_mark, i);
}

static bool shows_mark(const struct lens *lens, const struct calls_mark *mark)
{
    if (lens->thread != PROFILE_NONE)
        return mark->thread == lens->thread;
    return lens_calls_include(lens, profile_get_thread(lens->profile, mark->thread)->process);
}

static struct told told_counters(const struct lens *lens)
{
    struct told told = {.lens = lens};
    uint32_t first = PROFILE_NONE;
    for (guint i = 0; i < lens->profile->calls->counters->len; i++) {
        const struct calls_counter *counter = counter_at(lens, i);
        if (!lens_calls_include(lens, counter->process))
            continue;
        first = told.n++ == 0 ? counter->process : first;
        told.several |= counter->process != first;
    }
    return told;
}

static struct told told_marks(const struct lens *lens)
{
    struct told told = {.lens = lens, .several = lens->profile->threads->len > 1};
    for (guint i = 0; i < lens->profile->calls->marks->len; i++)
        told.n += shows_mark(lens, mark_at(lens, i));
    return told;
}

int told_panel_rows(const struct lens *lens, int rows)
{
    guint n = MAX(told_counters(lens).n, told_marks(lens).n);
    if (n == 0 || rows < ROWS_FROM)
        return 0;
    return CLAMP((int)MIN(n, 1000) + 1, LEAST, MAX(rows / ONE_IN, LEAST));
}

/* --- rows --- */

/* Right-aligned; the span loses these columns and one more. */
static void put_figure(const struct canvas *canvas, struct span *rest, int cols, const char *text)
{
    surface_text_right(canvas->surface, (struct span){rest->y, rest->x, cols},
                       theme_style(canvas->theme, ROLE_NORMAL), text);
    rest->x += cols + 1;
    rest->cols -= cols + 1;
}

static void put_number(const struct canvas *canvas, struct span *rest, int64_t number)
{
    GString *text = g_string_new(number < 0 ? "-" : NULL);
    text_append_count(text, number < 0 ? -MAX(number, -INT64_MAX) : number);
    put_figure(canvas, rest, NUMBER_COLUMNS, text->str);
    g_string_free(text, TRUE);
}

static void draw_counter(const struct told *told, const struct canvas *canvas, struct span rest,
                         const struct calls_counter *counter)
{
    put_number(canvas, &rest, counter->value);
    put_number(canvas, &rest, counter->min);
    put_number(canvas, &rest, counter->max);
    const struct process *process = profile_get_process(told->lens->profile, counter->process);
    char *name = told->several ? g_strdup_printf("%s  %s (pid %d)", counter->name, process->name,
                                                 process->pid)
                               : g_strdup(counter->name);
    surface_text(canvas->surface, rest, theme_style(canvas->theme, ROLE_NORMAL), name);
    g_free(name);
}

static void draw_mark(const struct told *told, const struct canvas *canvas, struct span rest,
                      const struct calls_mark *mark)
{
    const struct thread *thread = profile_get_thread(told->lens->profile, mark->thread);
    GString *text = g_string_new(NULL);
    text_append_duration(text, mark->time_ns);
    put_figure(canvas, &rest, TIME_COLUMNS, text->str);
    g_string_assign(text, mark->text);
    if (told->several)
        g_string_append_printf(text, "  %s (tid %d)", thread->name, thread->tid);
    surface_text(canvas->surface, rest, theme_style(canvas->theme, ROLE_NORMAL), text->str);
    g_string_free(text, TRUE);
}

/* --- lists --- */

/* How many of `n` stand in a box below its title; when not all do, its last row says how many more
 * there are. */
static guint fitting(const struct canvas *canvas, const struct box *box, guint n)
{
    guint rows = (guint)MAX(box->rows - 1, 1);
    if (n <= rows)
        return n;
    char *text = g_strdup_printf("... and %u more", n - (rows - 1));
    surface_text(canvas->surface, (struct span){box->y + box->rows - 1, box->x, box->cols},
                 theme_style(canvas->theme, ROLE_FAINT), text);
    g_free(text);
    return rows - 1;
}

static void draw_counters(const struct told *told, const struct canvas *canvas,
                          const struct box *box)
{
    struct span rest = {box->y, box->x, box->cols};
    guint rows = fitting(canvas, box, told->n);
    static const char *const titles[] = {"VALUE", "MIN", "MAX"};
    for (size_t i = 0; i < G_N_ELEMENTS(titles); i++)
        put_figure(canvas, &rest, NUMBER_COLUMNS, titles[i]);
    surface_text(canvas->surface, rest, theme_style(canvas->theme, ROLE_NORMAL), "COUNTER");
    surface_restyle(canvas->surface, (struct span){box->y, box->x, box->cols},
                    theme_style(canvas->theme, ROLE_STRONG));
    int y = box->y + 1;
    for (guint i = 0; rows > 0 && i < told->lens->profile->calls->counters->len; i++) {
        const struct calls_counter *counter = counter_at(told->lens, i);
        if (!lens_calls_include(told->lens, counter->process))
            continue;
        draw_counter(told, canvas, (struct span){y++, box->x, box->cols}, counter);
        rows--;
    }
}

static void draw_marks(const struct told *told, const struct canvas *canvas, const struct box *box)
{
    struct span rest = {box->y, box->x, box->cols};
    guint rows = fitting(canvas, box, told->n);
    put_figure(canvas, &rest, TIME_COLUMNS, "TIME");
    surface_text(canvas->surface, rest, theme_style(canvas->theme, ROLE_NORMAL),
                 "MARK, the latest first");
    surface_restyle(canvas->surface, (struct span){box->y, box->x, box->cols},
                    theme_style(canvas->theme, ROLE_STRONG));
    int y = box->y + 1;
    for (guint i = told->lens->profile->calls->marks->len; rows > 0 && i-- > 0;) {
        const struct calls_mark *mark = mark_at(told->lens, i);
        if (!shows_mark(told->lens, mark))
            continue;
        draw_mark(told, canvas, (struct span){y++, box->x, box->cols}, mark);
        rows--;
    }
}

void told_panel_draw(const struct lens *lens, const struct canvas *canvas)
{
    struct told counters = told_counters(lens), marks = told_marks(lens);
    int cols = canvas->surface->cols - 2, half = (cols - GAP) / 2;
    bool both = counters.n > 0 && marks.n > 0;
    struct box box = {canvas->area.y, 1, canvas->area.rows, both ? half : cols};
    if (counters.n > 0)
        draw_counters(&counters, canvas, &box);
    if (both)
        box.x += half + GAP;
    if (marks.n > 0)
        draw_marks(&marks, canvas, &box);
}
