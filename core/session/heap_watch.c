/* See heap_watch.h. */
#include "core/session/heap_watch.h"

#include "core/session/coverage.h"
#include "core/session/ingest.h"
#include "core/session/meter.h"

enum {
    SECOND_NS = 1000000000,
    MEMORY_PROCESSES_MAX = 32,
    MEMORY_SHARE = 200, /* reading smaps takes one part in so many of the time, at most */
    BLOCKS_ASKED = 512,
};

struct heap_watch {
    const struct heap_source_ops *ops;
    void *source;
    int64_t start_ns;
    int64_t last_bytes, last_ns; /* allocated by then; a second ago */
    int64_t rss_bytes;           /* as last seen; -1 unknown */
    int64_t memory_next_ns;
};

static const char *why_not(const struct heap_watch_options *options)
{
    if (!options->session->argv)
        return "proftop came when the program ran already; to see its heap, start it with proftop";
    if (!options->coverage)
        return "the collector, libproftop.so, was not found beside proftop or in ../lib/proftop";
    if (!options->session->heap)
        return "this run did not ask for it";
    return NULL;
}

static const char *off_text(enum heap_policy policy)
{
    return policy == HEAP_POLICY_OFF ? "it was switched off (--memory=off)" : "";
}

struct heap_watch *heap_watch_new(const struct heap_watch_options *options, struct profile *profile)
{
    const struct session_options *session = options->session;
    const char *reason = why_not(options);
    profile->heap->why_not =
        profile_text(profile, reason ? reason : off_text(session->heap_policy));
    if (reason)
        return NULL;
    struct heap_watch *watch = g_new0(struct heap_watch, 1);
    watch->ops = session->heap;
    watch->start_ns = watch->last_ns = options->start_ns;
    watch->rss_bytes = -1;
    watch->source = watch->ops->start(
        &(struct heap_source_options){.coverage = options->coverage,
                                      .only_pid = session->children ? 0 : options->pid,
                                      .policy = session->heap_policy,
                                      .budget_percent = session->heap_budget_percent,
                                      .start_ns = options->start_ns});
    return watch;
}

void heap_watch_free(struct heap_watch *watch)
{
    if (!watch)
        return;
    watch->ops->stop(watch->source);
    g_free(watch);
}

void heap_watch_fetch(struct heap_watch *watch)
{
    if (watch)
        watch->ops->fetch(watch->source);
}

static void add_moment(const struct heap_watch *watch, struct heap *heap)
{
    struct heap_totals totals;
    if (!heap_is_measured(heap))
        return;
    heap_get_totals(heap, PROFILE_NONE, &totals);
    heap_add_moment(
        heap, &(struct heap_moment){.time_ns = g_get_monotonic_time() * 1000 - watch->start_ns,
                                    .live_bytes = totals.live_bytes,
                                    .rss_bytes = watch->rss_bytes});
}

void heap_watch_drain(struct heap_watch *watch, struct ingest *ingest, bool last)
{
    if (!watch)
        return;
    const struct profile *profile = ingest_lock(ingest);
    /* the collector counts calls too; what that took is known to about a quarter */
    int64_t calls_ns = profile->calls->probes_ns / 4 * 5;
    const struct heap_cpu_time cpu = {.samples = profile->info.samples,
                                      .target_ns = ingest_cpu_ns(ingest),
                                      .hooks_ns = MAX(ingest_collector_ns(ingest) - calls_ns, 0)};
    ingest_unlock(ingest);
    watch->ops->drain(watch->source, ingest, &cpu, last);
    add_moment(watch, ingest_lock(ingest)->heap);
    ingest_unlock(ingest);
}

void heap_watch_set_policy(struct heap_watch *watch, struct profile *profile,
                           enum heap_policy policy)
{
    if (!watch)
        return;
    watch->ops->set_policy(watch->source, policy);
    if (!heap_is_measured(profile->heap))
        profile->heap->why_not = profile_text(profile, off_text(policy));
}

void heap_watch_update(struct heap_watch *watch, const struct profile *profile, int64_t now_ns,
                       struct session_status *status)
{
    struct heap_source_status source;
    struct heap_totals now;
    if (!watch)
        return;
    watch->ops->get_status(watch->source, &source);
    watch->rss_bytes = status->rss_bytes;
    status->heap_policy = source.policy;
    status->heap_mode = heap_is_measured(profile->heap) ? source.mode : HEAP_OFF;
    status->heap_cost_percent = source.cost_percent;
    heap_get_totals(profile->heap, PROFILE_NONE, &now);
    double seconds = (double)(now_ns - watch->last_ns) / SECOND_NS;
    if (seconds > 0)
        status->heap_bytes_per_second = (double)(now.alloc_bytes - watch->last_bytes) / seconds;
    if (now.n_measured > 0)
        meter_push(status->heap_history, &status->n_heap_history, (float)now.live_bytes);
    watch->last_bytes = now.alloc_bytes;
    watch->last_ns = now_ns;
}

bool heap_watch_read_memory(struct heap_watch *watch, const GArray *pids, int64_t now_ns,
                            struct memory_use *ret_use)
{
    struct memory_use sum = {0};
    if (!watch || now_ns < watch->memory_next_ns)
        return false;
    for (guint i = 0; i < pids->len && i < MEMORY_PROCESSES_MAX; i++) {
        uint64_t blocks[BLOCKS_ASKED];
        struct memory_use use;
        int pid = g_array_index(pids, int, i);
        size_t n = watch->ops->block_addresses(watch->source, pid, blocks, BLOCKS_ASKED);
        if (memory_use_read(pid, blocks, n, &use))
            memory_use_add(&sum, &use);
    }
    int64_t took_ns = g_get_monotonic_time() * 1000 - now_ns;
    watch->memory_next_ns = now_ns + MEMORY_SHARE * MAX(took_ns, 0);
    *ret_use = sum;
    return true;
}
