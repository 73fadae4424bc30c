/*
 * Where hijacked calls return to: patched code puts the address of a trampoline in the place of a
 * function's return address; the original is kept here, by the stack address where it was (its
 * slot).
 *
 * One table for the process, in private memory that forked children inherit: they return through
 * the trampoline like their parent. Lock-free. A slot has its place within WINDOW entries from its
 * hash on; who looks it up looks at all of them. Entries of functions that were left otherwise
 * (longjmp(), exceptions) stay until their slot is used again, so nothing is ever taken from a
 * coroutine that goes on later.
 *
 * The unwind information of the trampoline (patch_entry.c) reads this table too: its layout, the
 * hash and the window are part of that.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_PATCH_RETURNS_H
#define PROFTOP_COLLECTORS_TARGET_PATCH_RETURNS_H

#include <stdbool.h>
#include <stdint.h>

enum { PATCH_RETURNS_BITS = 18, PATCH_RETURNS_WINDOW = 16 };

struct patch_return {
    uintptr_t slot; /* 0: free */
    uintptr_t address;
};

/* Maps the table, 4 MB that are touched as needed; does nothing when there is one. False: no
 * memory. Changes errno. Context: constructor or fork handler. */
bool patch_returns_start(void);

/*
 * Keeps the return address of a slot; what was kept for it before is forgotten. False: no room,
 * nothing is kept.
 * Context: the thread whose stack it is, async-signal-safe, general registers only.
 */
bool patch_returns_insert(uintptr_t slot, uintptr_t address);

/* The return address of a slot; 0: none is kept. Context: any thread, async-signal-safe, general
 * registers only. */
uintptr_t patch_returns_find(uintptr_t slot);

/* Likewise, and forgets it. Context: as patch_returns_insert(). */
uintptr_t patch_returns_take(uintptr_t slot);

#endif
