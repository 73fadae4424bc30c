/*
 * Samples of a file, one by one: their labels tell what they are of. Sums cannot overflow, and what
 * a sample makes us allocate is charged.
 */
#include "core/formats/snapshot_samples.h"

#include <string.h>

#include "core/base/error.h"
#include "core/formats/snapshot_calls.h"
#include "core/formats/snapshot_heap.h"
#include "core/formats/snapshot_threads.h"
#include "profile.pb-c.h"

enum {
    /* In the profile, with its share of hash tables and of the call tree that will be built. */
    ENTRY_COST = 176,
    STACK_COST = 96,
    STACK_FRAME_COST = 4,
    THREAD_COST = 512,
    SITE_COST = sizeof(struct heap_site) + ENTRY_COST,
    RECORD_COST = sizeof(struct call_record) + ENTRY_COST,
    NO_LABEL = 255,
    /* Labels of sites and of records of calls, in one row. */
    LABELS = SITE_LABELS + CALL_LABELS,
};

struct snapshot_samples {
    struct snapshot_tables *tables;
    struct profile *profile;
    struct snapshot_threads *threads;
    bool ours;                             /* written by proftop */
    uint32_t columns[PROFILE_METRICS_MAX]; /* position of each metric in the file's values */
    int64_t room[PROFILE_METRICS_MAX];     /* what may still be added without overflow */
    int64_t n_cut;                         /* stacks that were too deep */
    guint n_types;                         /* of metrics; the calls' stand behind them */
    enum call_weight *call_types;          /* CALL_WEIGHTS: one we do not know */
    guint n_call_types;                    /* 0: no calls in the file; the heap's stand behind */
    enum heap_column *heap_types;          /* HEAP_COLUMNS: one we do not know */
    guint n_heap_types;                    /* 0: no heap in the file */
    int64_t heap_room[HEAP_COLUMNS];
    GByteArray *label_of_text; /* by text: 1 + the label of that key; NO_LABEL; 0: not looked at */
};

/* What a sample's labels say. */
struct sample_labels {
    struct thread_labels of_thread;
    struct heap_site of_site;     /* values are not among them */
    struct call_record of_record; /* likewise */
};

static const char *text(const struct snapshot_samples *s, uint32_t index)
{
    return snapshot_tables_text(s->tables, index);
}

static const struct file_value_type *sample_type(const struct snapshot_samples *s, guint i)
{
    return &g_array_index(s->tables->sample_types, struct file_value_type, i);
}

static bool type_is(const struct snapshot_samples *s, guint i, const char *type, const char *unit)
{
    return strcmp(text(s, sample_type(s, i)->type), type) == 0 &&
           (!unit || strcmp(text(s, sample_type(s, i)->unit), unit) == 0);
}

/* The file's choice, else CPU time, else the last type, as pprof has it. */
static guint main_type(const struct snapshot_samples *s)
{
    const struct snapshot_tables *t = s->tables;
    guint n = s->n_types;
    const char *wanted = text(s, t->default_sample_type);
    for (guint i = 0; i < n && *wanted; i++)
        if (type_is(s, i, wanted, NULL))
            return i;
    for (guint i = 0; i < n; i++)
        if (type_is(s, i, "cpu", "nanoseconds"))
            return i;
    return n - 1;
}

static void read_metrics(struct snapshot_samples *s)
{
    struct profile *p = s->profile;
    guint n = s->n_types, main = main_type(s);
    for (guint i = 0; i < MIN(n, PROFILE_METRICS_MAX); i++) {
        /* Of more types than fit, the last place goes to the main one. */
        guint from = i == PROFILE_METRICS_MAX - 1 && main > i ? main : i;
        profile_add_metric(p, text(s, sample_type(s, from)->type),
                           text(s, sample_type(s, from)->unit));
        s->columns[i] = from;
        s->room[i] = INT64_MAX;
        if (from == main)
            p->main_metric = i;
        if (p->count_metric == PROFILE_NONE && type_is(s, from, "samples", "count"))
            p->count_metric = i;
    }
    if (n > PROFILE_METRICS_MAX) {
        char *note =
            g_strdup_printf("%d of the file's %u sample types are read", PROFILE_METRICS_MAX, n);
        profile_note(p, note);
        g_free(note);
    }
}

