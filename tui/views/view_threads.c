/*
 * Threads: the processes of the target as a tree, each with its threads when it has more than one;
 * choosing one narrows all views to it. Below stand counters and marks that they have set.
 */
#include "tui/views/view.h"

#include "core/base/text.h"
#include "core/target/thread_state.h"
#include "tui/views/thread_rows.h"
#include "tui/views/told_panel.h"
#include "tui/widgets/w_table.h"

#include <string.h>

#define CPU_INTERVAL_NS INT64_C(1000000000)
#define CPU_STALE_NS    INT64_C(3000000000) /* the view was not shown: begin anew */

enum column {
    COLUMN_ID,
    COLUMN_NAME,
    COLUMN_STATE,
    COLUMN_CPU,
    COLUMN_SHARE,
    COLUMN_TIME,
    COLUMN_SAMPLES,
    COLUMN_COVERAGE,
    COLUMNS,
};

static const struct table_column columns[COLUMNS] = {
    [COLUMN_ID] = {.title = "PID / TID", .width = 13, .most = 20},
    [COLUMN_NAME] = {.title = "NAME", .width = 12, .most = 24},
    [COLUMN_STATE] = {.title = "STATE", .width = 7, .priority = 3},
    [COLUMN_CPU] = {.title = "CPU%", .width = 5, .right = true, .priority = 2},
    [COLUMN_SHARE] = {.title = "SHARE%", .width = 6, .right = true, .priority = 4},
    [COLUMN_TIME] = {.title = "TIME", .width = 8, .right = true, .priority = 1},
    [COLUMN_SAMPLES] = {.title = "SAMPLES", .width = 8, .right = true, .priority = 5},
    [COLUMN_COVERAGE] = {.title = "COVERAGE", .width = 16, .most = 100, .priority = 6},
};

struct threads {
    struct lens *lens;
    GArray *rows;   /* struct thread_row */
    GArray *before; /* int64_t by thread: value at measured_ns */
    GArray *cpu;    /* float by thread: per cent over the last interval */
    int64_t measured_ns;
    struct table table;
    struct list list;
    int rows_y;               /* where the first row is drawn */
    uint32_t process, thread; /* under the cursor */
    bool by_time;             /* siblings by their time, not by age */
    GString *text;
};

static struct thread_row *row_at(const struct threads *view, int i)
{
    return &g_array_index(view->rows, struct thread_row, i);
}

static void *create(const struct app_options *options, struct lens *lens)
{
    (void)options;
    struct threads *view = g_new0(struct threads, 1);
    view->lens = lens;
    view->rows = g_array_new(FALSE, TRUE, sizeof(struct thread_row));
    view->before = g_array_new(FALSE, TRUE, sizeof(int64_t));
    view->cpu = g_array_new(FALSE, TRUE, sizeof(float));
    view->text = g_string_new(NULL);
    view->table = (struct table){.columns = columns, .n_columns = COLUMNS, .sorted = -1};
    view->process = view->thread = PROFILE_NONE;
    list_fit(&view->list, 0, 1);
    return view;
}

static void destroy(void *data)
{
    struct threads *view = data;
    if (!view)
        return;
    g_array_unref(view->rows);
    g_array_unref(view->before);
    g_array_unref(view->cpu);
    g_string_free(view->text, TRUE);
    g_free(view);
}

/* --- rows --- */

static bool measures_time(const struct profile *p)
{
    return p->main_metric < p->n_metrics &&
           strcmp(p->metrics[p->main_metric].unit, "nanoseconds") == 0;
}

/* CPU use of each thread over the last interval, from how its time grew. */
static void measure_cpu(struct threads *view)
{
    const struct profile *p = view->lens->profile;
    int64_t now = view->lens->updated_ns;
    int64_t passed = now - view->measured_ns;
    if (!view->lens->live || !measures_time(p) || passed < CPU_INTERVAL_NS)
        return;
    bool first = view->measured_ns == 0 || passed > CPU_STALE_NS;
    guint known = view->before->len;
    g_array_set_size(view->before, p->threads->len);
    g_array_set_size(view->cpu, p->threads->len);
    for (guint i = 0; i < p->threads->len; i++) {
        int64_t *before = &g_array_index(view->before, int64_t, i);
        int64_t value = profile_get_thread(p, i)->value;
        float *cpu = &g_array_index(view->cpu, float, i);
        *cpu = first ? -1.0f : (float)(100.0 * (double)(value - *before) / (double)passed);
        if (!first && i >= known)
            *cpu = (float)(100.0 * (double)value / (double)passed);
        *before = value;
    }
    view->measured_ns = now;
}

static void follow_cursor(struct threads *view)
{
    for (guint i = 0; i < view->rows->len; i++) {
        const struct thread_row *row = row_at(view, (int)i);
        if (row->process == view->process && row->thread == view->thread)
            list_move_to(&view->list, (int)i);
    }
}

