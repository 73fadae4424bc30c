/* See sampler.h. */
#include "collectors/target/sampler.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "collectors/target/sampler_signal.h"
#include "collectors/target/sampler_threads.h"
#include "collectors/target/sigstack_hooks.h"

enum {
    THREADS_MAX = 65536,
    THREADS_TIGHT = 1024, /* where the address space is limited */
    THREADS_MIN = 64,
    SLOTS_MAX = 16384,
    PAGE_BYTES = 4096,
};

/* Mapped once; a fork wipes it. */
static struct sampler *shared;
static uint32_t n_mapped_threads;

struct sampler *sampler_get(void)
{
    return shared && __atomic_load_n(&shared->is_running, __ATOMIC_ACQUIRE) ? shared : NULL;
}

struct sampler *sampler_get_own(void)
{
    struct sampler *sampler = sampler_get();
    return sampler && getpid() == sampler->pid ? sampler : NULL;
}

struct sampler_thread *sampler_thread_at(const void *pointer)
{
    if (!shared || (uintptr_t)pointer < (uintptr_t)shared->threads)
        return NULL;
    uintptr_t offset = (uintptr_t)pointer - (uintptr_t)shared->threads;
    if (offset % sizeof *shared->threads || offset / sizeof *shared->threads >= n_mapped_threads)
        return NULL;
    return &shared->threads[offset / sizeof *shared->threads];
}

void sampler_count_unsampled(struct sampler *sampler, enum wire_unsampled reason)
{
    __atomic_fetch_add(&sampler->wire->unsampled_threads[reason], 1, __ATOMIC_RELAXED);
}

bool sampler_may_call(const struct sampler *sampler)
{
    return sampler->may_call && !__atomic_load_n(&sampler->wire->has_seccomp, __ATOMIC_RELAXED);
}

bool sampler_may_arm(const struct sampler *sampler)
{
    return sampler->may_arm && (sampler->was_filtered || sampler_may_call(sampler));
}

static bool has_limit(int resource, struct rlimit *limit)
{
    return getrlimit(resource, limit) == 0 && limit->rlim_cur != RLIM_INFINITY;
}

static bool map_for(uint32_t n_threads)
{
    size_t size = sizeof *shared + n_threads * sizeof *shared->threads;
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED)
        return false;
    if (madvise(pages, size, MADV_WIPEONFORK) != 0) {
        munmap(pages, size);
        return false;
    }
    madvise(pages, size, MADV_DONTDUMP);
    shared = pages;
    n_mapped_threads = n_threads;
    return true;
}

static bool map_table(void)
{
    struct rlimit limit;
    uint32_t n = has_limit(RLIMIT_AS, &limit) ? THREADS_TIGHT : THREADS_MAX;
    while (!shared && n >= THREADS_MIN && !map_for(n))
        n /= 2;
    return shared != NULL;
}

/* Where the sampler is in the segment; NULL when it is none that fits. */
static struct wire_sampler *find_wire(struct wire_segment *segment, size_t mapped_bytes)
{
    uint64_t offset = segment->sampler_offset;
    if (!(segment->features & WIRE_FEATURE_CPU_TIMER) || offset < WIRE_SEGMENT_HEAD_BYTES ||
        offset % 64 || mapped_bytes < sizeof(struct wire_sampler) ||
        offset > mapped_bytes - sizeof(struct wire_sampler))
        return NULL;
    return (struct wire_sampler *)((char *)segment + offset);
}

/* The slots that are mapped. */
static uint32_t count_slots(const struct wire_sampler *wire, uint64_t offset, size_t mapped_bytes)
{
    uint64_t n = wire->n_slots;
    if (offset < WIRE_SEGMENT_HEAD_BYTES || offset % PAGE_BYTES || offset >= mapped_bytes)
        return 0;
    if (n > (mapped_bytes - offset) / WIRE_SLOT_BYTES)
        n = (mapped_bytes - offset) / WIRE_SLOT_BYTES;
    return (uint32_t)(n < SLOTS_MAX ? n : SLOTS_MAX);
}

/* Timers count against a limit that the user's processes share for their queued signals: never take
 * more than half. */
static uint32_t most_timers(void)
{
    struct rlimit limit;
    if (!has_limit(RLIMIT_SIGPENDING, &limit) || limit.rlim_cur / 2 > THREADS_MAX)
        return THREADS_MAX;
    return (uint32_t)(limit.rlim_cur / 2);
}

/* A filter that is there before the program begins is one for everything that runs here, such as a
 * container's; it is known to let timers pass where proftop runs under it too. */
static bool is_filtered(void)
{
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 0;
}

static void fill(struct sampler *sampler, struct wire_segment *segment, size_t mapped_bytes)
{
    struct rlimit limit;
    struct wire_sampler *wire = sampler->wire;
    uint64_t offset = wire->slots_offset;
    sampler->n_threads = n_mapped_threads;
    sampler->slots = (char *)segment + offset;
    sampler->n_slots = count_slots(wire, offset, mapped_bytes);
    sampler->stack_bytes = wire->stack_bytes < WIRE_SLOT_STACK_BYTES_MAX
                               ? wire->stack_bytes
                               : WIRE_SLOT_STACK_BYTES_MAX;
    sampler->timers_max = most_timers();
    sampler->pid = getpid();
    sampler->has_tight_memory = has_limit(RLIMIT_AS, &limit);
    sampler->was_filtered = is_filtered();
    sampler->may_call = !sampler->was_filtered;
    sampler->may_arm = sampler->may_delete = true;
}

void sampler_start(struct wire_segment *segment, size_t mapped_bytes)
{
    struct wire_sampler *wire = find_wire(segment, mapped_bytes);
    if (!wire)
        return;
    if (!map_table()) {
        __atomic_fetch_add(&wire->unsampled_threads[WIRE_UNSAMPLED_NO_MEMORY], 1, __ATOMIC_RELAXED);
        return;
    }
    shared->wire = wire;
    fill(shared, segment, mapped_bytes);
    if (shared->n_slots == 0) {
        sampler_count_unsampled(shared, WIRE_UNSAMPLED_NO_MEMORY);
    } else if (!sampler_signal_take()) {
        sampler_count_unsampled(shared, WIRE_UNSAMPLED_SIGNAL_TAKEN);
    } else {
        __atomic_store_n(&wire->signal_number, SAMPLER_SIGNAL, __ATOMIC_RELAXED);
        __atomic_store_n(&shared->is_running, 1, __ATOMIC_RELEASE);
        sigstack_prepare();
        sampler_threads_arm_existing(shared);
    }
}
