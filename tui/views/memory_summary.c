/*
 * Above the Memory table: two lines, and on a large screen a chart and bars.
 */
#include "tui/views/memory_summary.h"

#include "core/analysis/heap_how.h"
#include "core/base/text.h"
#include "tui/views/lens_heap.h"
#include "tui/widgets/w_bar.h"
#include "tui/widgets/w_bars.h"

#include <string.h>

enum {
    LARGE_ROWS = 24, /* of the view: from here on there is a chart */
    LARGE_COLUMNS = 100,
    WORDY_COLUMNS = 60,
    LINE_ROWS = 10, /* of the view: from here on the resident memory has its line */
    CHART_ROWS = MEMORY_PARTS,
    SCALE_FROM_COLUMNS = 40, /* of the chart: from here on it has a scale */
    SCALE_COLUMNS = 10,      /* "~50.0 MiB" and a blank */
    BARS_COLUMNS = 46,
};

static const char *const part_names[MEMORY_PARTS] = {
    [MEMORY_HEAP] = "heap",       [MEMORY_SLACK] = "slack",
    [MEMORY_MMAP] = "mmap",       [MEMORY_STACKS] = "stacks",
    [MEMORY_FILES] = "files",     [MEMORY_SHARED] = "shared",
    [MEMORY_PROFTOP] = "proftop", [MEMORY_UNEXPLAINED] = "unexplained",
};

/* --- resident memory --- */

/* Live bytes of the processes that still are: those of the others are not resident. */
static int64_t resident_heap(const struct lens *lens)
{
    const struct heap *heap = lens->profile->heap;
    int64_t live = 0;
    for (guint i = 0; i < heap->processes->len; i++) {
        const struct heap_process *p = &g_array_index(heap->processes, struct heap_process, i);
        live += p->ended && !lens->ended ? 0 : p->live_bytes;
    }
    return live;
}

void memory_waterfall(const struct lens *lens, struct memory_waterfall *ret_parts)
{
    const struct memory_use *use = &lens->status->memory;
    struct memory_waterfall w = {.rss_bytes = use->rss_bytes,
                                 .heap_is_known = heap_is_measured(lens->profile->heap)};
    int64_t live = w.heap_is_known ? resident_heap(lens) : 0;
    w.parts[MEMORY_HEAP] = MIN(live, use->allocator_bytes);
    w.parts[MEMORY_SLACK] = use->allocator_bytes - w.parts[MEMORY_HEAP];
    w.untouched_bytes = live - w.parts[MEMORY_HEAP];
    w.parts[MEMORY_MMAP] = use->anonymous_bytes;
    w.parts[MEMORY_STACKS] = use->stack_bytes;
    w.parts[MEMORY_FILES] = use->file_bytes;
    w.parts[MEMORY_SHARED] = use->shared_bytes;
    w.parts[MEMORY_PROFTOP] = use->proftop_bytes;
    int64_t sum = 0;
    for (int i = 0; i < MEMORY_UNEXPLAINED; i++)
        sum += w.parts[i];
    w.parts[MEMORY_UNEXPLAINED] = MAX(w.rss_bytes - sum, 0);
    *ret_parts = w;
}

static const char *part_name(const struct memory_waterfall *w, int part)
{
    return part == MEMORY_SLACK && !w->heap_is_known ? "allocator" : part_names[part];
}

static bool is_shown(const struct memory_waterfall *w, int part)
{
    return w->parts[part] > 0 || (part == MEMORY_HEAP && w->heap_is_known);
}

/* All parts are in the unit of the whole, which is said once: "RSS 70.0 MiB = 42.0 heap + ...". */
static void append_part(const struct memory_waterfall *w, GString *out, const char *name,
                        int64_t bytes)
{
    double unit = 1;
    while ((double)w->rss_bytes >= unit * 1024)
        unit *= 1024;
    g_string_append_printf(out, " %c %.1f %s", strchr(out->str, '=') ? '+' : '=',
                           (double)bytes / unit, name);
}

/* The line with the parts of `shown` (a bit each), the others as one. */
static void append_waterfall(const struct memory_waterfall *w, unsigned shown, GString *out)
{
    int64_t other = 0;
    g_string_assign(out, "RSS ");
    text_append_bytes(out, w->rss_bytes);
    for (int i = 0; i < MEMORY_PARTS; i++) {
        if (shown >> i & 1)
            append_part(w, out, part_name(w, i), w->parts[i]);
        else
            other += w->parts[i];
    }
    if (other > 0)
        append_part(w, out, "other", other);
}

/* Heap and slack matter most: they go last. */
static int least_part(const struct memory_waterfall *w, unsigned shown)
{
    int found = -1;
    for (int i = MEMORY_PARTS - 1; i >= 0; i--)
        if ((shown >> i & 1) && (found < 0 || (i > MEMORY_SLACK && w->parts[i] < w->parts[found])))
            found = i;
    return found;
}