static enum heap_column column_of_type(const struct snapshot_samples *s, guint i)
{
    for (int column = 0; column < HEAP_COLUMNS; column++)
        if (type_is(s, i, heap_columns[column].type, NULL))
            return (enum heap_column)column;
    return HEAP_COLUMNS;
}

static enum call_weight weight_of_type(const struct snapshot_samples *s, guint i)
{
    for (int weight = 0; weight < CALL_WEIGHTS; weight++)
        if (type_is(s, i, call_weights[weight].type, NULL))
            return (enum call_weight)weight;
    return CALL_WEIGHTS;
}

/* What the first comment that knows says about how many sample types there are of a kind; 0: none
 * does, or it says too many. The first type always is a metric. */
static guint count_types(const struct snapshot_samples *s, unsigned (*told)(const char *comment),
                         guint n)
{
    const GArray *comments = s->tables->comments;
    guint types = 0;
    for (guint i = 0; s->ours && i < comments->len && types == 0; i++)
        types = told(text(s, g_array_index(comments, uint32_t, i)));
    return types < n ? types : 0;
}

/* Which of the file's sample types are metrics. */
static void read_kind(struct snapshot_samples *s)
{
    guint n = s->tables->sample_types->len;
    s->n_heap_types = count_types(s, snapshot_heap_types, n);
    s->n_call_types = count_types(s, snapshot_calls_types, n - s->n_heap_types);
    s->n_types = n - s->n_heap_types - s->n_call_types;
    for (guint i = 0; i < HEAP_COLUMNS; i++)
        s->heap_room[i] = INT64_MAX;
    s->call_types = g_new(enum call_weight, s->n_call_types);
    for (guint i = 0; i < s->n_call_types; i++)
        s->call_types[i] = weight_of_type(s, s->n_types + i);
    s->heap_types = g_new(enum heap_column, s->n_heap_types);
    for (guint i = 0; i < s->n_heap_types; i++)
        s->heap_types[i] = column_of_type(s, n - s->n_heap_types + i);
    g_byte_array_set_size(s->label_of_text, s->tables->text_offsets->len);
    memset(s->label_of_text->data, 0, s->label_of_text->len);
}

static bool read_stack(struct snapshot_samples *s, const Pprof__Sample *sample, uint64_t offset,
                       uint32_t *ret_stack, GError **error)
{
    uint32_t frames[PROFILE_DEPTH_MAX];
    size_t n = MIN(sample->n_location_id, PROFILE_DEPTH_MAX);
    for (size_t i = 0; i < sample->n_location_id; i++) {
        uint32_t at = id_index_find(&s->tables->location_index, sample->location_id[i]);
        if (at == UINT32_MAX)
            return snapshot_tables_corrupt(s->tables, offset, error,
                                           "a sample at location %" G_GUINT64_FORMAT
                                           ", which is not there",
                                           sample->location_id[i]);
        if (i < n)
            frames[i] = g_array_index(s->tables->locations, struct file_location, at).frame;
    }
    if (n < sample->n_location_id) {
        frames[n - 1] = profile_mark(s->profile, PROFILE_MARK_TRUNCATED);
        s->n_cut++;
    }
    if (n == 0)
        frames[n++] = profile_mark(s->profile, "[no stack]");
    guint before = s->profile->stacks->len;
    *ret_stack = profile_stack(s->profile, frames, n);
    return s->profile->stacks->len == before ||
           snapshot_tables_charge(s->tables, STACK_COST + STACK_FRAME_COST * n, error);
}

static const char *label_key(unsigned label)
{
    return label < SITE_LABELS ? site_label_keys[label] : call_label_keys[label - SITE_LABELS];
}

_Static_assert(LABELS < NO_LABEL, "label_of_text has a byte for each text");

/* Which label of a site, or behind those of a record of calls, that key is; LABELS: none. Each text
 * is compared once. */
static unsigned label_of(struct snapshot_samples *s, uint32_t key)
{
    guint8 *known = &s->label_of_text->data[key];
    for (unsigned i = 0; *known == 0 && i < LABELS; i++)
        if (strcmp(text(s, key), label_key(i)) == 0)
            *known = (guint8)(i + 1);
    if (*known == 0)
        *known = NO_LABEL;
    return *known == NO_LABEL ? LABELS : *known - 1u;
}

