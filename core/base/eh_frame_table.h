/*
 * The sorted table of .eh_frame_hdr: which function an address lies in, and where its unwind
 * information is, also in programs without any symbol.
 */
#ifndef PROFTOP_CORE_BASE_EH_FRAME_TABLE_H
#define PROFTOP_CORE_BASE_EH_FRAME_TABLE_H

#include "core/base/elf_file.h"

/*
 * The entry of .eh_frame_hdr's sorted table for `vaddr`: its first address and the address of its
 * FDE, which may turn out to end before `vaddr`. false: no (usable) table, or no entry before it.
 * Context: any thread.
 */
bool eh_frame_table_find(const struct elf_file *file, uint64_t vaddr, uint64_t *ret_start,
                         uint64_t *ret_fde);

/*
 * The function that holds `vaddr` by .eh_frame_hdr's sorted table: its first address. This names
 * code that has no symbol. false: no table, or no entry before it. Context: any thread.
 */
bool eh_frame_table_function(const struct elf_file *file, uint64_t vaddr, uint64_t *ret_start);

#endif
