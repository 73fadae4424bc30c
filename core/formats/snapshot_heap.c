/*
 * Labels of sites and comments about the heap, both ways.
 */
#include "core/formats/snapshot_heap.h"

#include <math.h>

#include "core/formats/comment_words.h"

const char *const site_label_keys[SITE_LABELS] = {
    "sampled",          "variance_bytes2",   "youngest_ns",       "oldest_ns",
    "size_le_16",       "size_le_32",        "size_le_64",        "size_le_128",
    "size_le_256",      "size_le_512",       "size_le_1024",      "size_le_2048",
    "size_le_4096",     "size_le_8192",      "size_le_16384",     "size_le_32768",
    "size_le_65536",    "size_le_131072",    "size_le_262144",    "size_gt_262144",
    "lifetime_lt_1us",  "lifetime_lt_10us",  "lifetime_lt_100us", "lifetime_lt_1ms",
    "lifetime_lt_10ms", "lifetime_lt_100ms", "lifetime_lt_1s",    "lifetime_ge_1s",
};

static const char *const mode_words[] = {"off", "exact", "sampled"};
static const char *const sampled_words[] = {"unsampled", "sampled"};
static const char *const ended_words[] = {"running", "ended"};

/* The numbers of a process's record, in the order of the comment. */
enum { NUMBERS = 12 };

static void list_numbers(struct heap_process *process, int64_t *numbers[NUMBERS])
{
    int64_t *all[NUMBERS] = {
        &process->allocs,        &process->alloc_bytes,  &process->frees,
        &process->unknown_frees, &process->failed,       &process->unrecorded,
        &process->merged_stacks, &process->live_bytes,   &process->live_blocks,
        &process->peak_bytes,    &process->peak_time_ns, &process->early_allocs};
    for (int i = 0; i < NUMBERS; i++)
        numbers[i] = all[i];
}

/* --- labels --- */

/* Variances are sums of whole numbers. */
static int64_t whole(double number)
{
    if (!(number > 0))
        return 0;
    return number < 9e18 ? llround(number) : INT64_MAX;
}

bool site_label_get(const struct heap_site *site, unsigned label, int64_t *ret_number)
{
    int64_t number, nothing = 0;
    if (label >= SITE_LABEL_LIFETIMES)
        number = site->lifetimes[label - SITE_LABEL_LIFETIMES];
    else if (label >= SITE_LABEL_SIZES)
        number = site->sizes[label - SITE_LABEL_SIZES];
    else if (label == SITE_LABEL_SAMPLED)
        number = site->sampled;
    else if (label == SITE_LABEL_VARIANCE)
        number = whole(site->variance_bytes2);
    else {
        nothing = -1;
        number = label == SITE_LABEL_YOUNGEST ? site->youngest_ns : site->oldest_ns;
    }
    *ret_number = number;
    return number != nothing;
}

void site_label_set(struct heap_site *site, unsigned label, int64_t number)
{
    number = MAX(number, 0);
    if (label >= SITE_LABEL_LIFETIMES)
        site->lifetimes[label - SITE_LABEL_LIFETIMES] = number;
    else if (label >= SITE_LABEL_SIZES)
        site->sizes[label - SITE_LABEL_SIZES] = number;
    else if (label == SITE_LABEL_SAMPLED)
        site->sampled = number;
    else if (label == SITE_LABEL_VARIANCE)
        site->variance_bytes2 = (double)number;
    else if (label == SITE_LABEL_YOUNGEST)
        site->youngest_ns = number;
    else
        site->oldest_ns = number;
}

/* --- comments --- */

static const char TYPES_KEY[] = "heap_sample_types=", WHY_NOT_KEY[] = "heap_why_not=",
                  PROCESS_KEY[] = "heap_process=", STEP_KEY[] = "heap_moment_step_ns=",
                  MOMENT_KEY[] = "heap_moment=";

static void write_process(const struct heap_process *process, GPtrArray *comments)
{
    struct heap_process copy = *process;
    int64_t *numbers[NUMBERS];
    GString *out = g_string_new(PROCESS_KEY);
    g_string_append_printf(out, "%u %s %s %s ", process->process, mode_words[process->mode],
                           sampled_words[process->was_sampled], ended_words[process->ended]);
    list_numbers(&copy, numbers);
    for (int i = 0; i < NUMBERS; i++)
        g_string_append_printf(out, "%" G_GINT64_FORMAT " ", *numbers[i]);
    g_string_append(out, process->trouble);
    g_ptr_array_add(comments, g_string_free(out, FALSE));
}

