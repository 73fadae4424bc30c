/*
 * The function symbols of one ELF file, sorted by address.
 *
 * Built once, then only searched. Names are not copied: they point into the files that were added,
 * of which the caller holds references as long as the table. One thread at a time.
 *
 * Context: one thread at a time.
 */
#ifndef PROFTOP_CORE_SYMBOLS_SYMBOL_TABLE_H
#define PROFTOP_CORE_SYMBOLS_SYMBOL_TABLE_H

#include "core/base/elf_file.h"

enum {
    SYMBOL_NAME_MAX = 4096,      /* longer names are cut */
    SYMBOL_TABLE_MAX = 2u << 20, /* symbols beyond these are ignored */
    SYMBOL_TABLE_FILES_MAX = 4,
};

struct symbol_table;

/* An empty table. Context: any thread. */
struct symbol_table *symbol_table_new(void);

/* Frees the table; NULL is allowed. */
void symbol_table_free(struct symbol_table *table);

/*
 * Adds the defined code symbols of a file's SHT_SYMTAB or SHT_DYNSYM section (`section_type`).
 *
 * Returns whether there was such a section with at least one symbol. A corrupt file adds nothing.
 */
bool symbol_table_add(struct symbol_table *table, const struct elf_file *file,
                      uint32_t section_type);

/*
 * The name of the function that holds `vaddr`: a symbol whose size covers it, the innermost one
 * when they nest; else the nearest symbol without a size, when it is in the same section and `elf`
 * knows no function that starts between the two. Among aliases: functions before labels, global
 * before local, fewer leading underscores, strong before weak, the shorter, then the alphabetically
 * first. Version suffixes (`@GLIBC_2.2`) and `.cold` are cut.
 *
 * @buffer  receives the name; at least SYMBOL_NAME_MAX + 1 bytes
 * Returns false when no symbol covers it.
 */
bool symbol_table_find(struct symbol_table *table, const struct elf_file *elf, uint64_t vaddr,
                       char *buffer);

#endif
