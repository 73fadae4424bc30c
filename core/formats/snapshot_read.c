/*
 * A pprof file as a profile.
 *
 * Two passes over the packed bytes: the tables first (snapshot_tables.c), then the samples, one by
 * one. The unpacked file is never held whole, sums cannot overflow, and what the file makes us
 * allocate is charged before; so a hostile file costs bounded memory and one line of error.
 */
#include "core/formats/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/formats/snapshot_calls.h"
#include "core/formats/snapshot_comments.h"
#include "core/formats/snapshot_heap.h"
#include "core/formats/snapshot_tables.h"
#include "core/formats/snapshot_threads.h"
#include "core/symbols/demangle.h"
#include "profile.pb-c.h"

enum {
    SAMPLES_MAX = 10000000,
    /* In the profile, with its share of hash tables and of the call tree that will be built. */
    ENTRY_COST = 176,
    STACK_COST = 96,
    STACK_FRAME_COST = 4,
    THREAD_COST = 512,
    FUNCTION_COST = 160,
    NO_LABEL = 255,
    SITE_COST = sizeof(struct heap_site) + ENTRY_COST,
    RECORD_COST = sizeof(struct call_record) + ENTRY_COST,
    /* Labels of sites and of records of calls, in one row. */
    LABELS = SITE_LABELS + CALL_LABELS,
};

struct reader {
    struct snapshot_tables *tables;
    struct profile *profile;
    struct snapshot_threads *threads;
    bool ours;                             /* written by proftop: names are final */
    GHashTable *kinds;                     /* mapping id -> enum module_kind + 1 */
    uint32_t columns[PROFILE_METRICS_MAX]; /* position of each metric in the file's values */
    int64_t room[PROFILE_METRICS_MAX];     /* what may still be added without overflow */
    int64_t n_cut;                         /* stacks that were too deep */
    guint n_types;                         /* of metrics; the calls' stand behind them */
    enum call_weight *call_types;          /* CALL_WEIGHTS: one we do not know */
    guint n_call_types;           /* 0: no calls in the file; the heap's stand behind them */
    enum heap_column *heap_types; /* HEAP_COLUMNS: one we do not know */
    guint n_heap_types;           /* 0: no heap in the file */
    int64_t heap_room[HEAP_COLUMNS];
    GByteArray *label_of_text; /* by text: 1 + the label of that key; NO_LABEL; 0: not looked at */
};

/* What a sample's labels say. */
struct sample_labels {
    struct thread_labels of_thread;
    struct heap_site of_site;     /* values are not among them */
    struct call_record of_record; /* likewise */
};

static const char *text(const struct reader *r, uint32_t index)
{
    return snapshot_tables_text(r->tables, index);
}

static const struct file_value_type *sample_type(const struct reader *r, guint i)
{
    return &g_array_index(r->tables->sample_types, struct file_value_type, i);
}

static bool type_is(const struct reader *r, guint i, const char *type, const char *unit)
{
    return strcmp(text(r, sample_type(r, i)->type), type) == 0 &&
           (!unit || strcmp(text(r, sample_type(r, i)->unit), unit) == 0);
}

/* The file's choice, else CPU time, else the last type, as pprof has it. */
static guint main_type(const struct reader *r)
{
    const struct snapshot_tables *t = r->tables;
    guint n = r->n_types;
    const char *wanted = text(r, t->default_sample_type);
    for (guint i = 0; i < n && *wanted; i++)
        if (type_is(r, i, wanted, NULL))
            return i;
    for (guint i = 0; i < n; i++)
        if (type_is(r, i, "cpu", "nanoseconds"))
            return i;
    return n - 1;
}

static void read_metrics(struct reader *r)
{
    struct profile *p = r->profile;
    guint n = r->n_types, main = main_type(r);
    for (guint i = 0; i < MIN(n, PROFILE_METRICS_MAX); i++) {
        /* Of more types than fit, the last place goes to the main one. */
        guint from = i == PROFILE_METRICS_MAX - 1 && main > i ? main : i;
        profile_add_metric(p, text(r, sample_type(r, from)->type),
                           text(r, sample_type(r, from)->unit));
        r->columns[i] = from;
        r->room[i] = INT64_MAX;
        if (from == main)
            p->main_metric = i;
        if (p->count_metric == PROFILE_NONE && type_is(r, from, "samples", "count"))
            p->count_metric = i;
    }
    if (n > PROFILE_METRICS_MAX) {
        char *note =
            g_strdup_printf("%d of the file's %u sample types are read", PROFILE_METRICS_MAX, n);
        profile_note(p, note);
        g_free(note);
    }
}