/* All parts on one line, or as many as it has room for, the largest. */
static void draw_waterfall_line(const struct memory_waterfall *w, const struct canvas *canvas,
                                int y)
{
    GString *text = g_string_new(NULL);
    int cols = canvas->surface->cols - 2;
    unsigned shown = 0;
    for (int i = 0; i < MEMORY_PARTS; i++)
        shown |= is_shown(w, i) ? 1u << i : 0;
    append_waterfall(w, shown, text);
    while (shown && surface_text_columns(text->str) > cols) {
        shown &= ~(1u << least_part(w, shown));
        append_waterfall(w, shown, text);
    }
    surface_text(canvas->surface, (struct span){y, 1, cols},
                 theme_style(canvas->theme, ROLE_NORMAL), text->str);
    g_string_free(text, TRUE);
}

static char *bytes_text(int64_t bytes)
{
    GString *text = g_string_new(NULL);
    text_append_bytes(text, bytes);
    return g_string_free(text, FALSE);
}

static void draw_waterfall_bars(const struct memory_waterfall *w, const struct canvas *canvas,
                                const struct box *box)
{
    struct bars bars;
    bars_init(&bars);
    bars_add(&bars, g_strdup("RSS"), bytes_text(w->rss_bytes), (double)w->rss_bytes);
    for (int i = 0; i < MEMORY_PARTS; i++)
        if (is_shown(w, i))
            bars_add(&bars, g_strdup_printf(" %s", part_name(w, i)), bytes_text(w->parts[i]),
                     (double)w->parts[i]);
    if (w->untouched_bytes > 0 && (int)bars.items->len < box->rows)
        bars_add(&bars, g_strdup(" untouched"), bytes_text(w->untouched_bytes), 0);
    bars_draw(&bars, canvas->surface, canvas->theme, box, (double)w->rss_bytes);
    bars_clear(&bars);
}

/* --- totals --- */

/* How what is shown was measured; on a narrow screen what matters most of it. */
static const char *mode_text(const struct lens *lens, bool some_exact, int cols)
{
    const struct session_status *status = lens->status;
    bool running = lens->live && !lens->ended;
    if (running && status->heap_policy == HEAP_POLICY_OFF)
        return "off: figures stand still";
    if (running && status->heap_mode == HEAP_EXACT)
        return heap_mode_name(HEAP_EXACT);
    return heap_how(lens->profile->heap, lens_heap_process(lens),
                    some_exact && cols >= WORDY_COLUMNS);
}

/* Why it is not what one would think: auto gave exactness up, or an earlier mode left its marks. */
static void add_mode_remark(const struct lens *lens, struct bar *bar,
                            const struct heap_totals *totals)
{
    const struct session_status *status = lens->status;
    bool sampled = status->heap_mode == HEAP_SAMPLED;
    if (!lens->live || lens->ended)
        return;
    if (sampled && status->heap_policy == HEAP_POLICY_AUTO)
        bar_add(bar, 6, ROLE_NORMAL, g_strdup("(exact costs too much)"));
    else if (!sampled && totals->is_estimate)
        bar_add(bar, 6, ROLE_NORMAL, g_strdup("(was sampled)"));
}

/* When the peak of the only process in sight was; -1: unknown. */
static int64_t peak_time_ns(const struct lens *lens, const struct heap_totals *totals)
{
    const GArray *processes = lens->profile->heap->processes;
    for (guint i = 0; i < processes->len; i++) {
        const struct heap_process *p = &g_array_index(processes, struct heap_process, i);
        if (p->peak_bytes > 0 && p->peak_bytes == totals->peak_bytes)
            return p->peak_time_ns;
    }
    return -1;
}

static void append_peak(const struct lens *lens, const struct heap_totals *totals, GString *out)
{
    int64_t when = peak_time_ns(lens, totals);
    g_string_append(out, totals->is_estimate ? "peak ~" : "peak ");
    text_append_bytes(out, totals->peak_bytes);
    if (when >= 0) {
        g_string_append(out, " at ");
        lens_append_clock(out, when);
    } else if (totals->n_measured > 1) {
        g_string_append_printf(out, " (sum of %u processes)", totals->n_measured);
    }
}

static void add_count(struct bar *bar, int priority, const char *what, int64_t count)
{
    if (count <= 0)
        return;
    GString *text = g_string_new(what);
    text_append_count(text, count);
    bar_add(bar, priority, ROLE_NORMAL, g_string_free(text, FALSE));
}

