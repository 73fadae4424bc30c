/*
 * A profile as a pprof file.
 *
 * The order is canonical: samples as the profile has its entries, then its calls, then its sites,
 * locations by frame, functions as the locations name them first, texts as they are needed. Reading
 * creates everything in this same order, hence what was read is written byte for byte as it was.
 * Messages are packed one by one, so that no second copy of the profile stands in memory.
 */
#include "core/formats/snapshot.h"

#include <string.h>

#include "core/formats/packed_file.h"
#include "core/formats/snapshot_calls.h"
#include "core/formats/snapshot_comments.h"
#include "core/formats/snapshot_heap.h"
#include "profile.pb-c.h"

enum {
    FIELD_SAMPLE = 2,
    FIELD_MAPPING,
    FIELD_LOCATION,
    FIELD_FUNCTION,
    FIELD_STRING,
    VARINT_MAX = 10,
    LABELS_MAX = 5 + MAX((int)SITE_LABELS, (int)CALL_LABELS),
    TYPES_MAX = PROFILE_METRICS_MAX + CALL_WEIGHTS + HEAP_COLUMNS,
};

/* What is known about a module only after all frames were looked at. */
struct module_use {
    uint64_t mapping_id; /* 0: not used, or nothing is known about it */
    bool used;
    uint64_t limit;
    bool functions, files, lines, inlines;
};

struct writer {
    const struct profile *profile;
    struct packed_file *file;
    GHashTable *text_ids;           /* text -> index + 1 */
    GPtrArray *texts;               /* borrowed */
    GPtrArray *comments;            /* owned */
    unsigned n_columns;             /* of the heap: HEAP_COLUMNS, or 0 when it was not measured */
    unsigned n_weights;             /* of calls: CALL_WEIGHTS, or 0 when there are none */
    int64_t site_keys[SITE_LABELS]; /* text of each label of sites; 0: not met yet */
    int64_t call_keys[CALL_LABELS]; /* likewise, of records of calls */
    GArray *uses;                   /* uint32_t by process: see snapshot_process_uses */
    struct module_use *modules;
    uint64_t *locations;    /* by frame; 0: not used */
    uint64_t *function_ids; /* by function; 0: not used */
    GArray *functions;      /* uint32_t, in the order of their ids */
    GByteArray *packed;     /* the message being written */
    GError **error;
};

static int64_t text_id(struct writer *w, const char *text)
{
    uint32_t id = GPOINTER_TO_UINT(g_hash_table_lookup(w->text_ids, text));
    if (id == 0) {
        g_ptr_array_add(w->texts, (gpointer)text);
        id = w->texts->len;
        g_hash_table_insert(w->text_ids, (gpointer)text, GUINT_TO_POINTER(id));
    }
    return (int64_t)id - 1;
}

static bool emit(struct writer *w, uint32_t field, const void *data, size_t size)
{
    uint8_t tag[1 + VARINT_MAX] = {(uint8_t)(field << 3 | 2)};
    size_t n = 1;
    for (size_t left = size; left >= 0x80; left >>= 7)
        tag[n++] = (uint8_t)(left | 0x80);
    tag[n] = (uint8_t)(size >> (7 * (n - 1)));
    return packed_file_write(w->file, tag, n + 1, w->error) &&
           packed_file_write(w->file, data, size, w->error);
}

static void pack(struct writer *w, const ProtobufCMessage *message)
{
    g_byte_array_set_size(w->packed, (guint)protobuf_c_message_get_packed_size(message));
    protobuf_c_message_pack(message, w->packed->data);
}

static bool emit_message(struct writer *w, uint32_t field, const ProtobufCMessage *message)
{
    pack(w, message);
    return emit(w, field, w->packed->data, w->packed->len);
}

static void look_at_frame(struct writer *w, uint32_t id)
{
    const struct profile *p = w->profile;
    const struct frame *frame = profile_get_frame(p, id);
    const struct line *lines = profile_frame_lines(p, id);
    struct module_use *use = &w->modules[frame->module];
    use->used = true;
    use->limit = MAX(use->limit, frame->address == UINT64_MAX ? UINT64_MAX : frame->address + 1);
    use->inlines |= frame->n_lines > 1;
    for (uint32_t i = 0; i < frame->n_lines; i++) {
        const struct function *f = profile_get_function(p, lines[i].function);
        use->functions |= !f->unresolved;
        use->files |= *f->file != 0;
        use->lines |= lines[i].line != 0;
    }
}