static enum heap_column column_of_type(const struct reader *r, guint i)
{
    for (int column = 0; column < HEAP_COLUMNS; column++)
        if (type_is(r, i, heap_columns[column].type, NULL))
            return (enum heap_column)column;
    return HEAP_COLUMNS;
}

static enum call_weight weight_of_type(const struct reader *r, guint i)
{
    for (int weight = 0; weight < CALL_WEIGHTS; weight++)
        if (type_is(r, i, call_weights[weight].type, NULL))
            return (enum call_weight)weight;
    return CALL_WEIGHTS;
}

/* What the first comment that knows says about how many sample types there are of a kind; 0: none
 * does, or it says too many. The first type always is a metric. */
static guint count_types(const struct reader *r, unsigned (*told)(const char *comment), guint n)
{
    const GArray *comments = r->tables->comments;
    guint types = 0;
    for (guint i = 0; r->ours && i < comments->len && types == 0; i++)
        types = told(text(r, g_array_index(comments, uint32_t, i)));
    return types < n ? types : 0;
}

/* Whose file it is, and which of its sample types are metrics. */
static void read_kind(struct reader *r)
{
    const GArray *comments = r->tables->comments;
    guint n = r->tables->sample_types->len;
    r->ours = comments->len > 0 &&
              strcmp(text(r, g_array_index(comments, uint32_t, 0)), "proftop=1") == 0;
    r->n_heap_types = count_types(r, snapshot_heap_types, n);
    r->n_call_types = count_types(r, snapshot_calls_types, n - r->n_heap_types);
    r->n_types = n - r->n_heap_types - r->n_call_types;
    for (guint i = 0; i < HEAP_COLUMNS; i++)
        r->heap_room[i] = INT64_MAX;
    r->call_types = g_new(enum call_weight, r->n_call_types);
    for (guint i = 0; i < r->n_call_types; i++)
        r->call_types[i] = weight_of_type(r, r->n_types + i);
    r->heap_types = g_new(enum heap_column, r->n_heap_types);
    for (guint i = 0; i < r->n_heap_types; i++)
        r->heap_types[i] = column_of_type(r, n - r->n_heap_types + i);
    g_byte_array_set_size(r->label_of_text, r->tables->text_offsets->len);
    memset(r->label_of_text->data, 0, r->label_of_text->len);
}

static bool read_comments(struct reader *r, GError **error)
{
    const GArray *indexes = r->tables->comments;
    GPtrArray *comments = g_ptr_array_new();
    for (guint i = 0; i < indexes->len; i++)
        g_ptr_array_add(comments, (gpointer)text(r, g_array_index(indexes, uint32_t, i)));
    GError *cause = NULL;
    bool ok = snapshot_comments_read(r->profile, comments, r->kinds, &cause);
    g_ptr_array_unref(comments);
    if (cause) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_CORRUPT, "%s: %s", r->tables->input->name,
                    cause->message);
        g_error_free(cause);
    }
    r->profile->info.start_time_ns = r->tables->time_nanos;
    r->profile->info.duration_ns = MAX(r->tables->duration_nanos, 0);
    return ok;
}

static void read_modules(struct reader *r)
{
    for (guint i = 0; i < r->tables->mappings->len; i++) {
        struct file_mapping *m = &g_array_index(r->tables->mappings, struct file_mapping, i);
        guint kind =
            GPOINTER_TO_UINT(g_hash_table_lookup(r->kinds, GSIZE_TO_POINTER((gsize)m->id)));
        m->module = profile_module(r->profile, text(r, m->path), text(r, m->build_id),
                                   kind ? (enum module_kind)(kind - 1) : MODULE_FILE);
    }
}

/* "module+0xaddress" is no name: true, and the address. */
static bool is_nameless(const struct module *module, const char *name, uint64_t *ret_start)
{
    size_t size = strlen(module->name);
    if (strncmp(name, module->name, size) != 0 || strncmp(name + size, "+0x", 3) != 0)
        return false;
    const char *digits = name + size + 3;
    size_t n = strspn(digits, "0123456789abcdef");
    if (n == 0 || n > 16 || digits[n])
        return false;
    *ret_start = g_ascii_strtoull(digits, NULL, 16);
    return true;
}

