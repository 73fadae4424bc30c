/*
 * The profile's storage: growing arrays with ids as indexes, and hash tables that intern.
 *
 * Hash tables map a 64-bit hash of the key to the newest id with that hash; ids of equal hash are
 * chained through a `next` array, so no key is stored twice and lookups compare the real content.
 */
#include "core/model/profile.h"

#include <string.h>

#include "core/base/hash.h"
#include "core/base/text.h"

enum { CHANGES_FIRST_SIZE = 1 << 12 };

/* One interning table: hash -> chain of ids. */
struct intern {
    GHashTable *heads; /* hash -> id + 1 */
    GArray *next;      /* by id: next id with this hash, or PROFILE_NONE */
};

struct profile_index {
    GStringChunk *texts;
    struct intern modules, functions, frames, stacks, entries;
    GHashTable *processes; /* pid -> newest process id + 1 */
    GHashTable *threads;   /* process << 32 | tid -> newest thread id + 1 */
};

static GHashTable *u64_table(void)
{
    return g_hash_table_new(hash_u64, g_direct_equal);
}

static void intern_init(struct intern *table)
{
    table->heads = u64_table();
    table->next = g_array_new(FALSE, FALSE, sizeof(uint32_t));
}

static void intern_clear(struct intern *table)
{
    g_hash_table_unref(table->heads);
    g_array_unref(table->next);
}

static gpointer u64_key(uint64_t key)
{
    return (gpointer)(uintptr_t)key;
}

static uint32_t intern_first(const struct intern *table, uint64_t hash)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(table->heads, u64_key(hash))) - 1;
}

static uint32_t intern_next(const struct intern *table, uint32_t id)
{
    return g_array_index(table->next, uint32_t, id);
}

/* Enters `id`, which must be the next new one, under `hash`. */
static void intern_add(struct intern *table, uint64_t hash, uint32_t id)
{
    uint32_t first = intern_first(table, hash);
    g_array_append_val(table->next, first);
    g_assert(table->next->len == id + 1);
    g_hash_table_insert(table->heads, u64_key(hash), GUINT_TO_POINTER(id + 1));
}

/* Interned texts are equal exactly when their pointers are. */
static uint64_t mix_text(uint64_t hash, const char *text)
{
    return hash_mix(hash, (uint64_t)(uintptr_t)text);
}

struct profile *profile_new(void)
{
    struct profile *p = g_new0(struct profile, 1);
    p->count_metric = PROFILE_NONE;
    p->info.wait_status = -1;
    p->info.command = p->info.host = p->info.engine = "";
    p->notes = g_ptr_array_new();
    p->comments = g_ptr_array_new();
    p->modules = g_array_new(FALSE, TRUE, sizeof(struct module));
    p->functions = g_array_new(FALSE, TRUE, sizeof(struct function));
    p->lines = g_array_new(FALSE, TRUE, sizeof(struct line));
    p->frames = g_array_new(FALSE, TRUE, sizeof(struct frame));
    p->stack_frames = g_array_new(FALSE, TRUE, sizeof(uint32_t));
    p->stacks = g_array_new(FALSE, TRUE, sizeof(struct stack));
    p->processes = g_array_new(FALSE, TRUE, sizeof(struct process));
    p->threads = g_array_new(FALSE, TRUE, sizeof(struct thread));
    p->entries = g_array_new(FALSE, TRUE, sizeof(struct entry));
    p->values = g_array_new(FALSE, TRUE, sizeof(int64_t));
    p->heap = heap_new();
    p->calls = calls_new();
    p->index = g_new0(struct profile_index, 1);
    p->index->texts = g_string_chunk_new(1 << 14);
    intern_init(&p->index->modules);
    intern_init(&p->index->functions);
    intern_init(&p->index->frames);
    intern_init(&p->index->stacks);
    intern_init(&p->index->entries);
    p->index->processes = u64_table();
    p->index->threads = u64_table();
    return p;
}

static void index_free(struct profile_index *index)
{
    g_string_chunk_free(index->texts);
    intern_clear(&index->modules);
    intern_clear(&index->functions);
    intern_clear(&index->frames);
    intern_clear(&index->stacks);
    intern_clear(&index->entries);
    g_hash_table_unref(index->processes);
    g_hash_table_unref(index->threads);
    g_free(index);
}

void profile_free(struct profile *p)
{
    if (!p)
        return;
    index_free(p->index);
    heap_free(p->heap);
    calls_free(p->calls);
    g_ptr_array_unref(p->notes);
    g_ptr_array_unref(p->comments);
    GArray *arrays[] = {p->modules, p->functions, p->lines,   p->frames,  p->stack_frames,
                        p->stacks,  p->processes, p->threads, p->entries, p->values};
    for (size_t i = 0; i < G_N_ELEMENTS(arrays); i++)
        g_array_unref(arrays[i]);
    g_free(p->changes);
    g_free(p);
}

uint32_t profile_add_metric(struct profile *p, const char *type, const char *unit)
{
    g_assert(p->n_metrics < PROFILE_METRICS_MAX && p->entries->len == 0);
    p->metrics[p->n_metrics] = (struct metric){profile_text(p, type), profile_text(p, unit)};
    return p->n_metrics++;
}

