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
#include <stddef.h>
#include <stdint.h>

enum { PATCH_RETURNS_BITS = 18, PATCH_RETURNS_WINDOW = 16 };

struct patch_return {
    uintptr_t slot;     /* 0: free */
    uintptr_t call_end; /* the last byte of the call: the return address less 1 */
};

/* What the unwind information of the trampoline and patch_returns_original() go by; NULL and 0
 * until patch_returns_start(). */
extern struct patch_return *patch_returns_table __attribute__((visibility("hidden")));
extern uintptr_t patch_returns_trampoline __attribute__((visibility("hidden")));

/* The first entry of a slot's window, when there is a table. The unwind information of the
 * trampoline has the same numbers. Context: any. */
static inline struct patch_return *patch_returns_window(uintptr_t slot)
{
    uint64_t hash = slot * UINT64_C(0x1e3779b97f4a7c15);
    return &patch_returns_table[hash >> (64 - PATCH_RETURNS_BITS)];
}

/* The entry of a slot, which is its own until it is freed; NULL: it has none. Context: as
 * patch_returns_find(). */
static inline struct patch_return *patch_returns_entry(uintptr_t slot)
{
    if (__builtin_expect(!patch_returns_table, 0))
        return NULL;
    struct patch_return *entry = patch_returns_window(slot);
#pragma GCC unroll 16
    for (int i = 0; i < PATCH_RETURNS_WINDOW; i++)
        if (__atomic_load_n(&entry[i].slot, __ATOMIC_RELAXED) == slot)
            return &entry[i];
    return NULL;
}

/* What it has kept. Context: as patch_returns_find(). */
static inline uintptr_t patch_returns_address(const struct patch_return *entry)
{
    return __atomic_load_n(&entry->call_end, __ATOMIC_RELAXED) + 1;
}

/* Frees it. Context: as patch_returns_insert(). */
static inline void patch_returns_free(struct patch_return *entry)
{
    __atomic_store_n(&entry->slot, 0, __ATOMIC_RELEASE);
}

/* Maps the table, 4 MB that are touched as needed; does nothing when there is one. False: no
 * memory. Changes errno. @trampoline: its address. Context: constructor or fork handler. */
bool patch_returns_start(uintptr_t trampoline);

/*
 * Keeps the return address of a slot; what was kept for it before is forgotten. False: no room,
 * nothing is kept.
 * Context: the thread whose stack it is, async-signal-safe, general registers only.
 */
bool patch_returns_insert(uintptr_t slot, uintptr_t address);

/* The return address of a slot; 0: none is kept. Context: any thread, async-signal-safe, general
 * registers only. */
uintptr_t patch_returns_find(uintptr_t slot);

/* Forgets the return address of a slot. Context: as patch_returns_insert(). */
void patch_returns_remove(uintptr_t slot);

/* What a walk of the stack is to go on with that has read `address` at `slot`: the original return
 * address. 0: it is not known. Context: as patch_returns_find(). */
static inline uintptr_t patch_returns_original(uintptr_t slot, uintptr_t address)
{
    if (__builtin_expect(address == patch_returns_trampoline, 0))
        return patch_returns_find(slot);
    return address;
}

#endif