/* Names as another writer left them: mangled ones made readable, and short ones for the tables. */
static uint32_t foreign_function(struct reader *r, struct function_spec *spec)
{
    bool mangled = strncmp(spec->name, "_Z", 2) == 0 || strncmp(spec->name, "_R", 2) == 0;
    char *name = mangled ? demangle(spec->name) : g_strdup(spec->name);
    char *brief = demangle_brief(name);
    spec->name = name;
    spec->brief = brief;
    uint32_t id = profile_function(r->profile, spec);
    g_free(brief);
    g_free(name);
    return id;
}

/* The profile's function for one of the file's, which may serve several modules. */
static bool read_function(struct reader *r, struct file_function *f, uint32_t module,
                          GError **error)
{
    if (f->module == module)
        return true;
    if (!snapshot_tables_charge(r->tables, FUNCTION_COST, error))
        return false;
    const char *name = text(r, f->name), *linkage = text(r, f->linkage);
    struct function_spec spec = {.module = module,
                                 .linkage = *linkage ? linkage : name,
                                 .name = *name ? name : linkage,
                                 .brief = f->brief ? text(r, f->brief) : NULL,
                                 .file = text(r, f->file),
                                 .decl_line = f->decl_line};
    f->function = r->ours ? profile_function(r->profile, &spec) : foreign_function(r, &spec);
    f->module = module;
    return true;
}

/* Code that belongs to no named file goes under a name only when it has no other. */
static uint32_t module_of(struct reader *r, const struct file_location *l)
{
    if (l->mapping != PROFILE_NONE) {
        uint32_t id = g_array_index(r->tables->mappings, struct file_mapping, l->mapping).module;
        if (*profile_get_module(r->profile, id)->path)
            return id;
    }
    return profile_module(r->profile, l->n_lines ? "" : PROFILE_MARK_UNKNOWN, NULL, MODULE_FILE);
}

/* As linked, as far as the mapping tells; proftop's own mappings begin at 0. */
static uint64_t address_of(const struct reader *r, const struct file_location *l)
{
    if (l->mapping == PROFILE_NONE)
        return l->address;
    const struct file_mapping *m =
        &g_array_index(r->tables->mappings, struct file_mapping, l->mapping);
    bool inside = l->address >= m->start && l->address < m->limit;
    return inside ? l->address - m->start + m->file_offset : l->address;
}

static bool resolve(struct reader *r, const struct file_location *l, GError **error)
{
    struct line lines[256];
    uint32_t module = profile_get_frame(r->profile, l->frame)->module, n = 0;
    uint64_t start = 0;
    for (uint32_t i = 0; i < MIN(l->n_lines, G_N_ELEMENTS(lines)); i++) {
        const struct file_line *line =
            &g_array_index(r->tables->lines, struct file_line, l->first_line + i);
        if (line->function == PROFILE_NONE)
            continue;
        struct file_function *f =
            &g_array_index(r->tables->functions, struct file_function, line->function);
        const struct module *m = profile_get_module(r->profile, module);
        if (l->n_lines == 1 && is_nameless(m, text(r, f->name), &start))
            break;
        if (!read_function(r, f, module, error))
            return false;
        lines[n++] = (struct line){.function = f->function, .line = line->line};
    }
    profile_resolve(r->profile, l->frame, lines, n, start);
    return true;
}

/* Whether what belongs to no code is a mark, named like its module; else it has names of its own.
 */
static bool is_mark(const struct reader *r, const struct file_location *l, const char *path)
{
    if (l->n_lines == 0)
        return true;
    uint32_t function = g_array_index(r->tables->lines, struct file_line, l->first_line).function;
    if (function == PROFILE_NONE)
        return true;
    const struct file_function *f =
        &g_array_index(r->tables->functions, struct file_function, function);
    return strcmp(text(r, f->name), path) == 0;
}