const char *profile_text(struct profile *p, const char *text)
{
    if (!text || !*text)
        return g_string_chunk_insert_const(p->index->texts, "");
    char *clean = text_clean(text);
    const char *interned = g_string_chunk_insert_const(p->index->texts, clean);
    g_free(clean);
    return interned;
}

const char *profile_note(struct profile *p, const char *text)
{
    const char *note = profile_text(p, text);
    g_ptr_array_add(p->notes, (gpointer)note);
    return note;
}

uint32_t profile_module(struct profile *p, const char *path, const char *build_id,
                        enum module_kind kind)
{
    struct module m = {
        .path = profile_text(p, path), .build_id = profile_text(p, build_id), .kind = kind};
    uint64_t hash = hash_mix(mix_text(mix_text(1, m.path), m.build_id), kind);
    struct intern *table = &p->index->modules;
    for (uint32_t id = intern_first(table, hash); id != PROFILE_NONE; id = intern_next(table, id)) {
        const struct module *old = profile_get_module(p, id);
        if (old->path == m.path && old->build_id == m.build_id && old->kind == kind)
            return id;
    }
    const char *slash = strrchr(m.path, '/');
    m.name = slash && slash[1] ? slash + 1 : m.path;
    uint32_t id = p->modules->len;
    g_array_append_val(p->modules, m);
    intern_add(table, hash, id);
    return id;
}

uint32_t profile_function(struct profile *p, const struct function_spec *spec)
{
    struct function f = {.linkage = profile_text(p, spec->linkage ? spec->linkage : spec->name),
                         .file = profile_text(p, spec->file),
                         .module = spec->module};
    uint64_t hash = hash_mix(mix_text(mix_text(2, f.linkage), f.file), f.module);
    struct intern *table = &p->index->functions;
    for (uint32_t id = intern_first(table, hash); id != PROFILE_NONE; id = intern_next(table, id)) {
        const struct function *old = profile_get_function(p, id);
        if (old->linkage == f.linkage && old->file == f.file && old->module == f.module)
            return id;
    }
    f.name = spec->name ? profile_text(p, spec->name) : f.linkage;
    f.brief = spec->brief ? profile_text(p, spec->brief) : f.name;
    f.decl_line = spec->decl_line;
    f.unresolved = spec->unresolved;
    uint32_t id = p->functions->len;
    g_array_append_val(p->functions, f);
    intern_add(table, hash, id);
    return id;
}

/* module+0xaddress; in JIT code, whose module has no name of use, the bare address. */
static uint32_t function_of_address(struct profile *p, uint32_t module, uint64_t address)
{
    const struct module *m = profile_get_module(p, module);
    char *name = g_strdup_printf("%s+0x%" G_GINT64_MODIFIER "x", m->name, address);
    uint32_t id = profile_function(
        p, &(struct function_spec){.module = module, .name = name, .unresolved = true});
    g_free(name);
    return id;
}

static uint32_t frame_append(struct profile *p, uint32_t module, uint64_t address)
{
    struct line line = {.function = function_of_address(p, module, address)};
    struct frame frame = {.module = module,
                          .address = address,
                          .first_line = p->lines->len,
                          .n_lines = 1,
                          .state = FRAME_NEW};
    g_array_append_val(p->lines, line);
    g_array_append_val(p->frames, frame);
    return p->frames->len - 1;
}

static uint64_t frame_hash(uint32_t module, uint64_t address)
{
    return hash_mix(hash_mix(3, module), address);
}

uint32_t profile_frame(struct profile *p, uint32_t module, uint64_t address)
{
    uint64_t hash = frame_hash(module, address);
    struct intern *table = &p->index->frames;
    for (uint32_t id = intern_first(table, hash); id != PROFILE_NONE; id = intern_next(table, id)) {
        const struct frame *old = profile_get_frame(p, id);
        if (old->module == module && old->address == address)
            return id;
    }
    uint32_t id = frame_append(p, module, address);
    intern_add(table, hash, id);
    return id;
}

uint32_t profile_frame_unique(struct profile *p, uint32_t module, uint64_t address)
{
    uint32_t id = frame_append(p, module, address);
    uint32_t none = PROFILE_NONE; /* keeps the table's ids in step; no hash leads here */
    g_array_append_val(p->index->frames.next, none);
    return id;
}

uint32_t profile_mark(struct profile *p, const char *mark)
{
    uint32_t module = profile_module(p, mark, NULL, MODULE_SPECIAL);
    uint32_t frame = profile_frame(p, module, 0);
    if (profile_get_frame(p, frame)->state == FRAME_NEW) {
        struct line line = {.function = profile_function(
                                p, &(struct function_spec){.module = module, .name = mark})};
        profile_resolve(p, frame, &line, 1, 0);
    }
    return frame;
}

