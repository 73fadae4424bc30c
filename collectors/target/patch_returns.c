/*
 * See patch_returns.h. An entry is claimed by its slot, with a compare and swap; who claims it is
 * the only one to use that slot, so the address needs no care. It is freed by setting the slot to
 * 0. A signal handler that interrupts uses other slots, even when it never returns.
 */
#include "collectors/target/patch_returns.h"

#include <stddef.h>
#include <sys/mman.h>

enum { ENTRIES = (1 << PATCH_RETURNS_BITS) + PATCH_RETURNS_WINDOW };

struct patch_return *patch_returns_table;
uintptr_t patch_returns_trampoline;

bool patch_returns_start(uintptr_t trampoline)
{
    if (!patch_returns_table) {
        void *table = mmap(NULL, ENTRIES * sizeof *patch_returns_table, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (table == MAP_FAILED)
            return false;
        madvise(table, ENTRIES * sizeof *patch_returns_table, MADV_DONTDUMP);
        patch_returns_table = table;
    }
    patch_returns_trampoline = trampoline;
    return true;
}

/* The first entry of the window. The unwind information of the trampoline has the same numbers. */
static inline struct patch_return *window_of(uintptr_t slot)
{
    uint64_t hash = slot * UINT64_C(0x1e3779b97f4a7c15);
    return &patch_returns_table[hash >> (64 - PATCH_RETURNS_BITS)];
}

static inline struct patch_return *entry_of(uintptr_t slot)
{
    if (__builtin_expect(!patch_returns_table, 0))
        return NULL;
    struct patch_return *entry = window_of(slot);
    for (int i = 0; i < PATCH_RETURNS_WINDOW; i++, entry++)
        if (__atomic_load_n(&entry->slot, __ATOMIC_RELAXED) == slot)
            return entry;
    return NULL;
}

static bool claim(struct patch_return *entry, uintptr_t slot)
{
    uintptr_t none = 0;
    return __atomic_load_n(&entry->slot, __ATOMIC_RELAXED) == 0 &&
           __atomic_compare_exchange_n(&entry->slot, &none, slot, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

bool patch_returns_insert(uintptr_t slot, uintptr_t address)
{
    if (__builtin_expect(!patch_returns_table, 0))
        return false;
    struct patch_return *entry = entry_of(slot), *end = window_of(slot) + PATCH_RETURNS_WINDOW;
    if (__builtin_expect(!entry, 1))
        for (entry = end - PATCH_RETURNS_WINDOW; entry < end && !claim(entry, slot);)
            entry++;
    if (entry == end)
        return false;
    __atomic_store_n(&entry->call_end, address - 1, __ATOMIC_RELAXED);
    return true;
}

uintptr_t patch_returns_find(uintptr_t slot)
{
    const struct patch_return *entry = entry_of(slot);
    return entry ? __atomic_load_n(&entry->call_end, __ATOMIC_RELAXED) + 1 : 0;
}

void patch_returns_remove(uintptr_t slot)
{
    struct patch_return *entry = entry_of(slot);
    if (entry)
        __atomic_store_n(&entry->slot, 0, __ATOMIC_RELEASE);
}
