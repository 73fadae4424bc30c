/*
 * What patched code calls. Two ways in, in assembly: all general registers are kept there, vector
 * registers are not touched. And one way out: where a function's return address was, there is that
 * of a trampoline from then on, which leaves the call and goes where the function was to return to.
 *
 * A tail call finds the trampoline at its slot already: both calls end when that returns. The
 * trampoline has unwind information by which exceptions, backtrace() and debuggers pass through it.
 *
 * None of this depends on a segment: a forked child, which has none of its parent's, runs the same
 * patched code, and returns through the trampoline, but counts nothing.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_PATCH_ENTRY_H
#define PROFTOP_COLLECTORS_TARGET_PATCH_ENTRY_H

#include <stdint.h>

#include "core/wire/wire_calls.h"

/*
 * Fills enter_sled, enter_site, leave and leave_end.
 * Context: constructor or fork handler.
 */
void patch_entry_describe(struct wire_calls *wire);

/* The address of the trampoline. Context: any. */
uintptr_t patch_entry_trampoline(void);

/* A function that does nothing and is patched already, as a sled: to measure what that takes.
 * Context: as that of any function that is patched. */
void patch_entry_empty(void);

#endif
