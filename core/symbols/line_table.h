/*
 * The line table of one compilation unit: which source line an instruction belongs to (DWARF 2 to
 * 5).
 *
 * Our own decoder, as libdw's keeps a linked list and sorts it: 36 ms where this takes 4, for a
 * unit of 430,000 rows.
 *
 * Context: one thread at a time.
 */
#ifndef PROFTOP_CORE_SYMBOLS_LINE_TABLE_H
#define PROFTOP_CORE_SYMBOLS_LINE_TABLE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of one section, not compressed; NULL, 0: the file has none. */
struct line_section {
    const uint8_t *data;
    size_t size;
};

/* What a line table is read from; borrowed, must outlive the tables. */
struct line_sections {
    struct line_section line;     /* .debug_line */
    struct line_section line_str; /* .debug_line_str */
    struct line_section str;      /* .debug_str */
};

struct line_table;

/*
 * Decodes the program at `offset` of .debug_line.
 *
 * @compilation_directory  DW_AT_comp_dir, for relative names; may be NULL; copied
 * Returns NULL when the header is corrupt or its size absurd; a program that breaks off gives the
 * rows before that. Context: any thread.
 */
struct line_table *line_table_new(const struct line_sections *sections, uint64_t offset,
                                  const char *compilation_directory);

/* Frees it; NULL is allowed. */
void line_table_free(struct line_table *table);

/* How many rows it holds: its size in memory. */
size_t line_table_rows(const struct line_table *table);

/* The row that holds `vaddr`: its file number and line (0: none). False when no sequence holds it.
 */
bool line_table_find(const struct line_table *table, uint64_t vaddr, uint32_t *ret_file,
                     uint32_t *ret_line);

/*
 * The path of file number `file`, absolute when the compiler recorded the directory; built at the
 * first use and owned by the table. NULL for an unknown number. Context: one thread at a time.
 */
const char *line_table_file(struct line_table *table, uint32_t file);

#endif
