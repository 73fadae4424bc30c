/*
 * Patchable entries: NOPs that the compiler leaves before and at a function's entry, and lists in
 * the section __patchable_function_entries.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_PATCH_SLED_H
#define PROFTOP_COLLECTORS_CALLS_PATCH_SLED_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/elf_file.h"

enum {
    PATCH_SLED_CALL_BYTES = 5, /* before the entry, for a call */
    PATCH_ENDBR_BYTES = 4,
    PATCH_SLED_PREFIX = 0x66, /* clang's two bytes at the entry are one NOP with a prefix, as which
                                 it is good for stc and cmc, too */
};

/* A function that can be patched by its sled. Addresses as linked. */
struct patch_sled {
    uint64_t entry;
    bool has_endbr; /* the two NOPs stand behind it */
};

/*
 * Where the NOPs of a file's functions begin (uint64_t, as linked), in the file's order, at most
 * 2^20; relocations are looked at where the file has only room for them. Free with g_array_unref.
 * Context: any thread.
 */
GArray *patch_sled_list(const struct elf_file *elf);

/*
 * Finds the entry that belongs to NOPs from `start` on.
 *
 * @entry  of the function that a symbol says is there; 0: none known
 * Returns false when they are not enough to call from. Context: any thread.
 */
bool patch_sled_read(const struct elf_file *elf, uint64_t start, uint64_t entry,
                     struct patch_sled *ret_sled);

#endif
