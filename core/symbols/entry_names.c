/*
 * Reads the start-up code at the ELF entry point.
 */
#include "core/symbols/entry_names.h"

#include <string.h>

#include "core/base/eh_frame_table.h"

enum { START_BYTES = 48, LOAD_BYTES = 7 };

/* The address that the instruction loads into %rdi (lea rel32(%rip), mov $imm32), if it is one of
 * those. */
static bool loads_first_argument(const uint8_t *code, uint64_t vaddr, uint64_t *ret_value)
{
    int32_t operand;
    memcpy(&operand, code + 3, sizeof operand);
    if (memcmp(code, "\x48\x8d\x3d", 3) == 0)
        *ret_value = vaddr + LOAD_BYTES + (uint64_t)(int64_t)operand;
    else if (memcmp(code, "\x48\xc7\xc7", 3) == 0)
        *ret_value = (uint64_t)(int64_t)operand;
    else
        return false;
    return true;
}

/* Whether a call follows, directly (e8) or through the GOT (ff 15, or 67 e8 where the linker
 * relaxed that). */
static bool is_call(const uint8_t *code)
{
    return code[0] == 0xe8 || (code[0] == 0xff && code[1] == 0x15) ||
           (code[0] == 0x67 && code[1] == 0xe8);
}

static bool find_main(const struct elf_file *elf, uint64_t *ret_main)
{
    const uint8_t *code = elf->entry ? elf_file_bytes(elf, elf->entry, START_BYTES) : NULL;
    for (size_t i = 0; code && i + LOAD_BYTES + 2 <= START_BYTES; i++)
        if (is_call(code + i + LOAD_BYTES) &&
            loads_first_argument(code + i, elf->entry + i, ret_main))
            return true;
    return false;
}

const char *entry_name(const struct elf_file *elf, uint64_t vaddr)
{
    uint64_t start, main_start;
    if (!elf->is_64bit || !eh_frame_table_function(elf, vaddr, &start) ||
        !find_main(elf, &main_start))
        return NULL;
    if (start == elf->entry)
        return "_start";
    return start == main_start ? "main" : NULL;
}