static void read_label(struct snapshot_samples *s, const Pprof__Label *label,
                       struct sample_labels *ret)
{
    const char *key = text(s, (uint32_t)label->key), *value = text(s, (uint32_t)label->str);
    bool may_be_ours = s->n_heap_types || s->n_call_types;
    unsigned ours = may_be_ours ? label_of(s, (uint32_t)label->key) : LABELS;
    struct thread_labels *labels = &ret->of_thread;
    if (ours < SITE_LABELS)
        site_label_set(&ret->of_site, ours, label->num);
    else if (ours < LABELS)
        call_label_set(&ret->of_record, ours - SITE_LABELS, label->num);
    else if (strcmp(key, "pid") == 0)
        labels->pid = label->num;
    else if (strcmp(key, "pid_use") == 0)
        labels->pid_use = label->num;
    else if (strcmp(key, "tid") == 0 || (strcmp(key, "thread") == 0 && label->num))
        labels->tid = label->num;
    else if (strcmp(key, "thread") == 0)
        labels->thread = value;
    else if (strcmp(key, "process") == 0)
        labels->process = value;
}

static bool read_labels(struct snapshot_samples *s, const Pprof__Sample *sample, uint64_t offset,
                        struct sample_labels *ret_labels, GError **error)
{
    *ret_labels = (struct sample_labels){
        .of_thread = {.pid = -1, .pid_use = -1, .tid = -1},
        .of_site = {.youngest_ns = -1, .oldest_ns = -1},
    };
    for (size_t i = 0; i < sample->n_label; i++) {
        const Pprof__Label *label = sample->label[i];
        if (!snapshot_tables_check_text(s->tables, label->key, offset, error) ||
            !snapshot_tables_check_text(s->tables, label->str, offset, error))
            return false;
        read_label(s, label, ret_labels);
    }
    return true;
}

/* As much of `value` as still fits: the sum of all magnitudes stays below 2^63, and every sum of
 * some of them with it. */
static int64_t saturate(int64_t *room, int64_t value)
{
    value = CLAMP(value, -*room, *room);
    *room -= value < 0 ? -value : value;
    return value;
}

/* A thread's time in a stack. */
static bool add_entry(struct snapshot_samples *s, const Pprof__Sample *sample, uint32_t stack,
                      const struct thread_labels *labels, GError **error)
{
    struct profile *p = s->profile;
    int64_t values[PROFILE_METRICS_MAX];
    guint threads = p->threads->len, entries = p->entries->len;
    uint32_t thread = snapshot_threads_find(s->threads, labels);
    for (uint32_t i = 0; i < p->n_metrics; i++)
        values[i] = saturate(&s->room[i], sample->value[s->columns[i]]);
    profile_add(p, stack, thread, 0, values);
    return snapshot_tables_charge(s->tables,
                                  THREAD_COST * (uint64_t)(p->threads->len - threads) +
                                      ENTRY_COST * (uint64_t)(p->entries->len - entries),
                                  error);
}

/* What a process allocated with a stack. */
static bool add_site(struct snapshot_samples *s, const Pprof__Sample *sample, uint32_t stack,
                     struct sample_labels *labels, GError **error)
{
    struct profile *p = s->profile;
    guint processes = p->processes->len, sites = p->heap->sites->len;
    uint32_t process = snapshot_threads_process(s->threads, &labels->of_thread);
    for (guint i = 0; i < s->n_heap_types; i++) {
        enum heap_column column = s->heap_types[i];
        if (column < HEAP_COLUMNS)
            labels->of_site.values[column] = saturate(
                &s->heap_room[column], MAX(sample->value[s->n_types + s->n_call_types + i], 0));
    }
    heap_site_add(heap_site_get(p->heap, stack, process), &labels->of_site);
    return snapshot_tables_charge(s->tables,
                                  THREAD_COST * (uint64_t)(p->processes->len - processes) +
                                      SITE_COST * (uint64_t)(p->heap->sites->len - sites),
                                  error);
}

/* Takes the values of calls; whether there are any calls. */
static bool take_calls(const struct snapshot_samples *s, const Pprof__Sample *sample,
                       struct call_record *record)
{
    for (guint i = 0; i < s->n_call_types; i++)
        if (s->call_types[i] < CALL_WEIGHTS)
            call_value_set(record, s->call_types[i], sample->value[s->n_types + i]);
    record->stats.open = MIN(record->stats.open, record->stats.calls);
    return call_record_is_kept(record);
}

