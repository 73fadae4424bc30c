/*
 * Histogram of durations: from the first bucket that has calls to the last.
 */
#include "tui/views/call_histogram.h"

#include "core/base/sum.h"
#include "core/base/text.h"
#include "tui/widgets/w_bar.h"
#include "tui/widgets/w_bars.h"

/* The buckets that are shown: [first, last]; first > last: there are none. */
struct range {
    int first, last;
};

static struct range range_of(const struct call_stats *stats)
{
    struct range range = {0, CALLS_BUCKETS - 1};
    while (range.first < CALLS_BUCKETS && stats->buckets[range.first] == 0)
        range.first++;
    while (range.last > range.first && stats->buckets[range.last] == 0)
        range.last--;
    return range;
}

/* "< 2.05 µs"; of the last bucket, which has no bound, ">= 275 s". */
static char *name_of(int bucket)
{
    int64_t bound = calls_bucket_bound_ns((unsigned)bucket);
    GString *text = g_string_new(bound < 0 ? ">= " : "< ");
    text_append_duration(text, bound < 0 ? calls_bucket_bound_ns((unsigned)bucket - 1) : bound);
    return g_string_free(text, FALSE);
}

/* A bar for each `step` buckets. Returns the calls of the longest. */
static int64_t add_bars(struct bars *bars, const struct call_stats *stats, struct range range,
                        int step)
{
    int64_t most = 0;
    for (int from = range.first; from <= range.last; from += step) {
        int to = MIN(from + step - 1, range.last);
        int64_t sum = 0;
        for (int i = from; i <= to; i++)
            sum_add(&sum, stats->buckets[i]);
        GString *count = g_string_new(NULL);
        text_append_count(count, sum);
        bars_add(bars, name_of(to), g_string_free(count, FALSE), (double)sum);
        most = MAX(most, sum);
    }
    return most;
}

int call_histogram_draw(const struct call_stats *stats, struct surface *surface,
                        const struct theme *theme, const struct box *box)
{
    struct range range = range_of(stats);
    int buckets = range.last - range.first + 1, rows = box->rows - 1;
    if (buckets <= 0 || rows < 1)
        return 0;
    int step = (buckets + rows - 1) / rows;
    struct bars bars;
    bars_init(&bars);
    int64_t most = add_bars(&bars, stats, range, step);
    struct box below = {box->y + 1, box->x, rows, box->cols};
    surface_text(surface, (struct span){box->y, box->x, box->cols}, theme_style(theme, ROLE_STRONG),
                 "CALLS BY DURATION");
    bars_draw(&bars, surface, theme, &below, (double)most);
    bars_clear(&bars);
    return (buckets + step - 1) / step + 1;
}

char *call_histogram_text(const struct call_stats *stats, const struct theme *theme)
{
    struct range range = range_of(stats);
    float heights[CALLS_BUCKETS];
    int n = 0, at = range.first;
    if (range.first > range.last)
        return g_strdup("no call has ended yet");
    for (int i = range.first; i <= range.last; i++) {
        heights[n++] = (float)stats->buckets[i];
        at = stats->buckets[i] > stats->buckets[at] ? i : at;
    }
    char *chart = bar_spark(theme, heights, n, n, 0);
    char *first = name_of(range.first), *last = name_of(range.last), *most = name_of(at);
    char *text = g_strdup_printf("durations %s %s %s  most: %s", first, chart, last, most);
    g_free(first);
    g_free(last);
    g_free(most);
    g_free(chart);
    return text;
}