static void add_trouble(const struct lens *lens, struct bar *bar, const struct heap_totals *totals)
{
    if (totals->n_troubled > 0)
        bar_add(bar, 1, ROLE_WARNING,
                g_strdup_printf("%u %s not all seen", totals->n_troubled,
                                totals->n_troubled == 1 ? "process" : "processes"));
    if (totals->unrecorded > 0) {
        GString *text = g_string_new("unrecorded ");
        text_append_count(text, totals->unrecorded);
        bar_add(bar, 4, ROLE_WARNING, g_string_free(text, FALSE));
    }
    bool all_threads = lens->thread != PROFILE_NONE, whole_run = lens->window != LENS_WHOLE;
    if (all_threads || whole_run)
        bar_add(bar, 2, ROLE_WARNING,
                g_strdup(!whole_run     ? "all threads"
                         : !all_threads ? "whole run"
                                        : "all threads, whole run"));
}

static void draw_totals(const struct lens *lens, const struct canvas *canvas, int y,
                        bool some_exact)
{
    struct heap_totals totals;
    struct bar bar;
    heap_get_totals(lens->profile->heap, lens_heap_process(lens), &totals);
    bar_init(&bar);
    bar_add(&bar, 0, ROLE_STRONG, g_strdup(mode_text(lens, some_exact, canvas->surface->cols)));
    add_mode_remark(lens, &bar, &totals);
    GString *live = g_string_new(totals.is_estimate ? "live ~" : "live ");
    text_append_bytes(live, totals.live_bytes);
    g_string_append(live, totals.is_estimate ? " in ~" : " in ");
    text_append_count(live, totals.live_blocks);
    if (canvas->surface->cols >= WORDY_COLUMNS)
        g_string_append(live, totals.live_blocks == 1 ? " block" : " blocks");
    bar_add(&bar, 1, ROLE_NORMAL, g_string_free(live, FALSE));
    GString *peak = g_string_new(NULL);
    append_peak(lens, &totals, peak);
    bar_add(&bar, 5, ROLE_NORMAL, g_string_free(peak, FALSE)); /* the header has it too */
    add_count(&bar, 7, "calls ", totals.allocs + totals.frees);
    if (lens->live && lens->status->heap_cost_percent >= 0)
        bar_add(&bar, 3, ROLE_NORMAL,
                g_strdup_printf("hooks %.1f %%", lens->status->heap_cost_percent));
    add_trouble(lens, &bar, &totals);
    add_count(&bar, 8, "unknown frees ", totals.unknown_frees);
    add_count(&bar, 8, "failed ", totals.failed);
    add_count(&bar, 9, "stacks merged ", totals.merged_stacks);
    bar_draw(&bar, canvas->surface, canvas->theme, y);
    bar_clear(&bar);
}

/* --- over time --- */

static const struct heap_moment *moment_at(const GArray *moments, guint i)
{
    return &g_array_index(moments, struct heap_moment, i);
}

struct mark {
    guint moment;
    char *text; /* owned */
};

static guint largest_moment(const GArray *moments)
{
    guint best = 0;
    for (guint i = 1; i < moments->len; i++)
        if (moment_at(moments, i)->live_bytes > moment_at(moments, best)->live_bytes)
            best = i;
    return best;
}

static guint nearest_moment(const GArray *moments, int64_t time_ns)
{
    guint best = 0;
    for (guint i = 1; i < moments->len; i++)
        if (ABS(moment_at(moments, i)->time_ns - time_ns) <
            ABS(moment_at(moments, best)->time_ns - time_ns))
            best = i;
    return best;
}

/* The peak, exactly, where there is one of all; of several processes' heaps the largest sum that
 * was seen. */
static struct mark peak_mark(const struct lens *lens, const GArray *moments)
{
    struct heap_totals totals;
    heap_get_totals(lens->profile->heap, PROFILE_NONE, &totals);
    int64_t when = peak_time_ns(lens, &totals);
    GString *text = g_string_new(" ");
    guint moment = when >= 0 ? nearest_moment(moments, when) : largest_moment(moments);
    if (when >= 0) {
        append_peak(lens, &totals, text);
    } else {
        g_string_append(text, "most ");
        text_append_bytes(text, moment_at(moments, moment)->live_bytes);
        g_string_append(text, " at ");
        lens_append_clock(text, moment_at(moments, moment)->time_ns);
    }
    g_string_append_c(text, ' ');
    return (struct mark){moment, g_string_free(text, FALSE)};
}

/* "▼ peak 50.3 MiB at 00:07" above its column, the text on the side that has room. */
static void draw_peak_mark(const struct lens *lens, const struct canvas *canvas,
                           const struct box *box)
{
    const GArray *moments = lens->profile->heap->moments;
    struct mark mark = peak_mark(lens, moments);
    int column = chart_column(box, (int)mark.moment, (int)moments->len);
    int cols = surface_text_columns(mark.text), x = box->x + column;
    struct style style = theme_style(canvas->theme, ROLE_STRONG);
    bool right = column + 1 + cols <= box->cols;
    surface_put(canvas->surface, box->y, x, style, theme_glyph(canvas->theme, GLYPH_DESCENDING));
    struct span span = {box->y, right ? x + 1 : MAX(x - cols, box->x), cols};
    surface_text(canvas->surface, span, style, mark.text);
    g_free(mark.text);
}