/* A function's calls by a thread. */
static bool add_record(struct snapshot_samples *s, uint64_t offset, uint32_t stack,
                       const struct sample_labels *labels, GError **error)
{
    struct profile *p = s->profile;
    guint threads = p->threads->len, records = p->calls->records->len;
    uint32_t thread = snapshot_threads_find(s->threads, &labels->of_thread);
    struct call_record *record =
        calls_record_get(p->calls, stack, thread, labels->of_record.is_recursive);
    if (!record)
        return snapshot_tables_corrupt(s->tables, offset, error,
                                       "more than %d stacks of calls: damaged", CALLS_RECORDS_MAX);
    call_stats_add(&record->stats, &labels->of_record.stats);
    return snapshot_tables_charge(s->tables,
                                  THREAD_COST * (uint64_t)(p->threads->len - threads) +
                                      RECORD_COST * (uint64_t)(p->calls->records->len - records),
                                  error);
}

/* Whether there is anything but calls in a sample. */
static bool has_more(const struct snapshot_samples *s, const Pprof__Sample *sample)
{
    for (size_t i = 0; i < sample->n_value; i++)
        if ((i < s->n_types || i >= s->n_types + s->n_call_types) && sample->value[i])
            return true;
    return false;
}

static bool add_sample(struct snapshot_samples *s, const Pprof__Sample *sample, uint64_t offset,
                       GError **error)
{
    struct sample_labels labels;
    uint32_t stack = 0;
    if (sample->n_value != s->tables->sample_types->len)
        return snapshot_tables_corrupt(s->tables, offset, error,
                                       "a sample has %" G_GSIZE_FORMAT " values instead of %u",
                                       sample->n_value, s->tables->sample_types->len);
    if (!read_labels(s, sample, offset, &labels, error) ||
        !read_stack(s, sample, offset, &stack, error))
        return false;
    if (take_calls(s, sample, &labels.of_record)) {
        if (!add_record(s, offset, stack, &labels, error))
            return false;
        /* Other programs may have joined it with the CPU time of the same stack. */
        if (!has_more(s, sample))
            return true;
    }
    /* The heap knows no threads. */
    if (s->n_heap_types && labels.of_thread.tid < 0 && !labels.of_thread.thread)
        return add_site(s, sample, stack, &labels, error);
    return add_entry(s, sample, stack, &labels.of_thread, error);
}

static bool read_sample(struct snapshot_samples *s, const struct field *field, GError **error)
{
    const Pprof__Sample *sample =
        snapshot_tables_unpack(s->tables, &pprof__sample__descriptor, field, error);
    return sample && add_sample(s, sample, field->offset, error);
}

static bool read_samples(struct snapshot_samples *s, GError **error)
{
    struct field_reader *fields = field_reader_new(s->tables->input);
    struct field field;
    enum field_status status;
    while ((status = field_reader_next(fields, &field, error)) == FIELD_READ)
        if (field.number == SNAPSHOT_SAMPLE && !read_sample(s, &field, error)) {
            status = FIELD_ERROR;
            break;
        }
    field_reader_free(fields);
    return status == FIELD_END;
}

static void add_cut_note(struct snapshot_samples *s)
{
    if (s->n_cut == 0)
        return;
    char *note = g_strdup_printf("%" G_GINT64_FORMAT " stacks of more than %d frames were cut",
                                 s->n_cut, PROFILE_DEPTH_MAX);
    profile_note(s->profile, note);
    g_free(note);
}

struct snapshot_samples *snapshot_samples_new(struct snapshot_tables *tables,
                                              struct profile *profile, bool ours)
{
    struct snapshot_samples *s = g_new0(struct snapshot_samples, 1);
    s->tables = tables;
    s->profile = profile;
    s->ours = ours;
    s->label_of_text = g_byte_array_new();
    read_kind(s);
    read_metrics(s);
    return s;
}

void snapshot_samples_free(struct snapshot_samples *s)
{
    if (!s)
        return;
    g_byte_array_unref(s->label_of_text);
    g_free(s->heap_types);
    g_free(s->call_types);
    g_free(s);
}

bool snapshot_samples_read(struct snapshot_samples *s, const char *default_name, GError **error)
{
    s->threads = snapshot_threads_new(s->profile, default_name);
    bool ok = read_samples(s, error);
    snapshot_threads_free(s->threads);
    if (!ok)
        return false;
    add_cut_note(s);
    heap_touch(s->profile->heap);
    calls_touch(s->profile->calls);
    return true;
}
