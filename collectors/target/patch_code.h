/*
 * Code that proftop writes, mapped into the process for reading and executing: as a whole near the
 * program and near its libraries, so that they can jump to it, and piece by piece at addresses that
 * proftop asks for (struct wire_calls_mapping).
 *
 * Unlike all else of the segment it is inherited by forked children: they run it. It can not be
 * written here.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_PATCH_CODE_H
#define PROFTOP_COLLECTORS_TARGET_PATCH_CODE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/wire/wire_calls.h"

/*
 * Makes it possible that functions are patched: maps the code, and what else patch_*.c need, and
 * fills code_near_program, code_near_libraries, enter_sled, enter_site, leave, leave_end and
 * carry_out. In a forked child it does so anew; what the parent's code does there goes on.
 *
 * @fd             the segment; not needed afterwards
 * @segment_bytes  its size, as the kernel says
 *
 * False, and WIRE_CALLS_NO_CODE: nothing can be patched, and nothing of it is filled. May change
 * errno.
 * Context: constructor or fork handler.
 */
bool patch_code_start(struct wire_calls *wire, int fd, uint64_t segment_bytes);

/*
 * Carries out the orders of wire_calls.mappings that have no result yet. Does nothing where there
 * is no segment, as in a forked child. Keeps errno.
 * Context: any thread, at any moment; async-signal-safe. Two at a time do no harm.
 */
void patch_code_carry_out(void);

/*
 * The sites that code at `address` belongs to: it is in an area of this process's, or of one that
 * this was forked from. NULL: in none. WIRE_CALLS_SITES of them.
 * Context: any thread, async-signal-safe, general registers only.
 */
const struct wire_calls_site *patch_code_sites(uintptr_t address);

#endif
