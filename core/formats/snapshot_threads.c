/*
 * Threads of a file by their labels: exact for proftop's own files, sensible for others'.
 */
#include "core/formats/snapshot_threads.h"

#include "core/formats/snapshot_comments.h"

struct snapshot_threads {
    struct profile *profile;
    const char *default_name;
    GHashTable *processes; /* use << 32 | pid -> process id + 1 */
    GHashTable *named;     /* "process/name" -> thread id + 1; threads without a number */
    uint32_t next_number;
};

static gpointer process_key(int64_t pid, int64_t use)
{
    return GSIZE_TO_POINTER((gsize)use << 32 | (gsize)pid);
}

struct snapshot_threads *snapshot_threads_new(struct profile *profile, const char *default_name)
{
    struct snapshot_threads *t = g_new0(struct snapshot_threads, 1);
    t->profile = profile;
    t->default_name = default_name;
    t->processes = g_hash_table_new(g_direct_hash, g_direct_equal);
    t->named = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GArray *uses = snapshot_process_uses(profile);
    for (guint i = 0; i < uses->len; i++)
        g_hash_table_insert(
            t->processes,
            process_key(profile_get_process(profile, i)->pid, g_array_index(uses, uint32_t, i)),
            GUINT_TO_POINTER(i + 1));
    g_array_unref(uses);
    return t;
}

void snapshot_threads_free(struct snapshot_threads *t)
{
    if (!t)
        return;
    g_hash_table_unref(t->processes);
    g_hash_table_unref(t->named);
    g_free(t);
}

static int64_t in_range(int64_t number, int64_t fallback)
{
    return number >= 0 && number <= INT32_MAX ? number : fallback;
}

uint32_t snapshot_threads_process(struct snapshot_threads *t, const struct thread_labels *labels)
{
    int64_t pid = in_range(labels->pid, 0);
    gpointer key = process_key(pid, MAX(in_range(labels->pid_use, 1), 1));
    uint32_t id = GPOINTER_TO_UINT(g_hash_table_lookup(t->processes, key));
    if (id)
        return id - 1;
    id = profile_process_new(t->profile, (int)pid, PROFILE_NONE);
    const char *name = labels->process && *labels->process ? labels->process : t->default_name;
    profile_get_process(t->profile, id)->name = profile_text(t->profile, name);
    profile_get_process(t->profile, id)->ended = true;
    g_hash_table_insert(t->processes, key, GUINT_TO_POINTER(id + 1));
    return id;
}

/* The thread with that number; a new one takes the name. */
static uint32_t numbered_thread(struct snapshot_threads *t, uint32_t process, int tid,
                                const char *name)
{
    guint n = t->profile->threads->len;
    uint32_t id = profile_thread(t->profile, process, tid);
    if (id == n) {
        profile_get_thread(t->profile, id)->ended = true;
        if (name)
            profile_get_thread(t->profile, id)->name = profile_text(t->profile, name);
    }
    return id;
}

static uint32_t named_thread(struct snapshot_threads *t, uint32_t process, const char *name)
{
    char *key = g_strdup_printf("%u/%s", process, name);
    uint32_t id = GPOINTER_TO_UINT(g_hash_table_lookup(t->named, key));
    if (id) {
        g_free(key);
        return id - 1;
    }
    id = numbered_thread(t, process, (int)++t->next_number, name);
    g_hash_table_insert(t->named, key, GUINT_TO_POINTER(id + 1));
    return id;
}

uint32_t snapshot_threads_find(struct snapshot_threads *t, const struct thread_labels *labels)
{
    uint32_t process = snapshot_threads_process(t, labels);
    int64_t tid = in_range(labels->tid, -1);
    if (tid < 0 && labels->thread && *labels->thread)
        return named_thread(t, process, labels->thread);
    if (tid < 0)
        tid = profile_get_process(t->profile, process)->pid;
    return numbered_thread(t, process, (int)tid, labels->thread);
}
