/*
 * The header: what is measured, how well, and what that costs. What is not known is left out.
 */
#include "tui/views/app_state.h"

#include "core/base/text.h"
#include "tui/views/lens_calls.h"
#include "tui/views/lens_heap.h"
#include "tui/widgets/w_bar.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define HELLO_NS                                                                                   \
    INT64_C(1000000000) /* so long nothing is said of a collector that is not there yet */

enum {
    SPARK_COLUMNS = 12,
    TITLE_COLUMNS = 18, /* what is left of the command before facts give way to it */
    TITLE_COLUMNS_NARROW = 7,
    WIDE_COLUMNS = 110,       /* from here on the first line has room for the tasks */
    SPARK_FROM_COLUMNS = 100, /* for the heap's, beside the CPU's */
    COST_SAMPLES_MIN = 100,   /* a share of next to nothing says nothing */
};

int app_header_rows(int rows)
{
    return rows >= 12 ? 2 : 1;
}

char *app_describe_end(int wait_status)
{
    if (wait_status == -1)
        return g_strdup("ended");
    if (WIFEXITED(wait_status))
        return g_strdup_printf("ended: exit %d", WEXITSTATUS(wait_status));
    if (!WIFSIGNALED(wait_status))
        return g_strdup("ended");
    const char *name = sigabbrev_np(WTERMSIG(wait_status));
    const char *core = WCOREDUMP(wait_status) ? " (core dumped)" : "";
    if (!name)
        return g_strdup_printf("ended: killed by signal %d%s", WTERMSIG(wait_status), core);
    return g_strdup_printf("ended: killed by SIG%s%s", name, core);
}

static char *plural(uint32_t n, const char *one, const char *many)
{
    return g_strdup_printf("%u %s", n, n == 1 ? one : many);
}

/* The command without the folder of its program: its own name is what must not be cut. */
static const char *short_title(const char *title)
{
    const char *end = title + strcspn(title, " ");
    while (*title == '/' && end > title) {
        const char *name = memchr(title + 1, '/', (size_t)(end - title - 1));
        if (!name)
            return title + 1;
        title = name;
    }
    return title;
}

static void add_name(const struct app *app, struct bar *bar)
{
    bar_add(bar, 7, ROLE_FAINT, g_strdup("proftop"));
    bar_add_cut(bar, app->cols >= 60 ? TITLE_COLUMNS : TITLE_COLUMNS_NARROW, ROLE_STRONG,
                g_strdup(short_title(app->options->title)));
}

static void add_tasks(const struct app *app, struct bar *bar)
{
    const struct session_status *s = &app->status;
    if (s->pid > 0)
        bar_add(bar, 5, ROLE_NORMAL, g_strdup_printf("pid %d", s->pid));
    if (s->n_threads > 0)
        bar_add(bar, 6, ROLE_NORMAL, plural(s->n_threads, "thread", "threads"));
    if (s->n_processes > 1)
        bar_add(bar, 6, ROLE_NORMAL, plural(s->n_processes - 1, "child", "children"));
}

static char *clock_text(int64_t ns, bool tenths)
{
    GString *text = g_string_new(NULL);
    lens_append_clock(text, ns);
    if (tenths)
        g_string_append_printf(text, ".%d", (int)(ns / 100000000 % 10));
    return g_string_free(text, FALSE);
}

static void add_state(const struct app *app, struct bar *bar, const struct theme *theme)
{
    const struct session_status *s = &app->status;
    bool live = app->options->session && s->state == SESSION_RUNNING;
    char *clock = clock_text(s->elapsed_ns, live && app->cols >= 50);
    const char *mark = theme_glyph_text(theme, live ? GLYPH_LIVE : GLYPH_ENDED);
    char *text;
    if (live)
        text = g_strdup_printf("%s live %s", mark, clock);
    else if (!app->options->session)
        text = g_strdup_printf("%s snapshot %s", mark, clock);
    else {
        char *how = app_describe_end(s->wait_status);
        text = g_strdup_printf("%s %s %s", mark, how, clock);
        g_free(how);
    }
    bar_add_right(bar, 1, live ? ROLE_LIVE : ROLE_STRONG, text);
    g_free(clock);
    if (app->frozen)
        bar_add_right(
            bar, 1, ROLE_WARNING,
            g_strdup_printf("frozen +%d s", (int)((app->now_ns - app->frozen_ns) / 1000000000)));
    if (live && !s->sampling)
        bar_add_right(bar, 1, ROLE_WARNING, g_strdup("sampling off"));
}