static const struct heap_site *site_at(const struct writer *w, guint i)
{
    return &g_array_index(w->profile->heap->sites, struct heap_site, i);
}

/* How many of the heap's sites are written: without the heap's sample types none. */
static guint count_sites(const struct writer *w)
{
    return w->n_columns ? w->profile->heap->sites->len : 0;
}

/* The next record of calls that is written, from the i-th on; NULL: there is none. Moves *i past
 * it. */
static const struct call_record *next_record(const struct writer *w, guint *i)
{
    const GArray *records = w->profile->calls->records;
    while (*i < records->len) {
        const struct call_record *record = &g_array_index(records, struct call_record, (*i)++);
        if (call_record_is_kept(record))
            return record;
    }
    return NULL;
}

static void use_stack(struct writer *w, uint32_t stack)
{
    const uint32_t *frames = profile_stack_frames(w->profile, stack);
    for (uint32_t k = 0; k < profile_get_stack(w->profile, stack)->n_frames; k++)
        w->locations[frames[k]] = 1;
}

/* Numbers the frames that samples use, in the order of the frames. */
static void number_locations(struct writer *w)
{
    const struct profile *p = w->profile;
    for (guint i = 0; i < p->entries->len; i++)
        use_stack(w, profile_get_entry(p, i)->stack);
    for (guint i = 0; i < count_sites(w); i++)
        use_stack(w, site_at(w, i)->stack);
    guint at = 0;
    for (const struct call_record *record; (record = next_record(w, &at));)
        use_stack(w, record->stack);
    uint64_t next = 1;
    for (guint i = 0; i < p->frames->len; i++)
        if (w->locations[i]) {
            w->locations[i] = next++;
            look_at_frame(w, i);
        }
}

/* Numbers the functions of these frames in the order in which locations name them. */
static void number_functions(struct writer *w)
{
    const struct profile *p = w->profile;
    for (guint i = 0; i < p->frames->len; i++) {
        const struct line *lines = profile_frame_lines(p, i);
        for (uint32_t k = 0; w->locations[i] && k < profile_get_frame(p, i)->n_lines; k++)
            if (!w->function_ids[lines[k].function]) {
                g_array_append_val(w->functions, lines[k].function);
                w->function_ids[lines[k].function] = w->functions->len;
            }
    }
}

/* Readers take the first mapping for the program itself: the one named like the command, if any. */
static uint32_t main_module(const struct writer *w)
{
    const struct profile *p = w->profile;
    char *program = g_strndup(p->info.command, strcspn(p->info.command, " "));
    char *base = g_path_get_basename(program);
    uint32_t found = PROFILE_NONE, first = PROFILE_NONE;
    for (guint i = 0; i < p->modules->len && found == PROFILE_NONE; i++) {
        const struct module *m = profile_get_module(p, i);
        if (!w->modules[i].used || m->kind != MODULE_FILE || !*m->path)
            continue;
        if (first == PROFILE_NONE)
            first = i;
        if (strcmp(m->name, base) == 0)
            found = i;
    }
    g_free(base);
    g_free(program);
    return found == PROFILE_NONE ? first : found;
}

/* Module ids in the order of the file; numbers them on the way. */
static GArray *number_mappings(struct writer *w)
{
    GArray *order = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    uint32_t first = main_module(w);
    if (first != PROFILE_NONE)
        g_array_append_val(order, first);
    for (uint32_t i = 0; i < w->profile->modules->len; i++)
        if (i != first && w->modules[i].used && *profile_get_module(w->profile, i)->path)
            g_array_append_val(order, i);
    for (guint i = 0; i < order->len; i++)
        w->modules[g_array_index(order, uint32_t, i)].mapping_id = i + 1;
    return order;
}

/* Those that were never met have no place in the file. */
static void collect_counted(struct writer *w)
{
    for (guint i = 0; i < w->functions->len; i++) {
        gpointer function = GUINT_TO_POINTER(g_array_index(w->functions, uint32_t, i));
        if (g_hash_table_contains(w->profile->calls->counted, function))
            g_ptr_array_add(w->comments, snapshot_calls_counted(i + 1));
    }
}