static bool read_location(struct reader *r, struct file_location *l, GError **error)
{
    struct profile *p = r->profile;
    uint32_t module = module_of(r, l);
    uint64_t address = address_of(r, l);
    const struct module *m = profile_get_module(p, module);
    if (m->kind == MODULE_SPECIAL && is_mark(r, l, m->path)) {
        l->frame = profile_mark(p, m->path);
        return true;
    }
    /* Address 0 says that there is none; one that is taken has other lines this time. */
    l->frame = address ? profile_frame(p, module, address) : 0;
    if (!address || profile_get_frame(p, l->frame)->state == FRAME_RESOLVED)
        l->frame = profile_frame_unique(p, module, address);
    return resolve(r, l, error);
}

static bool read_locations(struct reader *r, GError **error)
{
    for (guint i = 0; i < r->tables->locations->len; i++)
        if (!read_location(r, &g_array_index(r->tables->locations, struct file_location, i), error))
            return false;
    return true;
}

static bool read_stack(struct reader *r, const Pprof__Sample *sample, uint64_t offset,
                       uint32_t *ret_stack, GError **error)
{
    uint32_t frames[PROFILE_DEPTH_MAX];
    size_t n = MIN(sample->n_location_id, PROFILE_DEPTH_MAX);
    for (size_t i = 0; i < sample->n_location_id; i++) {
        uint32_t at = id_index_find(&r->tables->location_index, sample->location_id[i]);
        if (at == UINT32_MAX)
            return snapshot_tables_corrupt(r->tables, offset, error,
                                           "a sample at location %" G_GUINT64_FORMAT
                                           ", which is not there",
                                           sample->location_id[i]);
        if (i < n)
            frames[i] = g_array_index(r->tables->locations, struct file_location, at).frame;
    }
    if (n < sample->n_location_id) {
        frames[n - 1] = profile_mark(r->profile, PROFILE_MARK_TRUNCATED);
        r->n_cut++;
    }
    if (n == 0)
        frames[n++] = profile_mark(r->profile, "[no stack]");
    guint before = r->profile->stacks->len;
    *ret_stack = profile_stack(r->profile, frames, n);
    return r->profile->stacks->len == before ||
           snapshot_tables_charge(r->tables, STACK_COST + STACK_FRAME_COST * n, error);
}

static const char *label_key(unsigned label)
{
    return label < SITE_LABELS ? site_label_keys[label] : call_label_keys[label - SITE_LABELS];
}

/* Which label of a site, or behind those of a record of calls, that key is; LABELS: none. Each text
 * is compared once. */
static unsigned label_of(struct reader *r, uint32_t key)
{
    guint8 *known = &r->label_of_text->data[key];
    for (unsigned i = 0; *known == 0 && i < LABELS; i++)
        if (strcmp(text(r, key), label_key(i)) == 0)
            *known = (guint8)(i + 1);
    if (*known == 0)
        *known = NO_LABEL;
    return *known == NO_LABEL ? LABELS : *known - 1u;
}

