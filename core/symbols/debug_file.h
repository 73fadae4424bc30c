/*
 * Separate debug files: found by build-id or .gnu_debuglink below the debug directories, and the
 * symbol table that is compressed into .gnu_debugdata.
 *
 * Nothing is fetched from a network. A name in a target's file never leads out of the directories
 * that it may name: the searches are done with openat2 below the root, for regular files only,
 * without blocking.
 */
#ifndef PROFTOP_CORE_SYMBOLS_DEBUG_FILE_H
#define PROFTOP_CORE_SYMBOLS_DEBUG_FILE_H

#include "core/base/elf_file.h"

struct debug_file {
    struct elf_file *elf;
    void *unpacked; /* the memory under it when it was compressed, else NULL */
    size_t unpacked_size;
};

/*
 * The debug file that belongs to `elf`: /usr/lib/debug/.build-id/xx/yyyy.debug, then the
 * .gnu_debuglink beside the file, in its .debug and below /usr/lib/debug; each below elf->root
 * first. Its build-id, else the link's CRC, must match.
 *
 * Returns a new object (debug_file_free) or NULL when there is none. Context: any thread.
 */
struct debug_file *debug_file_find(const struct elf_file *elf);

/*
 * The image in `elf`'s .gnu_debugdata section (xz, needs liblzma.so.5 at run time): a symbol table
 * of the local functions of a stripped file. At most 64 MiB are unpacked. Returns a new object or
 * NULL. Context: any thread.
 */
struct debug_file *debug_file_unpack(const struct elf_file *elf);

/*
 * The supplementary file that dwz put common DWARF into: /usr/lib/debug/.dwz/NAME, by the last part
 * of `link` after
 * ".dwz/", below `root` and then the system's root. The build-id must match.
 *
 * Returns a new object or NULL. Context: any thread.
 */
struct debug_file *debug_file_find_supplement(const char *root, const char *link,
                                              const uint8_t *build_id, size_t build_id_size);

/* Drops the file and frees; NULL is allowed. Context: any thread. */
void debug_file_free(struct debug_file *file);

#endif