static void collect_comments(struct writer *w, const GArray *mappings)
{
    snapshot_comments_write(w->profile, w->comments);
    collect_counted(w);
    for (guint i = 0; i < mappings->len; i++) {
        uint32_t id = g_array_index(mappings, uint32_t, i);
        enum module_kind kind = profile_get_module(w->profile, id)->kind;
        if (kind != MODULE_FILE)
            g_ptr_array_add(w->comments, snapshot_comments_module(i + 1, kind));
    }
}

static void make_type(struct writer *w, Pprof__ValueType *value_type, const char *type,
                      const char *unit)
{
    pprof__value_type__init(value_type);
    value_type->type = text_id(w, type);
    value_type->unit = text_id(w, unit);
}

/* Metrics, then what calls have, then the heap's columns; returns how many. */
static size_t make_types(struct writer *w, Pprof__ValueType *types)
{
    const struct profile *p = w->profile;
    size_t n = 0;
    for (uint32_t i = 0; i < p->n_metrics; i++)
        make_type(w, &types[n++], p->metrics[i].type, p->metrics[i].unit);
    for (unsigned i = 0; i < w->n_weights; i++)
        make_type(w, &types[n++], call_weights[i].type, call_weights[i].unit);
    for (unsigned i = 0; i < w->n_columns; i++)
        make_type(w, &types[n++], heap_columns[i].type,
                  heap_columns[i].is_bytes ? "bytes" : "count");
    return n;
}

/* Everything that is not repeated messages, as one message: pprof readers join the pieces. */
static bool write_header(struct writer *w)
{
    const struct profile *p = w->profile;
    Pprof__ValueType types[TYPES_MAX], period = PPROF__VALUE_TYPE__INIT;
    Pprof__ValueType *type_pointers[TYPES_MAX];
    Pprof__Profile header = PPROF__PROFILE__INIT;
    text_id(w, "");
    header.n_sample_type = make_types(w, types);
    for (size_t i = 0; i < header.n_sample_type; i++)
        type_pointers[i] = &types[i];
    header.sample_type = type_pointers;
    header.time_nanos = p->info.start_time_ns;
    header.duration_nanos = p->info.duration_ns;
    if (p->n_metrics > 0)
        header.default_sample_type = text_id(w, p->metrics[p->main_metric].type);
    if (p->info.rate_asked_hz > 0) {
        period.type = text_id(w, "cpu");
        period.unit = text_id(w, "nanoseconds");
        header.period_type = &period;
        header.period = G_USEC_PER_SEC * 1000 / p->info.rate_asked_hz;
    }
    header.n_comment = w->comments->len;
    header.comment = g_new(int64_t, w->comments->len);
    for (guint i = 0; i < w->comments->len; i++)
        header.comment[i] = text_id(w, w->comments->pdata[i]);
    pack(w, &header.base);
    g_free(header.comment);
    return packed_file_write(w->file, w->packed->data, w->packed->len, w->error);
}

static void label_text(struct writer *w, Pprof__Label *label, const char *key, const char *text)
{
    pprof__label__init(label);
    label->key = text_id(w, key);
    label->str = text_id(w, text);
}

static void label_number(struct writer *w, Pprof__Label *label, const char *key, int64_t number)
{
    pprof__label__init(label);
    label->key = text_id(w, key);
    label->num = number;
}

static size_t process_labels(struct writer *w, uint32_t id, Pprof__Label *labels)
{
    const struct process *process = profile_get_process(w->profile, id);
    uint32_t use = g_array_index(w->uses, uint32_t, id);
    size_t n = 0;
    label_number(w, &labels[n++], "pid", process->pid);
    label_text(w, &labels[n++], "process", process->name);
    if (use > 1)
        label_number(w, &labels[n++], "pid_use", use);
    return n;
}

static size_t thread_labels(struct writer *w, uint32_t id, Pprof__Label *labels)
{
    const struct thread *thread = profile_get_thread(w->profile, id);
    label_text(w, &labels[0], "thread", thread->name);
    label_number(w, &labels[1], "tid", thread->tid);
    return 2 + process_labels(w, thread->process, labels + 2);
}

static size_t site_labels(struct writer *w, const struct heap_site *site, Pprof__Label *labels)
{
    size_t n = process_labels(w, site->process, labels);
    for (unsigned i = 0; i < SITE_LABELS; i++) {
        int64_t number;
        if (!site_label_get(site, i, &number))
            continue;
        if (w->site_keys[i] == 0)
            w->site_keys[i] = text_id(w, site_label_keys[i]);
        pprof__label__init(&labels[n]);
        labels[n].key = w->site_keys[i];
        labels[n++].num = number;
    }
    return n;
}