static void write_moments(const struct heap *heap, GPtrArray *comments)
{
    g_ptr_array_add(comments,
                    g_strdup_printf("%s%" G_GINT64_FORMAT, STEP_KEY, heap->moment_step_ns));
    for (guint i = 0; i < heap->moments->len; i++) {
        const struct heap_moment *m = &g_array_index(heap->moments, struct heap_moment, i);
        g_ptr_array_add(comments,
                        g_strdup_printf("%s%" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                                        " %" G_GINT64_FORMAT,
                                        MOMENT_KEY, m->time_ns, m->live_bytes, m->rss_bytes));
    }
}

void snapshot_heap_write(const struct profile *p, GPtrArray *comments)
{
    const struct heap *heap = p->heap;
    if (heap_is_measured(heap))
        g_ptr_array_add(comments, g_strdup_printf("%s%d", TYPES_KEY, HEAP_COLUMNS));
    if (*heap->why_not)
        g_ptr_array_add(comments, g_strconcat(WHY_NOT_KEY, heap->why_not, NULL));
    for (guint i = 0; i < heap->processes->len; i++)
        write_process(&g_array_index(heap->processes, struct heap_process, i), comments);
    if (heap->moments->len > 0)
        write_moments(heap, comments);
}

unsigned snapshot_heap_types(const char *comment)
{
    const char *text = comment_value(comment, TYPES_KEY);
    int64_t number;
    return text && comment_take_number(&text, 1, 1000, &number) ? (unsigned)number : 0;
}

/* A number of a record; only the time of the peak may be unknown. */
static bool read_number(const char **text, int64_t *ret_number, bool may_be_unknown)
{
    return comment_take_number(text, may_be_unknown ? -1 : 0, INT64_MAX, ret_number);
}

static bool read_process(struct profile *p, const char *text)
{
    int64_t process, *numbers[NUMBERS];
    unsigned mode, sampled, ended;
    if (!comment_take_number(&text, 0, (int64_t)p->processes->len - 1, &process) ||
        heap_process_find(p->heap, (uint32_t)process) ||
        !comment_take_word(&text, mode_words, G_N_ELEMENTS(mode_words), &mode) ||
        !comment_take_word(&text, sampled_words, G_N_ELEMENTS(sampled_words), &sampled) ||
        !comment_take_word(&text, ended_words, G_N_ELEMENTS(ended_words), &ended))
        return false;
    struct heap_process record = {.process = (uint32_t)process,
                                  .mode = (enum heap_mode)mode,
                                  .was_sampled = sampled,
                                  .ended = ended};
    list_numbers(&record, numbers);
    for (int i = 0; i < NUMBERS; i++)
        if (!read_number(&text, numbers[i], numbers[i] == &record.peak_time_ns))
            return false;
    record.trouble = profile_text(p, text);
    *heap_process_get(p->heap, (uint32_t)process) = record;
    return true;
}

static bool read_why_not(struct profile *p, const char *text)
{
    p->heap->why_not = profile_text(p, text);
    return true;
}

static bool read_step(struct profile *p, const char *text)
{
    return comment_take_number(&text, 1, INT64_MAX / 2, &p->heap->moment_step_ns);
}

static bool read_moment(struct profile *p, const char *text)
{
    GArray *moments = p->heap->moments;
    int64_t last =
        moments->len ? g_array_index(moments, struct heap_moment, moments->len - 1).time_ns : -1;
    struct heap_moment moment;
    if (moments->len >= HEAP_MOMENTS_MAX ||
        !comment_take_number(&text, 0, INT64_MAX, &moment.time_ns) || moment.time_ns <= last ||
        !comment_take_number(&text, 0, INT64_MAX, &moment.live_bytes) ||
        !comment_take_number(&text, -1, INT64_MAX, &moment.rss_bytes))
        return false;
    g_array_append_val(moments, moment);
    return true;
}

bool snapshot_heap_read(struct profile *profile, const char *comment)
{
    static const struct {
        const char *key;
        bool (*read)(struct profile *profile, const char *text);
    } readers[] = {{WHY_NOT_KEY, read_why_not},
                   {PROCESS_KEY, read_process},
                   {STEP_KEY, read_step},
                   {MOMENT_KEY, read_moment}};
    for (size_t i = 0; i < G_N_ELEMENTS(readers); i++) {
        const char *value = comment_value(comment, readers[i].key);
        if (value)
            return readers[i].read(profile, value);
    }
    return snapshot_heap_types(comment) > 0;
}