static void add_rate(const struct app *app, struct bar *bar)
{
    const struct session_status *s = &app->status;
    const char *engine = s->engine ? s->engine : "";
    bool is_short = s->rate_real_hz * 5 < s->rate_asked_hz * 4.0;
    if (s->rate_real_hz > 0 && is_short)
        bar_add_right(bar, 2, ROLE_NORMAL,
                      g_strdup_printf("%u Hz asked, %.0f Hz real %s", s->rate_asked_hz,
                                      s->rate_real_hz, engine));
    else if (s->rate_asked_hz > 0 && s->rate_real_hz > 0)
        bar_add_right(bar, 2, ROLE_NORMAL,
                      g_strdup_printf("%.0f/%u Hz %s", s->rate_real_hz, s->rate_asked_hz, engine));
    else if (s->rate_asked_hz > 0)
        bar_add_right(bar, 2, ROLE_NORMAL, g_strdup_printf("%u Hz %s", s->rate_asked_hz, engine));
    if (s->cost_percent > 0 && s->samples >= COST_SAMPLES_MIN)
        bar_add_right(
            bar, 4, ROLE_NORMAL,
            g_strdup_printf("cost %.*f %%", s->cost_percent < 10 ? 1 : 0, s->cost_percent));
    if (s->lost > 0 || app->options->session) {
        GString *lost = g_string_new("lost ");
        text_append_count(lost, s->lost);
        bar_add_right(bar, s->lost > 0 ? 2 : 4, s->lost > 0 ? ROLE_WARNING : ROLE_NORMAL,
                      g_string_free(lost, FALSE));
    }
}

static void add_cpu(const struct app *app, struct bar *bar, const struct theme *theme)
{
    const struct session_status *s = &app->status;
    bool now_known = s->state == SESSION_RUNNING && s->cpu_percent >= 0;
    if (!app->options->session || (!now_known && s->n_history == 0))
        return;
    char *spark = bar_spark(theme, s->cpu_history, (int)s->n_history, SPARK_COLUMNS, 100.0f);
    const char *gap = *spark ? " " : "";
    char *text = now_known ? g_strdup_printf("CPU%s%s %.0f %%", gap, spark, s->cpu_percent)
                           : g_strdup_printf("CPU%s%s", gap, spark);
    bar_add(bar, 3, ROLE_NORMAL, text);
    g_free(spark);
}

/* The heap as it is now; of one that is only partly seen too. */
static void add_heap_now(const struct app *app, struct bar *bar, const struct theme *theme,
                         const struct heap_totals *totals)
{
    const struct session_status *s = &app->status;
    int width = app->cols >= SPARK_FROM_COLUMNS ? SPARK_COLUMNS : 0;
    char *spark = bar_spark(theme, s->heap_history, (int)s->n_heap_history, width, 1.0f);
    GString *text = g_string_new("heap ");
    if (*spark)
        g_string_append_printf(text, "%s ", spark);
    g_string_append(text, totals->is_estimate ? "~" : "");
    text_append_bytes(text, totals->live_bytes);
    bar_add(bar, 3, ROLE_NORMAL, g_string_free(text, FALSE));
    text = g_string_new(totals->n_measured > 1 ? "sum of peaks " : "peak ");
    g_string_append(text, totals->is_estimate ? "~" : "");
    text_append_bytes(text, totals->peak_bytes);
    bar_add(bar, 4, ROLE_NORMAL, g_string_free(text, FALSE));
    g_free(spark);
    if (s->state != SESSION_RUNNING || s->heap_mode == HEAP_OFF)
        return;
    text = g_string_new("allocs "); /* not what the heap grows by */
    text_append_bytes(text, (int64_t)s->heap_bytes_per_second);
    g_string_append(text, "/s");
    bar_add(bar, 4, ROLE_NORMAL, g_string_free(text, FALSE));
}

/* Measured or not, and why not: where there is room for the reason. */
static void add_heap(const struct app *app, struct bar *bar, const struct theme *theme)
{
    struct heap_totals totals;
    heap_get_totals(app->lens.profile->heap, PROFILE_NONE, &totals);
    if (totals.n_measured > 0) {
        add_heap_now(app, bar, theme, &totals);
        return;
    }
    if (!app->options->session || app->status.elapsed_ns < HELLO_NS)
        return;
    if (app->status.heap_policy == HEAP_POLICY_OFF) {
        bar_add(bar, 6, ROLE_NORMAL, g_strdup("heap: off"));
        return;
    }
    GString *why = g_string_new("heap: not measured (");
    lens_append_why_no_heap(&app->lens, why);
    g_string_append_c(why, ')');
    bool fits = surface_text_columns(why->str) <= app->cols * 2 / 5;
    bar_add(bar, 6, ROLE_NORMAL,
            fits ? g_strdup(why->str) : g_strdup("heap: not measured (3 says why)"));
    g_string_free(why, TRUE);
}