static size_t record_labels(struct writer *w, const struct call_record *record,
                            Pprof__Label *labels)
{
    size_t n = thread_labels(w, record->thread, labels);
    for (unsigned i = 0; i < CALL_LABELS; i++) {
        int64_t number = call_label_get(record, i);
        if (number == 0)
            continue;
        if (w->call_keys[i] == 0)
            w->call_keys[i] = text_id(w, call_label_keys[i]);
        pprof__label__init(&labels[n]);
        labels[n].key = w->call_keys[i];
        labels[n++].num = number;
    }
    return n;
}

/* A sample of that stack with these labels; values are those of all sample types. */
static bool write_sample(struct writer *w, uint32_t stack, int64_t *values, Pprof__Label *labels,
                         size_t n_labels)
{
    const struct profile *p = w->profile;
    Pprof__Label *label_pointers[LABELS_MAX];
    uint64_t locations[PROFILE_DEPTH_MAX];
    Pprof__Sample sample = PPROF__SAMPLE__INIT;
    const uint32_t *frames = profile_stack_frames(p, stack);
    sample.n_location_id = profile_get_stack(p, stack)->n_frames;
    sample.location_id = locations;
    for (size_t i = 0; i < sample.n_location_id; i++)
        locations[i] = w->locations[frames[i]];
    sample.n_value = p->n_metrics + w->n_weights + w->n_columns;
    sample.value = values;
    sample.n_label = n_labels;
    sample.label = label_pointers;
    for (size_t i = 0; i < n_labels; i++)
        label_pointers[i] = &labels[i];
    return emit_message(w, FIELD_SAMPLE, &sample.base);
}

static bool write_entry(struct writer *w, uint32_t id)
{
    const struct profile *p = w->profile;
    const struct entry *entry = profile_get_entry(p, id);
    Pprof__Label labels[LABELS_MAX];
    int64_t values[TYPES_MAX] = {0};
    memcpy(values, profile_entry_values(p, id), p->n_metrics * sizeof *values);
    size_t n = thread_labels(w, entry->thread, labels);
    return write_sample(w, entry->stack, values, labels, n);
}

static bool write_site(struct writer *w, const struct heap_site *site)
{
    Pprof__Label labels[LABELS_MAX];
    int64_t values[TYPES_MAX] = {0};
    memcpy(values + w->profile->n_metrics + w->n_weights, site->values, sizeof site->values);
    size_t n = site_labels(w, site, labels);
    return write_sample(w, site->stack, values, labels, n);
}

static bool write_record(struct writer *w, const struct call_record *record)
{
    Pprof__Label labels[LABELS_MAX];
    int64_t values[TYPES_MAX] = {0};
    for (unsigned i = 0; i < w->n_weights; i++)
        values[w->profile->n_metrics + i] = call_value_get(record, (enum call_weight)i);
    size_t n = record_labels(w, record, labels);
    return write_sample(w, record->stack, values, labels, n);
}

static bool write_records(struct writer *w)
{
    guint at = 0;
    for (const struct call_record *record; (record = next_record(w, &at));)
        if (!write_record(w, record))
            return false;
    return true;
}

static bool write_samples(struct writer *w)
{
    for (guint i = 0; i < w->profile->entries->len; i++)
        if (!write_entry(w, i))
            return false;
    if (!write_records(w))
        return false;
    for (guint i = 0; i < count_sites(w); i++)
        if (!write_site(w, site_at(w, i)))
            return false;
    return true;
}

static bool write_mappings(struct writer *w, const GArray *order)
{
    for (guint i = 0; i < order->len; i++) {
        uint32_t id = g_array_index(order, uint32_t, i);
        const struct module *module = profile_get_module(w->profile, id);
        const struct module_use *use = &w->modules[id];
        Pprof__Mapping mapping = PPROF__MAPPING__INIT;
        mapping.id = use->mapping_id;
        mapping.memory_limit = use->limit;
        mapping.filename = text_id(w, module->path);
        mapping.build_id = text_id(w, module->build_id);
        mapping.has_functions = use->functions;
        mapping.has_filenames = use->files;
        mapping.has_line_numbers = use->lines;
        mapping.has_inline_frames = use->inlines;
        if (!emit_message(w, FIELD_MAPPING, &mapping.base))
            return false;
    }
    return true;
}

