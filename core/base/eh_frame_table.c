/*
 * Binary search in .eh_frame_hdr, in the one layout that linkers write: a sorted table of pairs of
 * 32-bit offsets (Linux Standard Base, Core, "Exception Frames"; the encodings are DW_EH_PE_*).
 */
#include "core/base/eh_frame_table.h"

#include <string.h>

struct search_table {
    uint64_t vaddr; /* of its first entry */
    uint64_t n;
};

/* Two 32-bit offsets from the begin of .eh_frame_hdr. */
struct search_entry {
    int32_t start, fde;
};

/* Bytes that a pointer of this DW_EH_PE encoding takes; 0: not known. */
static size_t encoded_size(uint8_t encoding)
{
    switch (encoding & 0x0f) {
    case 0x02: /* udata2, sdata2 */
    case 0x0a:
        return 2;
    case 0x03: /* udata4, sdata4 */
    case 0x0b:
        return 4;
    case 0x00: /* absptr, udata8, sdata8 */
    case 0x04:
    case 0x0c:
        return 8;
    default:
        return 0;
    }
}

static bool search_table(const struct elf_file *file, struct search_table *ret)
{
    enum { SORTED_DATAREL_SDATA4 = 0x3b, UDATA4 = 0x03, FIXED_BYTES = 4 };
    const uint8_t *head = elf_file_bytes(file, file->eh_frame_hdr, FIXED_BYTES);
    if (!file->eh_frame_hdr || !head || head[0] != 1 || head[2] != UDATA4 ||
        head[3] != SORTED_DATAREL_SDATA4)
        return false;
    size_t pointer = encoded_size(head[1]);
    uint64_t at = file->eh_frame_hdr + FIXED_BYTES + pointer;
    const void *count = elf_file_bytes(file, at, sizeof(uint32_t));
    if (!pointer || !count)
        return false;
    uint32_t n;
    memcpy(&n, count, sizeof(n));
    ret->vaddr = at + sizeof(uint32_t);
    uint64_t fixed = ret->vaddr - file->eh_frame_hdr;
    if (file->eh_frame_hdr_size < fixed)
        return false;
    ret->n = MIN((uint64_t)n, (file->eh_frame_hdr_size - fixed) / sizeof(struct search_entry));
    return true;
}

static bool table_entry(const struct elf_file *file, uint64_t vaddr, struct search_entry *ret)
{
    const void *bytes = elf_file_bytes(file, vaddr, sizeof(*ret));
    if (bytes)
        memcpy(ret, bytes, sizeof(*ret));
    return bytes != NULL;
}

bool eh_frame_table_find(const struct elf_file *file, uint64_t vaddr, uint64_t *ret_start,
                         uint64_t *ret_fde)
{
    struct search_table table;
    if (!search_table(file, &table))
        return false;
    uint64_t base = file->eh_frame_hdr, lo = 0, hi = table.n;
    struct search_entry entry;
    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (!table_entry(file, table.vaddr + mid * sizeof(entry), &entry))
            return false;
        if (base + (uint64_t)(int64_t)entry.start <= vaddr)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == 0 || !table_entry(file, table.vaddr + (lo - 1) * sizeof(entry), &entry))
        return false;
    *ret_start = base + (uint64_t)(int64_t)entry.start;
    *ret_fde = base + (uint64_t)(int64_t)entry.fde;
    return true;
}

bool eh_frame_table_function(const struct elf_file *file, uint64_t vaddr, uint64_t *ret_start)
{
    uint64_t fde;
    return eh_frame_table_find(file, vaddr, ret_start, &fde);
}
