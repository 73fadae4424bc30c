/*
 * See existing.h. The first thread of a process may have ended long ago; the others then still tell
 * all there is to know.
 */
#include "core/session/existing.h"

#include "core/target/proc_maps.h"
#include "core/target/proc_tasks.h"

struct reading {
    struct ingest *ingest;
    int pid;
    bool fresh; /* nothing of it has been told yet */
};

struct ingest_mmap existing_mmap_of(int pid, const struct proc_map *map)
{
    return (struct ingest_mmap){.pid = pid,
                                .start = map->start,
                                .size = map->end - map->start,
                                .file_offset = map->file_offset,
                                .device = map->device,
                                .inode = map->inode,
                                .path = map->path};
}

void existing_tell_map(struct ingest *ingest, int pid, const struct proc_map *map)
{
    const struct ingest_mmap mapped = existing_mmap_of(pid, map);
    ingest_map(ingest, &mapped);
}

static void tell_map(const struct proc_map *map, void *data)
{
    struct reading *reading = data;
    if (reading->fresh)
        ingest_unmap_all(reading->ingest, reading->pid);
    reading->fresh = false;
    existing_tell_map(reading->ingest, reading->pid, map);
}

bool existing_read_maps(struct ingest *ingest, int pid)
{
    struct reading reading = {.ingest = ingest, .pid = pid, .fresh = true};
    pid_t living = proc_tasks_living(pid);
    return living && proc_maps_read(living, tell_map, &reading);
}

static void tell_thread(struct ingest *ingest, int pid, int tid)
{
    char *name = proc_task_name(pid, tid);
    if (tid != pid)
        ingest_fork(ingest, pid, pid, tid);
    if (name)
        ingest_name(ingest, pid, tid, name, false);
    g_free(name);
}

/* The first thread stays in the list after its end, as long as there are others. */
static void tell_living(struct ingest *ingest, int pid)
{
    pid_t living = proc_tasks_living(pid);
    if (living && living != pid)
        ingest_exit(ingest, pid, pid);
}

GArray *existing_introduce(struct ingest *ingest, int pid)
{
    GArray *tids = proc_tasks_list(pid);
    for (guint i = 0; i < tids->len; i++)
        tell_thread(ingest, pid, g_array_index(tids, int, i));
    tell_living(ingest, pid);
    if (existing_read_maps(ingest, pid))
        return tids;
    g_array_unref(tids);
    return NULL;
}

static GHashTable *set_of(const GArray *tids)
{
    GHashTable *set = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < tids->len; i++)
        g_hash_table_add(set, GINT_TO_POINTER(g_array_index(tids, int, i)));
    return set;
}

static bool settle(struct ingest *ingest, int pid, const GArray *before, const GArray *now)
{
    GHashTable *known = set_of(before), *alive = set_of(now);
    for (guint i = 0; i < now->len; i++)
        if (!g_hash_table_contains(known, GINT_TO_POINTER(g_array_index(now, int, i))))
            tell_thread(ingest, pid, g_array_index(now, int, i));
    for (guint i = 0; i < before->len && now->len > 0; i++)
        if (!g_hash_table_contains(alive, GINT_TO_POINTER(g_array_index(before, int, i))))
            ingest_exit(ingest, pid, g_array_index(before, int, i));
    g_hash_table_unref(known);
    g_hash_table_unref(alive);
    tell_living(ingest, pid);
    return existing_read_maps(ingest, pid);
}

bool existing_settle(struct ingest *ingest, int pid, GArray *told)
{
    GArray *now = proc_tasks_list(pid);
    bool ok = settle(ingest, pid, told, now);
    g_array_unref(now);
    g_array_unref(told);
    return ok;
}
