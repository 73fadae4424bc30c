/*
 * DWARF of one file: which functions, inlined into one another, and which lines an instruction
 * belongs to.
 *
 * The only user of libdw. Everything is read on demand and kept by compilation unit and function,
 * so that the first lookup costs one unit and the next ones a binary search.
 *
 * Context: one thread at a time.
 */
#ifndef PROFTOP_CORE_SYMBOLS_DEBUG_INFO_H
#define PROFTOP_CORE_SYMBOLS_DEBUG_INFO_H

#include "core/base/elf_file.h"

enum { DEBUG_INLINES_MAX = 64 }; /* levels beyond these are left out */

/* One function that an instruction belongs to; strings belong to the debug_info, and may be long.
 */
struct debug_frame {
    const char *linkage; /* the mangled name; NULL: the source name is all there is */
    const char *name;    /* as written in the source, without its scope; NULL: unknown */
    const char *file;    /* of this place in it; NULL: unknown */
    uint32_t line;       /* of this place in it; 0: unknown */
    uint32_t decl_line;  /* where the function is declared; 0: unknown */
};

struct debug_info;

/* What the DWARF of a file would cost. */
struct debug_cost {
    bool present;
    bool compressed;
};

/* Looks at the section headers only. Context: any thread. */
struct debug_cost debug_info_cost(const struct elf_file *file);

/*
 * Opens the DWARF of `file`; takes its own reference.
 *
 * Returns NULL when there is none, it is corrupt, larger than 2 GiB unpacked, or its supplementary
 * file is missing. Context: any thread.
 */
struct debug_info *debug_info_open(struct elf_file *file);

/* Frees it with all its strings; NULL is allowed. */
void debug_info_free(struct debug_info *info);

/*
 * The functions at `vaddr` (as linked), innermost inlined one first, the physical function last.
 *
 * @max  at least 1; when there are more levels the outermost ones stay
 * Returns how many were written; a frame without names but with a line when only the line table
 * knows the place; 0: nothing known.
 */
size_t debug_info_lookup(struct debug_info *info, uint64_t vaddr, struct debug_frame *ret_frames,
                         size_t max);

#endif
