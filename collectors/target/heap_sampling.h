/*
 * Sampling of blocks by the bytes that are allocated: points are set along the stream of bytes at
 * distances that are distributed exponentially, and a block that holds a point is recorded. It then
 * stands for `weight` blocks of its size. No libm.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_HEAP_SAMPLING_H
#define PROFTOP_COLLECTORS_TARGET_HEAP_SAMPLING_H

#include <stdint.h>

/* The probability that a block of `size` bytes is recorded. Context: any. */
double heap_sampling_probability(uint64_t size, uint64_t sample_bytes);

/* How many blocks a recorded one stands for, at least 1: the same each time for one address. As the
 * mean over addresses, exactly 1 / probability. Context: any. */
uint64_t heap_sampling_weight(uint64_t size, uint64_t address, uint64_t sample_bytes);

/* Bytes to the next point. `random` is the thread's state, not 0. Context: the thread. */
int64_t heap_sampling_gap(uint64_t *random, uint64_t sample_bytes);

#endif
