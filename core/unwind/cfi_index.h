/*
 * The unwind information of one ELF file: from an address in it to the entry that covers it.
 *
 * .eh_frame_hdr's sorted table is used where there is one. What it does not cover is looked up in a
 * sorted index made, once, of .eh_frame without a table and of .debug_frame, in the file itself or
 * in its separate debug file.
 *
 * Context: one thread at a time.
 */
#ifndef PROFTOP_CORE_UNWIND_CFI_INDEX_H
#define PROFTOP_CORE_UNWIND_CFI_INDEX_H

#include "core/unwind/cfi.h"

struct cfi_index;

/* Takes its own reference to `file`. Reads nothing yet. Context: any thread; an index is used by
 * one at a time. */
struct cfi_index *cfi_index_new(struct elf_file *file);

/* NULL is allowed. */
void cfi_index_free(struct cfi_index *index);

/*
 * The entry that covers `vaddr`; false: none. The entry's code is valid as long as the index. The
 * first miss may read the whole of .debug_frame (at most 256 MiB).
 */
bool cfi_index_find(struct cfi_index *index, uint64_t vaddr, struct cfi_entry *ret_entry);

#endif
