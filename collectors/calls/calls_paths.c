/* See calls_paths.h. Everything in the segment is hostile: it is copied first, and what comes out
 * of a copy is checked. */
#include "collectors/calls/calls_paths.h"

#include <string.h>

void calls_paths_init(struct calls_paths *paths, const struct calls_hello *hello,
                      GHashTable *scopes)
{
    *paths = (struct calls_paths){
        .hello = hello,
        .frames = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
        .scopes = scopes,
    };
    module_records_init(&paths->modules, hello->process->pid,
                        (const void *)(hello->part + hello->layout->modules),
                        &hello->wire->n_modules, hello->maps);
}

void calls_paths_clear(struct calls_paths *paths)
{
    module_records_clear(&paths->modules);
    g_array_unref(paths->frames);
}

const struct wire_calls_record *calls_paths_records(const struct calls_paths *paths)
{
    return (const void *)(paths->hello->part + paths->hello->layout->records.offset);
}

uint32_t calls_paths_n_records(const struct calls_paths *paths)
{
    uint32_t n = __atomic_load_n(&paths->hello->wire->n_records, __ATOMIC_ACQUIRE);
    return MIN(n, paths->hello->layout->records.n_max);
}

/* ---- scopes ---- */

/* The name of that number; NULL: it has none. Free with g_free. */
static char *name_of_scope(const struct calls_paths *paths, uint64_t number)
{
    const struct wire_calls_name *names =
        (const void *)(paths->hello->part + paths->hello->layout->names.offset);
    uint32_t n = __atomic_load_n(&paths->hello->wire->n_names, __ATOMIC_ACQUIRE);
    if (number >= MIN(n, paths->hello->layout->names.n_max))
        return NULL;
    struct wire_calls_name name = names[number];
    return g_strndup(name.text, MIN(name.length, (uint32_t)WIRE_CALLS_NAME_MAX));
}

/* A scope is a function of its own, in no file. */
static uint32_t frame_of_scope(const struct calls_paths *paths, struct profile *profile,
                               uint64_t number)
{
    char *raw = name_of_scope(paths, number);
    gpointer found;
    if (!raw)
        return profile_mark(profile, PROFILE_MARK_UNKNOWN);
    const char *name = profile_text(profile, raw);
    g_free(raw);
    if (g_hash_table_lookup_extended(paths->scopes, name, NULL, &found))
        return GPOINTER_TO_UINT(found);
    uint32_t module = profile_module(profile, PROFILE_MODULE_SCOPES, NULL, MODULE_SPECIAL);
    uint32_t frame = profile_frame_unique(profile, module, 0);
    const struct function_spec spec = {.module = module, .linkage = name, .name = name};
    const struct line line = {.function = profile_function(profile, &spec)};
    profile_resolve(profile, frame, &line, 1, 0);
    g_hash_table_insert(paths->scopes, (gpointer)name, GUINT_TO_POINTER(frame));
    return frame;
}

/* ---- paths ---- */

static uint32_t make_frame(const struct calls_paths *paths, struct ingest *ingest,
                           struct profile *profile, const struct wire_calls_record *record)
{
    if (record->module == WIRE_CALLS_MODULE_NAMES)
        return frame_of_scope(paths, profile, record->function);
    struct module_record module = module_records_get(&paths->modules, record->module);
    uint64_t address = record->function;
    if (module.module != PROFILE_NONE)
        address -= module.bias;
    return ingest_entry_frame(ingest, paths->hello->process->pid, module.module, address);
}

static uint32_t frame_of_record(struct calls_paths *paths, struct ingest *ingest,
                                struct profile *profile, uint32_t number,
                                const struct wire_calls_record *record)
{
    guint old = paths->frames->len;
    if (number >= old) {
        g_array_set_size(paths->frames, MAX(number + 1, calls_paths_n_records(paths)));
        for (guint i = old; i < paths->frames->len; i++)
            g_array_index(paths->frames, uint32_t, i) = PROFILE_NONE;
    }
    uint32_t frame = g_array_index(paths->frames, uint32_t, number);
    if (frame == PROFILE_NONE) {
        frame = make_frame(paths, ingest, profile, record);
        g_array_index(paths->frames, uint32_t, number) = frame;
    }
    return frame;
}

/* A context has a smaller number than what it calls, so the way up ends. */
uint32_t calls_paths_get(struct calls_paths *paths, struct ingest *ingest, struct profile *profile,
                         uint32_t record)
{
    uint32_t frames[PROFILE_DEPTH_MAX];
    const struct wire_calls_record *records = calls_paths_records(paths);
    size_t n = 0;
    while (record > 0 && n < PROFILE_USER_FRAMES_MAX) {
        struct wire_calls_record copy = records[record];
        frames[n++] = frame_of_record(paths, ingest, profile, record, &copy);
        record = copy.context < record ? copy.context : 0;
    }
    if (record > 0)
        frames[n++] = profile_mark(profile, PROFILE_MARK_TRUNCATED);
    if (n == 0)
        frames[n++] = profile_mark(profile, PROFILE_MARK_UNKNOWN);
    return profile_stack(profile, frames, n);
}