static bool write_location(struct writer *w, uint32_t id)
{
    const struct frame *frame = profile_get_frame(w->profile, id);
    const struct line *from = profile_frame_lines(w->profile, id);
    Pprof__Line *lines = g_new(Pprof__Line, frame->n_lines);
    Pprof__Line **pointers = g_new(Pprof__Line *, frame->n_lines);
    Pprof__Location location = PPROF__LOCATION__INIT;
    location.id = w->locations[id];
    location.mapping_id = w->modules[frame->module].mapping_id;
    location.address = frame->address;
    location.n_line = frame->n_lines;
    location.line = pointers;
    for (uint32_t i = 0; i < frame->n_lines; i++) {
        pprof__line__init(&lines[i]);
        lines[i].function_id = w->function_ids[from[i].function];
        lines[i].line = from[i].line;
        pointers[i] = &lines[i];
    }
    bool ok = emit_message(w, FIELD_LOCATION, &location.base);
    g_free(pointers);
    g_free(lines);
    return ok;
}

static bool write_locations(struct writer *w)
{
    for (guint i = 0; i < w->profile->frames->len; i++)
        if (w->locations[i] && !write_location(w, i))
            return false;
    return true;
}

static bool write_functions(struct writer *w)
{
    for (guint i = 0; i < w->functions->len; i++) {
        const struct function *f =
            profile_get_function(w->profile, g_array_index(w->functions, uint32_t, i));
        Pprof__Function function = PPROF__FUNCTION__INIT;
        function.id = i + 1;
        function.name = text_id(w, f->name);
        function.system_name = text_id(w, f->linkage);
        function.filename = text_id(w, f->file);
        function.start_line = f->decl_line;
        if (strcmp(f->brief, f->name) != 0)
            function.brief = text_id(w, f->brief);
        if (!emit_message(w, FIELD_FUNCTION, &function.base))
            return false;
    }
    return true;
}

static bool write_texts(struct writer *w)
{
    for (guint i = 0; i < w->texts->len; i++)
        if (!emit(w, FIELD_STRING, w->texts->pdata[i], strlen(w->texts->pdata[i])))
            return false;
    return true;
}

static bool write_all(struct writer *w)
{
    guint first_record = 0;
    w->n_weights = next_record(w, &first_record) ? CALL_WEIGHTS : 0;
    number_locations(w);
    number_functions(w);
    GArray *mappings = number_mappings(w);
    collect_comments(w, mappings);
    bool ok = write_header(w) && write_samples(w) && write_mappings(w, mappings) &&
              write_locations(w) && write_functions(w) && write_texts(w);
    g_array_unref(mappings);
    return ok && packed_file_commit(w->file, w->error);
}

bool snapshot_check_place(const char *path, bool overwrite, GError **error)
{
    struct packed_file *file = packed_file_new(path, overwrite, error);
    packed_file_free(file);
    return file != NULL;
}

bool snapshot_save(const struct profile *p, const char *path, bool overwrite, GError **error)
{
    struct packed_file *file = packed_file_new(path, overwrite, error);
    if (!file)
        return false;
    struct writer w = {
        .profile = p,
        .file = file,
        .text_ids = g_hash_table_new(g_str_hash, g_str_equal),
        .texts = g_ptr_array_new(),
        .comments = g_ptr_array_new_with_free_func(g_free),
        .n_columns = heap_is_measured(p->heap) ? HEAP_COLUMNS : 0,
        .uses = snapshot_process_uses(p),
        .modules = g_new0(struct module_use, p->modules->len),
        .locations = g_new0(uint64_t, p->frames->len),
        .function_ids = g_new0(uint64_t, p->functions->len),
        .functions = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
        .packed = g_byte_array_new(),
        .error = error,
    };
    bool ok = write_all(&w);
    g_byte_array_unref(w.packed);
    g_array_unref(w.functions);
    g_free(w.function_ids);
    g_free(w.locations);
    g_free(w.modules);
    g_array_unref(w.uses);
    g_ptr_array_unref(w.comments);
    g_ptr_array_unref(w.texts);
    g_hash_table_unref(w.text_ids);
    packed_file_free(file);
    return ok;
}