/* How many a second, or, when that is over, in all; and what of them is missing. */
static void add_calls(const struct app *app, struct bar *bar)
{
    const struct session_status *s = &app->status;
    const struct lens_calls *calls = app->lens.calls;
    bool live = app->options->session && s->state == SESSION_RUNNING;
    int64_t missed, untimed;
    lens_call_losses(&app->lens, &missed, &untimed);
    if (live && s->calls_patched > 0 && calls->calls == 0)
        bar_add(bar, 4, ROLE_NORMAL,
                g_strdup_printf("calls: %u function%s", s->calls_patched,
                                s->calls_patched == 1 ? "" : "s"));
    if (calls->calls > 0 && (!live || calls->per_second >= 0)) {
        GString *text = g_string_new("calls ");
        if (live)
            lens_append_call_rate(text, calls->per_second);
        else
            text_append_count(text, calls->calls);
        g_string_append(text, live ? "/s" : "");
        bar_add(bar, 4, ROLE_NORMAL, g_string_free(text, FALSE));
    }
    if (missed > 0 || untimed > 0) {
        GString *text = g_string_new("calls missed ");
        if (missed == 0)
            g_string_assign(text, "calls untimed ");
        text_append_count(text, missed > 0 ? missed : untimed);
        bar_add(bar, 3, ROLE_WARNING, g_string_free(text, FALSE));
    }
}

static void add_memory(const struct app *app, struct bar *bar)
{
    if (!app->options->session || app->status.rss_bytes <= 0)
        return;
    GString *text = g_string_new("RSS ");
    text_append_bytes(text, app->status.rss_bytes);
    bar_add(bar, 5, ROLE_NORMAL, g_string_free(text, FALSE));
}

static void add_share(struct bar *bar, const char *what, int64_t part, int64_t whole)
{
    if (part <= 0 || whole <= 0)
        return;
    GString *text = g_string_new(what);
    lens_append_share(text, part, whole);
    g_string_append(text, " %");
    bool much = part * 10 >= whole;
    bar_add(bar, much ? 3 : 6, much ? ROLE_WARNING : ROLE_NORMAL, g_string_free(text, FALSE));
}

static void add_quality(const struct app *app, struct bar *bar)
{
    const struct session_status *s = &app->status;
    GString *samples = g_string_new(NULL);
    text_append_count(samples, s->samples);
    g_string_append(samples, s->samples == 1 ? " sample" : " samples");
    bar_add(bar, 5, ROLE_NORMAL, g_string_free(samples, FALSE));
    add_share(bar, "truncated stacks ", s->truncated, s->samples);
    add_share(bar, "broken stacks ", s->broken, s->samples);
    if (s->symbols_pending > 0)
        bar_add(bar, 6, ROLE_NORMAL,
                plural((uint32_t)s->symbols_pending, "symbol pending", "symbols pending"));
}

static void add_origin(const struct app *app, struct bar *bar)
{
    const struct profile_info *info = &app->lens.profile->info;
    if (app->options->session)
        return;
    if (info->command && *info->command)
        bar_add(bar, 3, ROLE_NORMAL, g_strdup(info->command));
    if (info->host && *info->host)
        bar_add(bar, 6, ROLE_NORMAL, g_strdup_printf("on %s", info->host));
}

void app_header_draw(const struct app *app, struct surface *surface, const struct theme *theme)
{
    bool one_line = app_header_rows(surface->rows) == 1;
    struct bar first, second;
    bar_init(&first);
    bar_init(&second);
    add_name(app, &first);
    struct bar *below = one_line ? &first : &second;
    if (app->cols >= WIDE_COLUMNS)
        add_tasks(app, &first);
    add_state(app, &first, theme);
    add_rate(app, &first);
    add_cpu(app, below, theme);
    add_heap(app, below, theme);
    add_calls(app, below);
    add_memory(app, below);
    if (app->cols < WIDE_COLUMNS)
        add_tasks(app, below);
    add_origin(app, below);
    add_quality(app, below);
    bar_draw(&first, surface, theme, 0);
    if (!one_line)
        bar_draw(&second, surface, theme, 1);
    bar_clear(&first);
    bar_clear(&second);
}
