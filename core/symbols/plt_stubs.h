/*
 * Names for the stubs of the procedure linkage table, which have no symbols of their own.
 */
#ifndef PROFTOP_CORE_SYMBOLS_PLT_STUBS_H
#define PROFTOP_CORE_SYMBOLS_PLT_STUBS_H

#include "core/base/elf_file.h"

/*
 * Names the x86-64 stub at `vaddr` after the function it jumps to: "malloc@plt".
 *
 * @buffer, @size  receive the name, cut when it is too long
 * Returns false when `vaddr` is in no PLT section or its target is unknown. Context: any thread.
 */
bool plt_stub_name(const struct elf_file *elf, uint64_t vaddr, char *buffer, size_t size);

/* Likewise, by the word at `slot` that the linker fills with the function's address. Context: any
 * thread. */
bool plt_slot_name(const struct elf_file *elf, uint64_t slot, char *buffer, size_t size);

#endif