static void draw_right(const struct canvas *canvas, int y, int end, const char *text)
{
    int cols = surface_text_columns(text);
    surface_text(canvas->surface, (struct span){y, end - cols, cols},
                 theme_style(canvas->theme, ROLE_NORMAL), text);
}

/* What the chart's top means, on its left, and the times of its ends below; returns the box that is
 * left. */
static struct box draw_scale(const struct lens *lens, const struct canvas *canvas,
                             const struct box *box, double full)
{
    const GArray *moments = lens->profile->heap->moments;
    struct heap_totals totals;
    if (box->cols < SCALE_FROM_COLUMNS)
        return *box;
    heap_get_totals(lens->profile->heap, PROFILE_NONE, &totals);
    int x = box->x + SCALE_COLUMNS, end = box->x + box->cols, below = box->y + box->rows - 1;
    GString *text = g_string_new(totals.is_estimate ? "~" : "");
    text_append_bytes(text, (int64_t)full);
    draw_right(canvas, box->y + 1, x - 1, text->str);
    draw_right(canvas, below - 1, x - 1, "0 B");
    g_string_truncate(text, 0);
    lens_append_clock(text, moment_at(moments, 0)->time_ns);
    draw_right(canvas, below, x + surface_text_columns(text->str), text->str);
    g_string_truncate(text, 0);
    lens_append_clock(text, moment_at(moments, moments->len - 1)->time_ns);
    draw_right(canvas, below, end, text->str);
    g_string_free(text, TRUE);
    return (struct box){box->y, x, box->rows - 1, box->cols - SCALE_COLUMNS};
}

/* The heap's size at each moment, as far as it was seen: a peak in between is put to the nearest.
 * Free with g_free. */
static double *timeline_values(const struct lens *lens, double *ret_full)
{
    const GArray *moments = lens->profile->heap->moments;
    double *values = g_new(double, moments->len);
    struct heap_totals totals;
    heap_get_totals(lens->profile->heap, PROFILE_NONE, &totals);
    int64_t when = peak_time_ns(lens, &totals);
    for (guint i = 0; i < moments->len; i++)
        values[i] = (double)moment_at(moments, i)->live_bytes;
    if (when >= 0) {
        guint peak = nearest_moment(moments, when);
        values[peak] = MAX(values[peak], (double)totals.peak_bytes);
    }
    *ret_full = 0;
    for (guint i = 0; i < moments->len; i++)
        *ret_full = MAX(*ret_full, values[i]);
    return values;
}

static void draw_timeline(const struct lens *lens, const struct canvas *canvas,
                          const struct box *area)
{
    int n = (int)lens->profile->heap->moments->len;
    double full, *values = timeline_values(lens, &full);
    struct box box = draw_scale(lens, canvas, area, full);
    struct box below = {box.y + 1, box.x, box.rows - 1, box.cols};
    chart_draw(canvas->surface, canvas->theme, &below, &(struct chart){values, n, full});
    g_free(values);
    draw_peak_mark(lens, canvas, &box);
}

int memory_summary_draw(const struct lens *lens, const struct canvas *canvas, int least,
                        bool some_exact)
{
    struct memory_waterfall w;
    const struct area *area = &canvas->area;
    int rows = 0, cols = canvas->surface->cols;
    memory_waterfall(lens, &w);
    if (heap_is_measured(lens->profile->heap))
        draw_totals(lens, canvas, area->y + rows++, some_exact);
    bool large =
        area->rows >= LARGE_ROWS && cols >= LARGE_COLUMNS && area->rows - CHART_ROWS - 2 >= least;
    bool timeline = large && lens->profile->heap->moments->len >= 2;
    if (w.rss_bytes > 0 && !timeline && area->rows >= MAX(LINE_ROWS, least))
        draw_waterfall_line(&w, canvas, area->y + rows++);
    if (!timeline)
        return rows;
    int bars = w.rss_bytes > 0 ? BARS_COLUMNS : 0;
    struct box left = {area->y + rows, 1, CHART_ROWS + 1, cols - 2 - bars - (bars ? 2 : 0)};
    struct box right = {area->y + rows, cols - 1 - bars, CHART_ROWS + 1, bars};
    draw_timeline(lens, canvas, &left);
    if (bars)
        draw_waterfall_bars(&w, canvas, &right);
    return rows + CHART_ROWS + 1;
}