/* Of the rows that are shown: with a thousand threads, all of them would cost too much. */
static void read_states(struct threads *view)
{
    const struct profile *p = view->lens->profile;
    for (int i = view->list.top;
         view->lens->live && i < view->list.top + view->list.height && i < view->list.count; i++) {
        struct thread_row *row = row_at(view, i);
        int pid = profile_get_process(p, row->process)->pid;
        int tid = row->thread == PROFILE_NONE ? pid : profile_get_thread(p, row->thread)->tid;
        row->state = row->ended ? 0 : thread_state(pid, tid);
    }
}

static void refresh(void *data)
{
    struct threads *view = data;
    measure_cpu(view);
    thread_rows_fill(view->lens->profile, view->by_time, view->cpu, view->rows);
    list_fit(&view->list, (int)view->rows->len, view->list.height);
    follow_cursor(view);
    read_states(view);
}

/* --- drawing --- */

static bool is_chosen(const struct threads *view, const struct thread_row *row)
{
    if (row->thread != PROFILE_NONE)
        return view->lens->thread == row->thread;
    return view->lens->process == row->process && view->lens->thread == PROFILE_NONE;
}

static const char *id_text(struct threads *view, const struct theme *theme,
                           const struct thread_row *row)
{
    const struct profile *p = view->lens->profile;
    bool is_process = row->thread == PROFILE_NONE;
    g_string_assign(view->text, is_chosen(view, row) ? theme_glyph_text(theme, GLYPH_CHOSEN) : " ");
    for (int i = 1; i < row->depth; i++)
        g_string_append(view->text,
                        row->trunks >> i & 1 ? theme_glyph_text(theme, GLYPH_TRUNK) : " ");
    if (row->depth > 0)
        g_string_append(view->text,
                        theme_glyph_text(theme, row->last ? GLYPH_LAST_BRANCH : GLYPH_BRANCH));
    g_string_append_printf(view->text, "%d",
                           is_process ? profile_get_process(p, row->process)->pid
                                      : profile_get_thread(p, row->thread)->tid);
    return view->text->str;
}

static const char *name_of(const struct threads *view, const struct thread_row *row)
{
    const struct profile *p = view->lens->profile;
    return row->thread == PROFILE_NONE ? profile_get_process(p, row->process)->name
                                       : profile_get_thread(p, row->thread)->name;
}

static const char *state_text(const struct thread_row *row)
{
    if (row->ended)
        return "ended";
    switch (row->state) {
    case 'R':
        return "running";
    case 'S':
        return "asleep";
    case 'D':
        return "disk";
    case 'T':
        return "stopped";
    case 't':
        return "traced";
    case 'Z':
        return "zombie";
    default:
        return "-";
    }
}

static const char *cpu_text(struct threads *view, const struct thread_row *row)
{
    if (row->cpu < 0)
        return "-";
    g_string_printf(view->text, "%.0f", row->cpu);
    return view->text->str;
}

static const char *share_text(struct threads *view, const struct thread_row *row)
{
    int64_t whole = 0;
    for (guint i = 0; i < view->rows->len; i++)
        whole += row_at(view, (int)i)->thread == PROFILE_NONE ? row_at(view, (int)i)->value : 0;
    g_string_truncate(view->text, 0);
    lens_append_share(view->text, row->value, whole);
    return view->text->str;
}

static const char *time_text(struct threads *view, const struct thread_row *row)
{
    g_string_truncate(view->text, 0);
    lens_append_value(view->lens, view->text, row->value);
    return view->text->str;
}

static const char *samples_text(struct threads *view, const struct thread_row *row)
{
    g_string_truncate(view->text, 0);
    text_append_count(view->text, row->samples);
    return view->text->str;
}

static void put(struct threads *view, const struct canvas *canvas, struct table_at at,
                const char *text)
{
    table_draw_cell(&view->table, canvas->surface, at, theme_style(canvas->theme, ROLE_NORMAL),
                    text);
}

static void draw_name(struct threads *view, const struct canvas *canvas, int y,
                      const struct thread_row *row)
{
    const char *name = name_of(view, row);
    enum role role = row->thread == PROFILE_NONE ? ROLE_STRONG : ROLE_NORMAL;
    if (lens_matches(view->lens, name))
        role = ROLE_MATCH;
    table_draw_cell(&view->table, canvas->surface, (struct table_at){y, COLUMN_NAME},
                    theme_style(canvas->theme, role), name);
}

static void draw_row(struct threads *view, const struct canvas *canvas, int y,
                     const struct thread_row *row)
{
    put(view, canvas, (struct table_at){y, COLUMN_ID}, id_text(view, canvas->theme, row));
    draw_name(view, canvas, y, row);
    put(view, canvas, (struct table_at){y, COLUMN_STATE}, state_text(row));
    put(view, canvas, (struct table_at){y, COLUMN_CPU}, cpu_text(view, row));
    put(view, canvas, (struct table_at){y, COLUMN_SHARE}, share_text(view, row));
    put(view, canvas, (struct table_at){y, COLUMN_TIME}, time_text(view, row));
    put(view, canvas, (struct table_at){y, COLUMN_SAMPLES}, samples_text(view, row));
    if (row->thread == PROFILE_NONE)
        put(view, canvas, (struct table_at){y, COLUMN_COVERAGE},
            profile_get_process(view->lens->profile, row->process)->coverage);
}

