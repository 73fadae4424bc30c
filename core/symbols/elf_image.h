/*
 * libelf over an ELF file: the headers and the chosen sections of it.
 *
 * Sections are read (not mapped) into the file's own memory before libelf sees them, so a file that
 * its owner truncates meanwhile cannot kill us. What was not chosen reads as zeros.
 */
#ifndef PROFTOP_CORE_SYMBOLS_ELF_IMAGE_H
#define PROFTOP_CORE_SYMBOLS_ELF_IMAGE_H

#include <libelf.h>

#include "core/base/elf_file.h"

/* Whether the section is to be read. Context: the caller of elf_image_open. */
typedef bool elf_image_filter(const char *name, const Elf64_Shdr *header);

/*
 * Opens a little-endian 64-bit file; sections that `wanted` chooses are readable by elf_rawdata.
 * Their bytes stay valid as long as a reference to `file` is held, also after elf_end.
 *
 * @ret_total  bytes of the chosen sections as they are in memory (compressed ones count unpacked);
 * NULL = not wanted Returns a handle for elf_end, or NULL when the file has no sections or is
 * corrupt. Context: any thread.
 */
Elf *elf_image_open(const struct elf_file *file, elf_image_filter *wanted, uint64_t *ret_total);

/* The section of that name, with its header, or NULL. Context: the thread that uses `elf`. */
Elf_Scn *elf_image_section(Elf *elf, const char *name, Elf64_Shdr **ret_header);

/*
 * The bytes of one section of `file` as they are in it (not decompressed), valid while the file is
 * referenced; NULL when there is none. Context: any thread.
 */
const uint8_t *elf_image_bytes(const struct elf_file *file, const char *name, size_t *ret_size);

#endif
