/*
 * How a heap was measured, in words: exactly, by samples, or first one and then the other.
 *
 * Context of all: holder of the profile's lock.
 */
#ifndef PROFTOP_CORE_ANALYSIS_HEAP_HOW_H
#define PROFTOP_CORE_ANALYSIS_HEAP_HOW_H

#include "core/model/profile.h"

/*
 * Whether a site of that process (PROFILE_NONE: of any) has no samples, so that what it counts was
 * recorded while every block was. Where both were recorded with the same stacks alone, that is not
 * known: false. O(sites).
 */
bool heap_has_exact_sites(const struct heap *heap, uint32_t process);

/*
 * "exact", "sampled", "exact, then sampled" or "sampled, then exact" of what was measured of that
 * process, or of all (PROFILE_NONE). `some_exact` is what heap_has_exact_sites() says.
 * O(processes).
 */
const char *heap_how(const struct heap *heap, uint32_t process, bool some_exact);

#endif
