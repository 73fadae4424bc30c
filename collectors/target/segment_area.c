/*
 * See segment_area.h. A shared mapping whose old size is given to mremap() as 0 is not moved but
 * mapped once more, from that place of the file on and as long as asked: so the page before a
 * chunk is all that is needed to map the chunk.
 */
#include "collectors/target/segment_area.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096 };

static uint32_t chunk_first(const struct segment_area *area, uint32_t k)
{
    return k == 0 ? 0 : area->n_first << (k - 1);
}

static size_t chunk_bytes(const struct segment_area *area, uint32_t k)
{
    return (size_t)(k == 0 ? area->n_first : chunk_first(area, k)) * area->record_bytes;
}

static bool is_power_of_two(uint32_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

static bool is_sound(const struct wire_area *wire, size_t record_bytes, uint64_t segment_bytes)
{
    if (record_bytes == 0 || record_bytes > PAGE_BYTES)
        return false;
    uint64_t bytes = (uint64_t)wire->n_max * record_bytes;
    return is_power_of_two(wire->n_first) && is_power_of_two(wire->n_max) &&
           wire->n_first <= wire->n_max && wire->n_first * record_bytes % PAGE_BYTES == 0 &&
           wire->offset % PAGE_BYTES == 0 && bytes <= segment_bytes &&
           wire->offset <= segment_bytes - bytes;
}

static void keep_private(void *mapping, size_t bytes)
{
    madvise(mapping, bytes, MADV_DONTFORK);
    madvise(mapping, bytes, MADV_DONTDUMP);
}

bool segment_area_map(struct segment_area *area, int fd, const struct wire_area *wire,
                      size_t record_bytes, uint64_t segment_bytes)
{
    struct wire_area copy = *(const volatile struct wire_area *)wire;
    if (!is_sound(&copy, record_bytes, segment_bytes))
        return false;
    size_t bytes = copy.n_first * record_bytes;
    void *mapping = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)copy.offset);
    if (mapping == MAP_FAILED)
        return false;
    keep_private(mapping, bytes);
    *area = (struct segment_area){.bases = {(uintptr_t)mapping},
                                  .record_bytes = record_bytes,
                                  .n_first = copy.n_first,
                                  .n_max = copy.n_max,
                                  .first_shift = (uint32_t)__builtin_ctz(copy.n_first),
                                  .may_grow = true};
    return true;
}

/* The mapping that chunk k > 0 is in begins with the page before it. */
static char *mapping_of(const struct segment_area *area, uint32_t k, uintptr_t base)
{
    return (char *)(base + chunk_first(area, k) * area->record_bytes) - PAGE_BYTES;
}

void segment_area_each(const struct segment_area *area, void (*visit)(void *mapping, size_t bytes))
{
    for (uint32_t k = SEGMENT_AREA_CHUNKS - 1; k > 0; k--) {
        uintptr_t base = __atomic_load_n(&area->bases[k], __ATOMIC_ACQUIRE);
        if (base)
            visit(mapping_of(area, k, base), chunk_bytes(area, k) + PAGE_BYTES);
    }
    if (area->bases[0])
        visit((void *)area->bases[0], chunk_bytes(area, 0));
}

static void unmap(void *mapping, size_t bytes)
{
    munmap(mapping, bytes);
}

void segment_area_unmap(struct segment_area *area)
{
    segment_area_each(area, unmap);
    *area = (struct segment_area){0};
}

/* Maps chunk k > 0, whose predecessor is mapped. With signals blocked: a handler that forks must
 * not find a mapping that the area does not know of yet. */
static bool map_chunk(struct segment_area *area, uint32_t k)
{
    size_t bytes = chunk_bytes(area, k) + PAGE_BYTES;
    uintptr_t before = __atomic_load_n(&area->bases[k - 1], __ATOMIC_ACQUIRE);
    uintptr_t end = before + chunk_first(area, k) * area->record_bytes;
    void *mapping = mremap((void *)(end - PAGE_BYTES), 0, bytes, MREMAP_MAYMOVE);
    if (mapping == MAP_FAILED)
        return false;
    keep_private(mapping, bytes);
    uintptr_t none = 0, base = (uintptr_t)mapping + PAGE_BYTES;
    base -= chunk_first(area, k) * area->record_bytes;
    if (!__atomic_compare_exchange_n(&area->bases[k], &none, base, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        munmap(mapping, bytes); /* another thread was faster */
    return true;
}

void *segment_area_need(struct segment_area *area, uint32_t i)
{
    void *record = segment_area_at(area, i);
    if (record || i >= area->n_max || area->n_first == 0)
        return record;
    int saved_errno = errno;
    uint32_t wanted = segment_area_chunk(area, i);
    const uint64_t all = UINT64_MAX;
    uint64_t before = 0;
    bool is_blocked = __atomic_load_n(&area->may_grow, __ATOMIC_RELAXED) &&
                      syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all) == 0;
    for (uint32_t k = 1; k <= wanted; k++) {
        if (__atomic_load_n(&area->bases[k], __ATOMIC_ACQUIRE))
            continue;
        if (!is_blocked || !map_chunk(area, k))
            break;
    }
    if (is_blocked)
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
    errno = saved_errno;
    return segment_area_at(area, i);
}
