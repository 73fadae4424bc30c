/*
 * See existing.h.
 */
#include "core/session/existing.h"

#include "core/session/ingest.h"
#include "core/target/proc_maps.h"
#include "core/target/proc_tasks.h"

struct reading {
    struct ingest *ingest;
    int pid;
    bool fresh; /* nothing of it has been told yet */
};

static void tell_map(const struct proc_map *map, void *data)
{
    struct reading *reading = data;
    if (reading->fresh)
        ingest_unmap_all(reading->ingest, reading->pid);
    reading->fresh = false;
    ingest_map(reading->ingest, &(struct ingest_mmap){.pid = reading->pid,
                                                      .start = map->start,
                                                      .size = map->end - map->start,
                                                      .file_offset = map->file_offset,
                                                      .device = map->device,
                                                      .inode = map->inode,
                                                      .path = map->path});
}

bool existing_read_maps(struct ingest *ingest, int pid)
{
    struct reading reading = {.ingest = ingest, .pid = pid, .fresh = true};
    return proc_maps_read(pid, tell_map, &reading);
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

bool existing_introduce(struct ingest *ingest, int pid)
{
    GArray *tids = proc_tasks_list(pid);
    bool exists = tids->len > 0;
    for (guint i = 0; i < tids->len; i++)
        tell_thread(ingest, pid, g_array_index(tids, int, i));
    g_array_unref(tids);
    return exists && existing_read_maps(ingest, pid);
}
