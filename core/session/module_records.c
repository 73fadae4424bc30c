/* See module_records.h. */
#include "core/session/module_records.h"

#include <string.h>

#include "core/session/existing.h"
#include "core/target/proc_maps.h"

enum { MAPS_MAX = 4096 };

static bool is_same_file(const struct ingest *ingest, uint32_t module,
                         const struct wire_module *record)
{
    uint8_t id[sizeof record->build_id];
    size_t wanted = MIN(record->build_id_size, sizeof record->build_id);
    size_t n = ingest_build_id(ingest, module, id, wanted);
    return n == wanted && memcmp(id, record->build_id, wanted) == 0;
}

/* The file with code inside of the module's range; PROFILE_NONE: there is none, or another one. A
 * hostile process may have mapped more than MAPS_MAX. */
static uint32_t find_among(const GArray *maps, struct ingest *ingest, int pid,
                           const struct wire_module *record)
{
    for (guint i = 0; i < maps->len && i < MAPS_MAX; i++) {
        const struct proc_map *map = &g_array_index(maps, struct proc_map, i);
        if (map->start < record->start || map->end > record->end ||
            strcmp(map->path, "//anon") == 0)
            continue;
        const struct ingest_mmap mapped = existing_mmap_of(pid, map);
        uint32_t module = ingest_file(ingest, &mapped);
        if (is_same_file(ingest, module, record))
            return module;
    }
    return PROFILE_NONE;
}

static uint32_t find_by_name(struct ingest *ingest, int pid, struct wire_module *record)
{
    record->path[sizeof record->path - 1] = '\0';
    const char *path = record->path[0] == '/' ? record->path : "";
    if (!*path)
        return PROFILE_NONE;
    return ingest_file(ingest, &(struct ingest_mmap){.pid = pid,
                                                     .start = record->start,
                                                     .size = record->end - record->start,
                                                     .path = path});
}

static uint32_t find_module(struct module_records *records, struct ingest *ingest,
                            struct wire_module *record)
{
    int pid = records->pid;
    uint32_t module =
        find_among(records->maps ? records->maps : records->hello_maps, ingest, pid, record);
    if (module != PROFILE_NONE)
        return module;
    g_clear_pointer(&records->maps, g_array_unref);
    records->maps = proc_maps_list(pid);
    module = find_among(records->maps, ingest, pid, record);
    return module != PROFILE_NONE ? module : find_by_name(ingest, pid, record);
}

void module_records_init(struct module_records *records, int pid, const struct wire_module *table,
                         const uint32_t *n_written, const GArray *hello_maps)
{
    *records = (struct module_records){
        .pid = pid,
        .table = table,
        .n_written = n_written,
        .hello_maps = hello_maps,
        .modules = g_array_new(FALSE, FALSE, sizeof(struct module_record)),
    };
}

void module_records_clear(struct module_records *records)
{
    g_clear_pointer(&records->maps, g_array_unref);
    g_clear_pointer(&records->modules, g_array_unref);
}

void module_records_find(struct module_records *records, struct ingest *ingest)
{
    uint32_t n = __atomic_load_n(records->n_written, __ATOMIC_ACQUIRE);
    n = MIN(n, (uint32_t)WIRE_MODULES);
    for (guint i = records->modules->len; i < n; i++) {
        struct wire_module record = records->table[i];
        const struct module_record found = {
            .module = i == 0 ? PROFILE_NONE : find_module(records, ingest, &record),
            .bias = record.bias,
        };
        g_array_append_val(records->modules, found);
    }
}

struct module_record module_records_get(const struct module_records *records, uint32_t number)
{
    if (number < records->modules->len)
        return g_array_index(records->modules, struct module_record, number);
    return (struct module_record){.module = PROFILE_NONE};
}
