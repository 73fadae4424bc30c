/*
 * Hellos come in on the listener's thread; the table between it and the sampling thread has its own
 * lock.
 */
#include "core/session/coverage.h"

struct coverage {
    struct listener *listener;
    pthread_mutex_t lock;
    GPtrArray *covered; /* struct listener_process; the listener's reference until released */
    GHashTable *seen;   /* process ids (of the profile) that the last round found without hello */
};

static void on_process(struct listener_process *process, void *data)
{
    struct coverage *coverage = data;
    pthread_mutex_lock(&coverage->lock);
    g_ptr_array_add(coverage->covered, process);
    pthread_mutex_unlock(&coverage->lock);
}

struct coverage *coverage_new(GError **error)
{
    struct coverage *coverage = g_new0(struct coverage, 1);
    pthread_mutex_init(&coverage->lock, NULL);
    coverage->covered = g_ptr_array_new();
    coverage->seen = g_hash_table_new(NULL, NULL);
    coverage->listener =
        listener_new(&(struct listener_options){.on_process = on_process, .data = coverage}, error);
    if (coverage->listener)
        return coverage;
    coverage_free(coverage);
    return NULL;
}

void coverage_free(struct coverage *coverage)
{
    if (!coverage)
        return;
    listener_free(coverage->listener);
    g_ptr_array_unref(coverage->covered);
    g_hash_table_unref(coverage->seen);
    pthread_mutex_destroy(&coverage->lock);
    g_free(coverage);
}

struct listener *coverage_listener(const struct coverage *coverage)
{
    return coverage->listener;
}

static bool is_covered(const struct coverage *coverage, int pid)
{
    for (guint i = 0; i < coverage->covered->len; i++) {
        const struct listener_process *process = g_ptr_array_index(coverage->covered, i);
        if (process->pid == pid)
            return true;
    }
    return false;
}

static void update_process(struct coverage *coverage, struct profile *profile, uint32_t id)
{
    struct process *process = profile_get_process(profile, id);
    if (process->ended || *process->coverage || is_covered(coverage, process->pid))
        return;
    if (!g_hash_table_add(coverage->seen, GUINT_TO_POINTER(id)))
        process->coverage = profile_text(
            profile,
            "the collector is not loaded (static, set-uid, or started without environment)");
}

static void release_ended(struct coverage *coverage, const struct profile *profile)
{
    GHashTable *alive = g_hash_table_new(NULL, NULL);
    for (uint32_t i = 0; i < profile->processes->len; i++)
        if (!profile_get_process(profile, i)->ended)
            g_hash_table_add(alive, GINT_TO_POINTER(profile_get_process(profile, i)->pid));
    for (guint i = coverage->covered->len; i-- > 0;) {
        struct listener_process *process = g_ptr_array_index(coverage->covered, i);
        if (g_hash_table_contains(alive, GINT_TO_POINTER(process->pid)))
            continue;
        listener_release(coverage->listener, process);
        g_ptr_array_remove_index_fast(coverage->covered, i);
    }
    g_hash_table_unref(alive);
}

void coverage_update(struct coverage *coverage, struct profile *profile)
{
    pthread_mutex_lock(&coverage->lock);
    for (uint32_t i = 0; i < profile->processes->len; i++)
        update_process(coverage, profile, i);
    release_ended(coverage, profile);
    pthread_mutex_unlock(&coverage->lock);
}
