/*
 * See patch_detour.h. Jumps are followed, as they are few; a site's block is known by how it begins
 * (patch_site.c), and names its site.
 */
#include "collectors/calls/patch_detour.h"

#include <string.h>

#include "collectors/calls/patch_site.h"
#include "collectors/calls/patch_stubs.h"

enum {
    WORD = 8,
    JUMPS_MAX = 3, /* at a jump's target, the block's, and none */
    /* Of a block: push NUMBER; call *ENTER(%rip); lea 8(%rsp),%rsp; then what was moved. */
    CALL_AT = 5,
    DROP_AT = 11,
    MOVED_AT = 16,
};

/* The code that proftop has written, and what it is told of it. */
struct code {
    const struct wire_calls *wire;
    const struct wire_calls_site *sites;
    const struct wire_calls_mapping *mappings;
    const uint8_t *bytes; /* WIRE_CALLS_CODE_BYTES */
};

static bool is_within(uint64_t address, uint64_t start, uint64_t bytes, uint64_t *ret_offset)
{
    if (start == 0 || address < start || address - start >= bytes)
        return false;
    *ret_offset = address - start;
    return true;
}

/* Where in the code an address is. */
static bool find_offset(const struct code *code, uint64_t address, uint64_t *ret_offset)
{
    const struct wire_calls *wire = code->wire;
    if (is_within(address, wire->code_near_program, WIRE_CALLS_CODE_BYTES, ret_offset) ||
        is_within(address, wire->code_near_libraries, WIRE_CALLS_CODE_BYTES, ret_offset))
        return true;
    uint32_t n = MIN(wire->n_mappings, (uint32_t)WIRE_CALLS_MAPPINGS);
    for (uint32_t i = 0; i < n; i++) {
        const struct wire_calls_mapping mapping = code->mappings[i];
        if (!is_within(address, mapping.address, mapping.bytes, ret_offset))
            continue;
        *ret_offset += mapping.offset;
        return mapping.offset < WIRE_CALLS_CODE_BYTES && *ret_offset < WIRE_CALLS_CODE_BYTES;
    }
    return false;
}

/* jmp *DISPLACEMENT(%rip) */
static bool read_jump(const struct code *code, uint64_t offset, uint64_t *ret_destination)
{
    int32_t displacement;
    const uint8_t *at = code->bytes + offset;
    if (offset > WIRE_CALLS_CODE_BYTES - PATCH_STUB_BYTES || at[0] != 0xff || at[1] != 0x25)
        return false;
    memcpy(&displacement, at + 2, sizeof displacement);
    uint64_t word = offset + PATCH_STUB_BYTES + (uint64_t)(int64_t)displacement;
    if (word > WIRE_CALLS_CODE_BYTES - WORD)
        return false;
    memcpy(ret_destination, code->bytes + word, WORD);
    return true;
}

/* The place in the program that a site's number stands for; 0: there is none. */
static uint64_t place_of(const struct code *code, uint64_t number)
{
    const struct wire_calls_site *site = &code->sites[MIN(number, (uint64_t)WIRE_CALLS_SITES - 1)];
    return number < WIRE_CALLS_SITES && site->function ? site->function + site->behind : 0;
}

static bool is_block(const uint8_t *start)
{
    static const uint8_t drop[] = {0x48, 0x8d, 0x64, 0x24, 0x08};
    return start[0] == 0x68 && start[CALL_AT] == 0xff && start[CALL_AT + 1] == 0x15 &&
           memcmp(start + DROP_AT, drop, sizeof drop) == 0;
}

/* Before or at the instruction that was moved. A call that was moved is a push and a jump. */
static bool find_in_block(const struct code *code, uint64_t offset,
                          struct unwind_detour *ret_detour)
{
    static const uint8_t push[] = {0x48, 0x8d, 0x64, 0x24, 0xf8};
    for (uint64_t k = 0; k < PATCH_BLOCK_BYTES && k <= offset; k++) {
        const uint8_t *start = code->bytes + offset - k;
        uint32_t number;
        if (offset - k > WIRE_CALLS_CODE_BYTES - PATCH_BLOCK_BYTES || !is_block(start))
            continue;
        memcpy(&number, start + 1, sizeof number);
        bool is_pushed = k == CALL_AT || k == DROP_AT ||
                         (k > MOVED_AT && memcmp(start + MOVED_AT, push, sizeof push) == 0);
        *ret_detour = (struct unwind_detour){.address = place_of(code, number),
                                             .pushed = is_pushed ? WORD : 0};
        return ret_detour->address != 0;
    }
    return false;
}

static bool find_place(const struct code *code, uint64_t address, struct unwind_detour *ret_detour)
{
    uint64_t offset;
    for (int i = 0; i <= JUMPS_MAX; i++) {
        if (!find_offset(code, address, &offset)) {
            *ret_detour = (struct unwind_detour){.address = address};
            return i > 0 && address != 0;
        }
        if (!read_jump(code, offset, &address))
            return find_in_block(code, offset, ret_detour);
        if (address == code->wire->enter_sled) { /* called: the function's entry is pushed */
            *ret_detour = (struct unwind_detour){.pushed = WORD};
            return true;
        }
    }
    return false;
}

bool patch_detour_find(const struct calls_hello *hello, uint64_t from, uint64_t address,
                       struct unwind_detour *ret_detour)
{
    const struct code code = {.wire = hello->wire,
                              .sites = (const void *)(hello->part + hello->layout->sites),
                              .mappings = (const void *)(hello->part + hello->layout->mappings),
                              .bytes = hello->part + hello->layout->code};
    if (from == 0)
        return find_place(&code, address, ret_detour);
    if (from < code.wire->enter_site || from >= code.wire->leave)
        return false;
    uint64_t place = place_of(&code, address);
    if (place != 0)
        *ret_detour = (struct unwind_detour){.address = place + 1};
    return place != 0;
}
