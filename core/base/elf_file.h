/*
 * An ELF file, opened with care and mapped read-only: what the unwinder and the symbolizer read.
 *
 * Every byte of it may come from a hostile target: all accessors check bounds. Objects are
 * reference counted (atomic), immutable after opening, and keep their descriptor, so they outlive
 * the target, a chroot and an unlink.
 */
#ifndef PROFTOP_CORE_BASE_ELF_FILE_H
#define PROFTOP_CORE_BASE_ELF_FILE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ELF_BUILD_ID_MAX = 20 };

/* One PT_LOAD segment, as the program header has it. */
struct elf_segment {
    uint64_t vaddr;
    uint64_t offset;
    uint64_t file_size;
};

struct elf_blocks; /* the parts of the file that were read so far */

struct elf_file {
    int ref_count;
    int fd;                    /* -1 for an image in memory (the vDSO) */
    struct elf_blocks *blocks; /* NULL for an image in memory; use elf_file_bytes and elf_file_at */
    const uint8_t *image;      /* an image in memory, else NULL */
    size_t size;
    char *path; /* as the target's maps name it: hostile text, for display after cleaning */
    char
        *root; /* prefix under which separate debug files are looked for ("" or "/proc/PID/root") */
    bool is_64bit;  /* only x86-64 images can be unwound */
    uint16_t type;  /* ET_EXEC, ET_DYN */
    uint64_t entry; /* vaddr of the first instruction, 0: none */
    uint64_t device, inode;
    uint8_t build_id[ELF_BUILD_ID_MAX];
    size_t build_id_size; /* 0: none */
    struct elf_segment *segments;
    size_t n_segments;
    uint64_t eh_frame_hdr; /* vaddr of PT_GNU_EH_FRAME, 0: none */
    uint64_t eh_frame_hdr_size;
};

/*
 * Opens the file that process `pid` knows as `path`: through /proc/PID/root, never following magic
 * links out of it, never blocking on a FIFO or device, regular files only.
 *
 * @device, @inode  what the mapping says; both 0 = not checked. A file that differs is refused (it
 * was replaced). Returns a new reference, or NULL with an error. Context: any thread.
 */
struct elf_file *elf_file_open(pid_t pid, const char *path, uint64_t device, uint64_t inode,
                               GError **error);

/*
 * Opens the file that `link` of /proc leads to (/proc/PID/exe, /proc/PID/map_files/...), though it
 * may have no name any more. `path` is what the maps call it; otherwise as elf_file_open. Context:
 * any thread.
 */
struct elf_file *elf_file_open_link(const char *link, const char *path, uint64_t device,
                                    uint64_t inode, GError **error);

/*
 * Opens `path`, absolute, as it is seen below the directory `root` ("": our own): neither "..", nor
 * a symbolic link, nor a magic link leads out of it. For the `root` of another file. Otherwise as
 * elf_file_open. Context: any thread.
 */
struct elf_file *elf_file_open_below(const char *root, const char *path, GError **error);

/* Takes an image in memory that lives as long as the process does (the vDSO). NULL when it is not
 * ELF. */
struct elf_file *elf_file_from_memory(const void *image, size_t size, const char *name);

/* Another reference. Context: any thread. */
struct elf_file *elf_file_ref(struct elf_file *file);

/* Drops a reference; NULL is allowed. Context: any thread. */
void elf_file_unref(struct elf_file *file);

/* Virtual address (as linked) of a file offset; false when no PT_LOAD holds it. Context: any
 * thread. */
bool elf_file_address(const struct elf_file *file, uint64_t offset, uint64_t *ret_vaddr);

/*
 * Pointer to `size` bytes at virtual address `vaddr`, valid while the reference is held; NULL when
 * the file does not hold them all. Context: any thread.
 */
const void *elf_file_bytes(const struct elf_file *file, uint64_t vaddr, size_t size);

/* As elf_file_bytes, by file offset. Context: any thread. */
const void *elf_file_at(const struct elf_file *file, uint64_t offset, size_t size);

#endif
