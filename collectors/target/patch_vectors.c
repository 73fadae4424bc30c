/*
 * See patch_vectors.h. XSAVE in its plain form, of the parts that compiled code uses: not AMX,
 * whose 8 KB no libc touches.
 *
 * Stacks of coroutines and signals may be no larger than what is to be kept: so that has a few
 * places of its own, which a forked child inherits with what is in them. A place that a handler has
 * left for good stays taken.
 */
#include "collectors/target/patch_vectors.h"

#include <cpuid.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

enum {
    LEGACY_BYTES = 512, /* x87 and SSE: as FXSAVE has it */
    HEADER_WORDS = 8,
    STATE_LEAF = 0xd,
    FIRST_EXTENDED = 2,
    LAST_EXTENDED = 7,
    /* x87, SSE, AVX, and the three parts of AVX-512 */
    WANTED = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 5 | 1 << 6 | 1 << 7,
};

static struct {
    uint32_t mask;  /* 0: no XSAVE */
    uint32_t bytes; /* of the area */
} state;

enum { AREAS = 64, AREA_BYTES = 4096 };

static char *areas;          /* NULL: none */
static uint64_t taken_areas; /* a bit for each */

static void map_areas(void)
{
    void *mapping = mmap(NULL, AREAS * AREA_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED)
        return;
    madvise(mapping, AREAS * AREA_BYTES, MADV_DONTDUMP);
    areas = mapping;
}

/* NULL: all are taken. */
static char *take_area(void)
{
    uint64_t taken = __atomic_load_n(&taken_areas, __ATOMIC_RELAXED);
    while (areas && ~taken) {
        int i = __builtin_ctzll(~taken);
        if (__atomic_compare_exchange_n(&taken_areas, &taken, taken | UINT64_C(1) << i, false,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return areas + (size_t)i * AREA_BYTES;
    }
    return NULL;
}

static void free_area(const char *area)
{
    uint64_t bit = UINT64_C(1) << (size_t)(area - areas) / AREA_BYTES;
    __atomic_fetch_and(&taken_areas, ~bit, __ATOMIC_RELEASE);
}

static uint32_t enabled_state(void)
{
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

void vector_state_init(void)
{
    if (!areas)
        map_areas();
    uint32_t a, b, c, d, bytes = LEGACY_BYTES + HEADER_WORDS * sizeof(uint64_t);
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return;
    uint32_t mask = enabled_state() & WANTED;
    for (uint32_t part = FIRST_EXTENDED; part <= LAST_EXTENDED; part++) {
        if (!(mask >> part & 1) || !__get_cpuid_count(STATE_LEAF, part, &a, &b, &c, &d))
            continue;
        if (a + b > bytes) /* its size and offset */
            bytes = a + b;
    }
    state.bytes = bytes;
    state.mask = mask;
}

/* What is called finds the x87 stack empty, as any function does. */
static void run_with(char *area, void (*run)(void *data), void *data)
{
    uint32_t mask = state.mask;
    if (mask) {
        uint64_t *header = (uint64_t *)(void *)(area + LEGACY_BYTES);
        for (int i = 0; i < HEADER_WORDS; i++)
            header[i] = 0;
        __asm__ volatile("xsave64 (%0)\n\tfninit" ::"r"(area), "a"(mask), "d"(0) : "memory");
    } else {
        __asm__ volatile("fxsave64 (%0)\n\tfninit" ::"r"(area) : "memory");
    }
    run(data);
    if (mask)
        __asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"(mask), "d"(0) : "memory");
    else
        __asm__ volatile("fxrstor64 (%0)" ::"r"(area) : "memory");
}

static __attribute__((noinline)) void run_on_stack(void (*run)(void *data), void *data)
{
    size_t bytes = state.mask ? state.bytes : LEGACY_BYTES;
    run_with(__builtin_alloca_with_align(bytes, 64 * 8), run, data);
}

void vector_state_run(void (*run)(void *data), void *data)
{
    char *area = state.bytes <= AREA_BYTES ? take_area() : NULL;
    if (!area) {
        run_on_stack(run, data);
        return;
    }
    run_with(area, run, data);
    free_area(area);
}
