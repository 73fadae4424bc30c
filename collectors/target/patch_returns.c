/*
 * See patch_returns.h. An entry is claimed by its slot, with a compare and swap; who claims it is
 * the only one to use that slot, so the address needs no care. It is freed by setting the slot to
 * 0. A signal handler that interrupts uses other slots, even when it never returns.
 */
#include "collectors/target/patch_returns.h"

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
    struct patch_return *entry = patch_returns_entry(slot);
    if (__builtin_expect(!entry, 1)) {
        entry = patch_returns_window(slot);
        const struct patch_return *end = entry + PATCH_RETURNS_WINDOW;
        while (entry < end && !claim(entry, slot))
            entry++;
        if (entry == end)
            return false;
    }
    __atomic_store_n(&entry->call_end, address - 1, __ATOMIC_RELAXED);
    return true;
}

uintptr_t patch_returns_find(uintptr_t slot)
{
    const struct patch_return *entry = patch_returns_entry(slot);
    return entry ? patch_returns_address(entry) : 0;
}

void patch_returns_remove(uintptr_t slot)
{
    struct patch_return *entry = patch_returns_entry(slot);
    if (entry)
        patch_returns_free(entry);
}