static void read_label(struct reader *r, const Pprof__Label *label, struct sample_labels *ret)
{
    const char *key = text(r, (uint32_t)label->key), *value = text(r, (uint32_t)label->str);
    bool may_be_ours = r->n_heap_types || r->n_call_types;
    unsigned ours = may_be_ours ? label_of(r, (uint32_t)label->key) : LABELS;
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

static bool read_labels(struct reader *r, const Pprof__Sample *sample, uint64_t offset,
                        struct sample_labels *ret_labels, GError **error)
{
    *ret_labels = (struct sample_labels){
        .of_thread = {.pid = -1, .pid_use = -1, .tid = -1},
        .of_site = {.youngest_ns = -1, .oldest_ns = -1},
    };
    for (size_t i = 0; i < sample->n_label; i++) {
        const Pprof__Label *label = sample->label[i];
        if (!snapshot_tables_check_text(r->tables, label->key, offset, error) ||
            !snapshot_tables_check_text(r->tables, label->str, offset, error))
            return false;
        read_label(r, label, ret_labels);
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
static bool add_entry(struct reader *r, const Pprof__Sample *sample, uint32_t stack,
                      const struct thread_labels *labels, GError **error)
{
    struct profile *p = r->profile;
    int64_t values[PROFILE_METRICS_MAX];
    guint threads = p->threads->len, entries = p->entries->len;
    uint32_t thread = snapshot_threads_find(r->threads, labels);
    for (uint32_t i = 0; i < p->n_metrics; i++)
        values[i] = saturate(&r->room[i], sample->value[r->columns[i]]);
    profile_add(p, stack, thread, 0, values);
    return snapshot_tables_charge(r->tables,
                                  THREAD_COST * (uint64_t)(p->threads->len - threads) +
                                      ENTRY_COST * (uint64_t)(p->entries->len - entries),
                                  error);
}

/* What a process allocated with a stack. */
static bool add_site(struct reader *r, const Pprof__Sample *sample, uint32_t stack,
                     struct sample_labels *labels, GError **error)
{
    struct profile *p = r->profile;
    guint processes = p->processes->len, sites = p->heap->sites->len;
    uint32_t process = snapshot_threads_process(r->threads, &labels->of_thread);
    for (guint i = 0; i < r->n_heap_types; i++) {
        enum heap_column column = r->heap_types[i];
        if (column < HEAP_COLUMNS)
            labels->of_site.values[column] = saturate(
                &r->heap_room[column], MAX(sample->value[r->n_types + r->n_call_types + i], 0));
    }
    heap_site_add(heap_site_get(p->heap, stack, process), &labels->of_site);
    return snapshot_tables_charge(r->tables,
                                  THREAD_COST * (uint64_t)(p->processes->len - processes) +
                                      SITE_COST * (uint64_t)(p->heap->sites->len - sites),
                                  error);
}

/* Takes the values of calls; whether there are any calls. */
static bool take_calls(const struct reader *r, const Pprof__Sample *sample,
                       struct call_record *record)
{
    for (guint i = 0; i < r->n_call_types; i++)
        if (r->call_types[i] < CALL_WEIGHTS)
            call_value_set(record, r->call_types[i], sample->value[r->n_types + i]);
    record->stats.open = MIN(record->stats.open, record->stats.calls);
    return call_record_is_kept(record);
}

/* A function's calls by a thread. */
static bool add_record(struct reader *r, uint64_t offset, uint32_t stack,
                       const struct sample_labels *labels, GError **error)
{
    struct profile *p = r->profile;
    guint threads = p->threads->len, records = p->calls->records->len;
    uint32_t thread = snapshot_threads_find(r->threads, &labels->of_thread);
    struct call_record *record = calls_record_get(p->calls, stack, thread);
    if (!record)
        return snapshot_tables_corrupt(r->tables, offset, error,
                                       "more than %d stacks of calls: damaged", CALLS_RECORDS_MAX);
    call_stats_add(&record->stats, &labels->of_record.stats);
    record->is_recursive |= labels->of_record.is_recursive;
    return snapshot_tables_charge(r->tables,
                                  THREAD_COST * (uint64_t)(p->threads->len - threads) +
                                      RECORD_COST * (uint64_t)(p->calls->records->len - records),
                                  error);
}

/* Whether there is anything but calls in a sample. */
static bool has_more(const struct reader *r, const Pprof__Sample *sample)
{
    for (size_t i = 0; i < sample->n_value; i++)
        if ((i < r->n_types || i >= r->n_types + r->n_call_types) && sample->value[i])
            return true;
    return false;
}

static bool add_sample(struct reader *r, const Pprof__Sample *sample, uint64_t offset,
                       GError **error)
{
    struct sample_labels labels;
    uint32_t stack = 0;
    if (sample->n_value != r->tables->sample_types->len)
        return snapshot_tables_corrupt(r->tables, offset, error,
                                       "a sample has %" G_GSIZE_FORMAT " values instead of %u",
                                       sample->n_value, r->tables->sample_types->len);
    if (!read_labels(r, sample, offset, &labels, error) ||
        !read_stack(r, sample, offset, &stack, error))
        return false;
    if (take_calls(r, sample, &labels.of_record)) {
        if (!add_record(r, offset, stack, &labels, error))
            return false;
        /* Other programs may have joined it with the CPU time of the same stack. */
        if (!has_more(r, sample))
            return true;
    }
    /* The heap knows no threads. */
    if (r->n_heap_types && labels.of_thread.tid < 0 && !labels.of_thread.thread)
        return add_site(r, sample, stack, &labels, error);
    return add_entry(r, sample, stack, &labels.of_thread, error);
}

static bool read_sample(struct reader *r, const struct field *field, GError **error)
{
    const Pprof__Sample *sample =
        snapshot_tables_unpack(r->tables, &pprof__sample__descriptor, field, error);
    return sample && add_sample(r, sample, field->offset, error);
}

static bool read_samples(struct reader *r, GError **error)
{
    struct field_reader *fields = field_reader_new(r->tables->input);
    struct field field;
    enum field_status status;
    while ((status = field_reader_next(fields, &field, error)) == FIELD_READ)
        if (field.number == SNAPSHOT_SAMPLE && !read_sample(r, &field, error)) {
            status = FIELD_ERROR;
            break;
        }
    field_reader_free(fields);
    return status == FIELD_END;
}

/* Functions that somebody asked to be counted. */
static void read_counted(struct reader *r)
{
    const GArray *comments = r->tables->comments;
    for (guint i = 0; r->ours && i < comments->len; i++) {
        const char *comment = text(r, g_array_index(comments, uint32_t, i));
        uint64_t id = snapshot_calls_get_counted(comment);
        uint32_t at = id ? id_index_find(&r->tables->function_index, id) : PROFILE_NONE;
        if (at == PROFILE_NONE)
            continue;
        const struct file_function *f =
            &g_array_index(r->tables->functions, struct file_function, at);
        if (f->module != PROFILE_NONE)
            g_hash_table_add(r->profile->calls->counted, GUINT_TO_POINTER(f->function));
    }
}

static void add_cut_note(struct reader *r)
{
    if (r->n_cut == 0)
        return;
    char *note = g_strdup_printf("%" G_GINT64_FORMAT " stacks of more than %d frames were cut",
                                 r->n_cut, PROFILE_DEPTH_MAX);
    profile_note(r->profile, note);
    g_free(note);
}

/* What the header of a file of ours says, and another one's samples must tell. */
static void complete_info(struct reader *r)
{
    struct profile *p = r->profile;
    if (r->ours || p->count_metric == PROFILE_NONE)
        return;
    for (guint i = 0; i < p->threads->len; i++)
        p->info.samples += profile_get_thread(p, i)->samples;
}

static bool read_all(struct reader *r, GError **error)
{
    if (r->tables->n_samples > SAMPLES_MAX) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_CORRUPT,
                    "%s: has more than %d samples; merge them with `pprof -proto`",
                    r->tables->input->name, SAMPLES_MAX);
        return false;
    }
    read_kind(r);
    read_metrics(r);
    if (!read_comments(r, error))
        return false;
    char *name = g_path_get_basename(r->tables->input->name);
    read_modules(r);
    r->threads = snapshot_threads_new(r->profile, name);
    bool ok = read_locations(r, error) && read_samples(r, error);
    snapshot_threads_free(r->threads);
    g_free(name);
    if (ok) {
        add_cut_note(r);
        complete_info(r);
        read_counted(r);
        heap_touch(r->profile->heap);
        calls_touch(r->profile->calls);
    }
    return ok;
}

static struct profile *read_input(const struct packed_input *input, GError **error)
{
    struct snapshot_tables *tables = snapshot_tables_read(input, error);
    if (!tables)
        return NULL;
    struct reader r = {.tables = tables,
                       .profile = profile_new(),
                       .kinds = g_hash_table_new(g_direct_hash, g_direct_equal),
                       .label_of_text = g_byte_array_new()};
    if (!read_all(&r, error)) {
        profile_free(r.profile);
        r.profile = NULL;
    }
    g_hash_table_unref(r.kinds);
    g_byte_array_unref(r.label_of_text);
    g_free(r.heap_types);
    g_free(r.call_types);
    snapshot_tables_free(tables);
    return r.profile;
}

struct profile *snapshot_parse(const uint8_t *data, size_t size, const char *name, GError **error)
{
    struct packed_input input = {.data = data, .size = size, .fd = -1, .name = name};
    return read_input(&input, error);
}

struct profile *snapshot_load(const char *path, GError **error)
{
    struct stat st;
    struct profile *profile = NULL;
    /* Not to wait for ever on a FIFO, nor take a terminal for ours. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) != 0) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED, "%s: cannot be opened: %s", path,
                    g_strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED,
                    "%s: is not a regular file; give a snapshot (.pb.gz)", path);
    } else {
        struct packed_input input = {.size = (uint64_t)st.st_size, .fd = fd, .name = path};
        profile = read_input(&input, error);
    }
    if (fd >= 0)
        close(fd);
    return profile;
}
