/*
 * Mixing of integers for hash tables.
 */
#ifndef PROFTOP_CORE_BASE_HASH_H
#define PROFTOP_CORE_BASE_HASH_H

#include <stdint.h>

/*
 * `hash` with `value` mixed in: multiplicative hashing with 2^64 / phi (Knuth, The Art of Computer
 * Programming, vol. 3, 6.4). The upper bits are the better ones. Context: any thread.
 */
static inline uint64_t hash_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ (hash >> 29);
}

/* Of a 64-bit number that stands in a pointer: a GHashFunc, beside g_direct_equal. g_direct_hash
 * would see its lower half alone. Context: any thread. */
static inline unsigned hash_u64(const void *key)
{
    return (unsigned)(hash_mix(0, (uint64_t)(uintptr_t)key) >> 32);
}

#endif
