/*
 * What proftop writes into the code area of a segment: blocks, each for one site, and pages that
 * are mapped where sites' jumps lead, with a jump to the block there. Written once, never changed
 * or freed: a thread may be in it at any time.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_PATCH_STUBS_H
#define PROFTOP_COLLECTORS_CALLS_PATCH_STUBS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/wire/wire_calls.h"

enum { PATCH_STUB_BYTES = 6 }; /* at a jump's target */

struct patch_stubs;

/* Memory to be written to, borrowed. `mappings` is that of the segment. */
struct patch_stubs *patch_stubs_new(uint8_t *code, struct wire_calls_mapping *mappings);

/* NULL is allowed. */
void patch_stubs_free(struct patch_stubs *stubs);

/* Writes a jump to `destination`, for which a relative call can reach the area; returns its offset
 * in it, UINT32_MAX: no room. Context: as of patch_stubs_new's caller, for all here. */
uint32_t patch_stubs_add_near(struct patch_stubs *stubs, uint64_t destination);

/* Room for a block: its offset in the area; UINT32_MAX: there is no more. */
uint32_t patch_stubs_add_block(struct patch_stubs *stubs);

/* Whether pages that are mapped, or ordered, for `target` have room for it: 1; -1: they have not;
 * 0: there are none. */
int patch_stubs_has(const struct patch_stubs *stubs, uint64_t target);

/*
 * Writes, for what will be at `target`, a jump to `destination`. Orders the mapping where there is
 * none. Returns the number of the order; UINT32_MAX: there is no room.
 */
uint32_t patch_stubs_add_target(struct patch_stubs *stubs, uint64_t target, uint64_t destination);

/* How many orders there are. */
uint32_t patch_stubs_n_mappings(const struct patch_stubs *stubs);

#endif