/* The columns may have no room for it: why the process under the cursor has no collector. The
 * numbers are those of the whole run, whatever the window of the other views is. */
static void draw_detail(struct threads *view, const struct canvas *canvas, int y)
{
    const struct profile *p = view->lens->profile;
    struct style style = theme_style(canvas->theme, ROLE_HEADER);
    int cols = canvas->surface->cols;
    g_string_assign(view->text, "times of the whole run");
    if (view->list.count > 0) {
        const struct process *process =
            profile_get_process(p, row_at(view, view->list.cursor)->process);
        g_string_append_printf(view->text, " %s ", theme_glyph_text(canvas->theme, GLYPH_DOT));
        if (*process->coverage)
            g_string_append_printf(view->text, "%s: no collector inside: %s", process->name,
                                   process->coverage);
        else
            g_string_append_printf(view->text, "%s (pid %d)", process->name, process->pid);
    }
    surface_fill(canvas->surface, (struct span){y, 0, cols}, style, ' ');
    surface_text(canvas->surface, (struct span){y, 1, cols - 2}, style, view->text->str);
}

static void draw(void *data, const struct canvas *canvas)
{
    enum { ROOMY = 8 };
    struct threads *view = data;
    bool roomy = canvas->area.rows >= ROOMY;
    int rows = canvas->area.rows - (roomy ? 2 : 1), end = canvas->area.y + canvas->area.rows;
    int told = told_panel_rows(view->lens, canvas->area.rows);
    rows -= told;
    table_arrange(&view->table, canvas->surface->cols);
    table_draw_titles(&view->table, canvas->surface, canvas->theme, canvas->area.y);
    view->rows_y = canvas->area.y + 1;
    list_fit(&view->list, (int)view->rows->len, rows);
    for (int i = 0; i < rows && view->list.top + i < view->list.count; i++) {
        int y = view->rows_y + i;
        draw_row(view, canvas, y, row_at(view, view->list.top + i));
        if (view->list.top + i == view->list.cursor)
            surface_restyle(canvas->surface, (struct span){y, 0, canvas->surface->cols},
                            theme_style(canvas->theme, ROLE_CURSOR));
    }
    if (roomy)
        draw_detail(view, canvas, end - 1 - told);
    struct canvas below = *canvas;
    below.area = (struct area){end - told, told};
    if (told > 0)
        told_panel_draw(view->lens, &below);
}

/* --- requests --- */

static void take_cursor(struct threads *view)
{
    if (view->list.count == 0)
        return;
    view->process = row_at(view, view->list.cursor)->process;
    view->thread = row_at(view, view->list.cursor)->thread;
}

static enum view_reaction choose(struct threads *view)
{
    if (view->list.count == 0)
        return VIEW_HANDLED;
    const struct thread_row *row = row_at(view, view->list.cursor);
    bool again = is_chosen(view, row);
    bool is_process = row->thread == PROFILE_NONE;
    view->lens->process = is_process && !again ? row->process : PROFILE_NONE;
    view->lens->thread = !is_process && !again ? row->thread : PROFILE_NONE;
    return VIEW_REBUILD;
}

static enum view_reaction request(void *data, enum request request)
{
    struct threads *view = data;
    if (request == REQUEST_SELECT)
        return choose(view);
    if (request == REQUEST_BY_TIME) {
        view->by_time = !view->by_time;
        return VIEW_REBUILD;
    }
    if (!list_request(&view->list, request))
        return VIEW_PASS;
    take_cursor(view);
    return VIEW_HANDLED;
}

static enum view_reaction click(void *data, int y, int x, bool twice)
{
    (void)x;
    struct threads *view = data;
    int row = list_row_at(&view->list, y - view->rows_y);
    if (row < 0)
        return VIEW_PASS;
    list_move_to(&view->list, row);
    take_cursor(view);
    return twice ? choose(view) : VIEW_HANDLED;
}

static void wheel(void *data, int rows)
{
    struct threads *view = data;
    list_scroll(&view->list, rows);
    take_cursor(view);
}

static bool row_matches(void *data, int row)
{
    struct threads *view = data;
    return lens_matches(view->lens, name_of(view, row_at(view, row)));
}

static bool search(void *data, int direction)
{
    struct threads *view = data;
    if (!list_find(&view->list, direction, row_matches, view))
        return false;
    take_cursor(view);
    return true;
}

static bool exists(const struct app_options *options)
{
    return options->session != NULL || (options->profile && options->profile->threads->len > 0);
}

const struct view_ops view_threads = {
    .name = "Threads",
    .number = 7,
    .context = KEYS_THREADS,
    .exists = exists,
    .create = create,
    .destroy = destroy,
    .refresh = refresh,
    .draw = draw,
    .request = request,
    .click = click,
    .wheel = wheel,
    .search = search,
};
