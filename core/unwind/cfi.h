/*
 * Call frame information: reading one FDE and its CIE out of .eh_frame or .debug_frame.
 *
 * Only what can come true on x86-64 is accepted, and only what libunwind can be given without
 * danger: it trusts register numbers and return address columns, and loops as long as a DWARF
 * expression jumps back.
 */
#ifndef PROFTOP_CORE_UNWIND_CFI_H
#define PROFTOP_CORE_UNWIND_CFI_H

#include "core/base/elf_file.h"

enum {
    CFI_REGISTERS = 17, /* DWARF 0..15 and the return address, 16 */
    CFI_CODE_BYTES_MAX = 64 << 10,
};

/* Where records are read from, by address. */
struct cfi_source {
    const struct elf_file *file; /* read by virtual address (.eh_frame) */
    const uint8_t *bytes;        /* or this section in memory, by offset in it (.debug_frame) */
    size_t size;                 /* of bytes */
    bool is_debug_frame;         /* the dialect: .debug_frame instead of .eh_frame */
};

/* One function's unwind information. The code points into the source. */
struct cfi_entry {
    uint64_t start, size; /* virtual addresses, as linked */
    uint64_t code_align;
    int64_t data_align;
    bool is_signal_frame; /* the frame below it was interrupted, it did not call */
    const uint8_t *cie_code, *fde_code;
    size_t cie_code_size, fde_code_size;
};

enum cfi_record { CFI_END, CFI_FDE, CFI_OTHER };

/*
 * Reads the record at `address`. CFI_FDE: *ret_entry is filled. CFI_OTHER: a CIE, or an FDE that
 * cannot be used. CFI_END: terminator, end of the source, or damage. *ret_next (may be NULL) is the
 * next record's address, set unless CFI_END. Context: any thread.
 */
enum cfi_record cfi_read(const struct cfi_source *source, uint64_t address,
                         struct cfi_entry *ret_entry, uint64_t *ret_next);

/*
 * Appends to `out` the instructions of `code` that concern registers 0..16. False, with `out` in
 * any state, when there is one that must not be run: unknown, a bad register, an expression that
 * could loop or trap, or too deep a stack. Context: any thread.
 */
bool cfi_filter(const uint8_t *code, size_t size, GByteArray *out);

#endif
