/*
 * From an address in an ELF file to the functions and source lines there.
 *
 * Sources, in this order: DWARF for inlined functions and lines; .symtab, or the symbol table of
 * the separate debug file or of .gnu_debugdata together with .dynsym, for names; PLT stubs by their
 * relocations. All lookups are local: no debuginfod.
 *
 * Cost rule: compressed DWARF of a library's separate debug file is not unpacked (33 ms for
 * libc's): such frames have names, but no lines. A program's own is.
 *
 * Context: one thread at a time.
 */
#ifndef PROFTOP_CORE_SYMBOLS_SYMBOLIZER_H
#define PROFTOP_CORE_SYMBOLS_SYMBOLIZER_H

#include "core/base/elf_file.h"

enum {
    SYMBOL_TEXT_MAX = 4096, /* longer names and paths are cut */
    SYMBOL_LINES_MAX = 64,  /* functions at one address */
};

/* One function at an address. All strings are hostile text, not cleaned for display. */
struct symbol_line {
    const char *linkage; /* as in the symbol table, for identity; without version and ".cold" */
    const char *name;    /* demangled, full */
    const char *file;    /* NULL: unknown */
    uint32_t line;       /* of this address, 0: unknown */
    uint32_t decl_line;  /* where the function is declared, 0: unknown */
};

struct symbolizer;

/* An empty one; files are read at their first lookup. Context: any thread; then one thread at a
 * time. */
struct symbolizer *symbolizer_new(void);

/* Frees it and all strings that it returned; NULL is allowed. */
void symbolizer_free(struct symbolizer *symbolizer);

/*
 * The functions at `vaddr`, innermost inlined one first, the physical function last.
 *
 * @vaddr      as linked; for a return address, the address of the call (one less)
 * @ret_lines  at most `max` are written (the outermost ones when there are more); strings live as
 * long as the symbolizer Returns how many; 0: no symbol covers the address, or the file is corrupt.
 * Results are remembered by build-id (else device and inode) and address; a file's first lookup
 * takes its own reference to it.
 */
size_t symbolizer_lookup(struct symbolizer *symbolizer, struct elf_file *elf, uint64_t vaddr,
                         struct symbol_line *ret_lines, size_t max);

/*
 * The string, cut to SYMBOL_TEXT_MAX, in the symbolizer's memory: for names from other sources that
 * are to live as long. NULL when 256 MiB of strings are held.
 */
const char *symbolizer_intern(struct symbolizer *symbolizer, const char *text);

#endif
