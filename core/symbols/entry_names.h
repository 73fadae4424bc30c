/*
 * The two functions that a stripped program still tells apart: _start and main.
 */
#ifndef PROFTOP_CORE_SYMBOLS_ENTRY_NAMES_H
#define PROFTOP_CORE_SYMBOLS_ENTRY_NAMES_H

#include "core/base/elf_file.h"

/*
 * "_start" or "main" when `vaddr` is inside the function at the entry point, or inside the one
 * whose address that hands to
 * __libc_start_main; else NULL. Both glibc's and musl's x86-64 start-up code load it into %rdi.
 * Context: any thread.
 */
const char *entry_name(const struct elf_file *elf, uint64_t vaddr);

#endif
