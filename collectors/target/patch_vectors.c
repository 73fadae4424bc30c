/*
 * See patch_vectors.h. XSAVE in its plain form, of the parts that compiled code uses: not AMX,
 * whose 8 KB no libc touches.
 */
#include "collectors/target/patch_vectors.h"

#include <cpuid.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

static uint32_t enabled_state(void)
{
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

void vector_state_init(void)
{
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
void vector_state_run(void (*run)(void *data), void *data)
{
    uint32_t mask = state.mask;
    size_t bytes = mask ? state.bytes : LEGACY_BYTES;
    char *area = __builtin_alloca_with_align(bytes, 64 * 8);
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