void profile_resolve(struct profile *p, uint32_t frame, const struct line *lines, size_t n,
                     uint64_t start)
{
    struct frame *f = profile_get_frame(p, frame);
    struct line nameless;
    p->resolved_generation++;
    f->state = FRAME_RESOLVED;
    if (n == 0) {
        if (start == 0)
            return;
        nameless = (struct line){.function = function_of_address(p, f->module, start)};
        lines = &nameless;
        n = 1;
    }
    f->first_line = p->lines->len;
    f->n_lines = (uint16_t)MIN(n, UINT16_MAX);
    g_array_append_vals(p->lines, lines, f->n_lines);
}

uint32_t profile_stack(struct profile *p, const uint32_t *frames, size_t n)
{
    g_assert(n >= 1 && n <= PROFILE_DEPTH_MAX);
    uint64_t hash = n;
    for (size_t i = 0; i < n; i++)
        hash = hash_mix(hash, frames[i]);
    struct intern *table = &p->index->stacks;
    for (uint32_t id = intern_first(table, hash); id != PROFILE_NONE; id = intern_next(table, id))
        if (profile_get_stack(p, id)->n_frames == n &&
            memcmp(profile_stack_frames(p, id), frames, n * sizeof *frames) == 0)
            return id;
    struct stack stack = {.first_frame = p->stack_frames->len, .n_frames = (uint32_t)n};
    uint32_t id = p->stacks->len;
    g_array_append_vals(p->stack_frames, frames, (guint)n);
    g_array_append_val(p->stacks, stack);
    intern_add(table, hash, id);
    return id;
}

uint32_t profile_process(struct profile *p, int pid)
{
    uint32_t id =
        GPOINTER_TO_UINT(g_hash_table_lookup(p->index->processes, u64_key((uint64_t)pid)));
    return id ? id - 1 : profile_process_new(p, pid, PROFILE_NONE);
}

uint32_t profile_process_new(struct profile *p, int pid, uint32_t parent)
{
    struct process process = {.pid = pid, .parent = parent};
    process.name =
        parent == PROFILE_NONE ? profile_text(p, "") : profile_get_process(p, parent)->name;
    process.coverage = profile_text(p, "");
    uint32_t id = p->processes->len;
    g_array_append_val(p->processes, process);
    g_hash_table_insert(p->index->processes, u64_key((uint64_t)pid), GUINT_TO_POINTER(id + 1));
    return id;
}

uint32_t profile_thread(struct profile *p, uint32_t process, int tid)
{
    uint64_t key = (uint64_t)process << 32 | (uint32_t)tid;
    uint32_t id = GPOINTER_TO_UINT(g_hash_table_lookup(p->index->threads, u64_key(key)));
    if (id)
        return id - 1;
    struct thread thread = {
        .tid = tid, .process = process, .name = profile_get_process(p, process)->name};
    g_array_append_val(p->threads, thread);
    g_hash_table_insert(p->index->threads, u64_key(key), GUINT_TO_POINTER(p->threads->len));
    return p->threads->len - 1;
}

static uint32_t entry_of(struct profile *p, uint32_t stack, uint32_t thread)
{
    uint64_t hash = hash_mix(hash_mix(4, stack), thread);
    struct intern *table = &p->index->entries;
    for (uint32_t id = intern_first(table, hash); id != PROFILE_NONE; id = intern_next(table, id)) {
        const struct entry *old = profile_get_entry(p, id);
        if (old->stack == stack && old->thread == thread)
            return id;
    }
    struct entry entry = {.stack = stack, .thread = thread};
    uint32_t id = p->entries->len;
    g_array_append_val(p->entries, entry);
    g_array_set_size(p->values, p->entries->len * p->n_metrics);
    intern_add(table, hash, id);
    return id;
}

/* Doubles the ring until it has its full size; after that the oldest change gives way. */
static void changes_make_room(struct profile *p)
{
    if (p->n_changes - p->first_change < p->changes_size)
        return;
    if (p->changes_size == PROFILE_CHANGES_MAX) {
        p->first_change++;
        return;
    }
    uint64_t size = p->changes_size ? p->changes_size * 2 : CHANGES_FIRST_SIZE;
    struct change *ring = g_new(struct change, size);
    for (uint64_t i = p->first_change; i < p->n_changes; i++)
        ring[i % size] = p->changes[i % p->changes_size];
    g_free(p->changes);
    p->changes = ring;
    p->changes_size = size;
}

void profile_add(struct profile *p, uint32_t stack, uint32_t thread, int64_t time_ns,
                 const int64_t *values)
{
    uint32_t id = entry_of(p, stack, thread);
    int64_t *sums = profile_entry_values(p, id);
    for (uint32_t i = 0; i < p->n_metrics; i++)
        sums[i] += values[i];
    int64_t count = p->count_metric == PROFILE_NONE ? 0 : values[p->count_metric];
    int64_t value = values[p->main_metric];
    struct thread *t = profile_get_thread(p, thread);
    t->samples += count;
    t->value += value;
    changes_make_room(p);
    p->changes[p->n_changes++ % p->changes_size] =
        (struct change){time_ns, id, (int32_t)CLAMP(count, INT32_MIN, INT32_MAX), value};
}
