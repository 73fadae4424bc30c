/*
 * See patch_site.h. A block:
 *     push NUMBER; call *ENTER; lea 8(%rsp),%rsp; the instruction; jmp *BACK; ENTER; BACK; OTHER
 * An instruction that names an address relative to itself is written anew; a call pushes the
 * address that it would have pushed in its place, so that nobody sees the block on the stack.
 */
#include "collectors/calls/patch_site.h"

#include <string.h>

#include "collectors/calls/patch_body.h"
#include "collectors/calls/patch_instruction.h"

enum {
    BOUNDARIES_MAX = 16,
    ENTER_OFFSET = 64, /* of the words at a block's end */
    BACK_OFFSET = 72,
    OTHER_OFFSET = 80,
    FRAME_MAX = 1 << 24, /* bytes of stack that a prologue may take */
    REX = 0x40,
    REX_MASK = 0xf0,
    JMP = 0xe9,
    ADDRESS_BITS = 47,
    MODRM_REG_MASK = 7 << 3,
    MODRM_REG_JMP = 4 << 3, /* of ff: jmp; 2 is call */
};

/* ---- which places there are ---- */

/* Whether it is memory that is surely not below the stack pointer, where a call would write. */
static bool is_above_stack(const ZydisDecodedOperand *operand)
{
    return operand->type == ZYDIS_OPERAND_TYPE_MEMORY &&
           operand->mem.index == ZYDIS_REGISTER_NONE &&
           (operand->mem.base == ZYDIS_REGISTER_RIP ||
            (operand->mem.base == ZYDIS_REGISTER_RSP && operand->mem.disp.value >= 0));
}

static bool is_vector(const ZydisDecodedOperand *operand)
{
    return operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
           operand->reg.value >= ZYDIS_REGISTER_XMM0 && operand->reg.value <= ZYDIS_REGISTER_YMM31;
}

/* Whether the collector may be called behind this instruction too: it sets no flag that matters,
 * stores nothing but what it pushes, and goes on to the next. */
static bool can_pass(const struct patch_instruction *in, uint64_t *slot_offset)
{
    const ZydisDecodedOperand *first = &in->operands[0], *second = &in->operands[1];
    switch (in->head.mnemonic) {
    case ZYDIS_MNEMONIC_ENDBR64:
    case ZYDIS_MNEMONIC_NOP:
        return true;
    case ZYDIS_MNEMONIC_PUSH:
        *slot_offset += sizeof(uint64_t);
        return patch_is_general(first) && in->head.operand_width == 64;
    case ZYDIS_MNEMONIC_MOV:
        if (is_above_stack(first))
            return true;
        return patch_is_general(first) && !patch_is_stack_pointer(first->reg.value);
    case ZYDIS_MNEMONIC_MOVZX:
    case ZYDIS_MNEMONIC_MOVSX:
    case ZYDIS_MNEMONIC_MOVSXD:
    case ZYDIS_MNEMONIC_LEA:
        return patch_is_general(first) && !patch_is_stack_pointer(first->reg.value);
    case ZYDIS_MNEMONIC_MOVAPS:
    case ZYDIS_MNEMONIC_MOVAPD:
    case ZYDIS_MNEMONIC_MOVUPS:
    case ZYDIS_MNEMONIC_MOVDQA:
    case ZYDIS_MNEMONIC_MOVDQU:
    case ZYDIS_MNEMONIC_MOVD:
    case ZYDIS_MNEMONIC_MOVQ:
    case ZYDIS_MNEMONIC_MOVSS:
    case ZYDIS_MNEMONIC_MOVSD:
    case ZYDIS_MNEMONIC_PXOR:
    case ZYDIS_MNEMONIC_XORPS:
        return is_vector(first) || is_above_stack(first);
    case ZYDIS_MNEMONIC_XOR: /* that makes a zero: its flags are of no use */
        return patch_is_general(first) && second->type == ZYDIS_OPERAND_TYPE_REGISTER &&
               first->reg.value == second->reg.value && !patch_is_stack_pointer(first->reg.value);
    case ZYDIS_MNEMONIC_SUB:
        if (!patch_is_general(first) || first->reg.value != ZYDIS_REGISTER_RSP ||
            second->type != ZYDIS_OPERAND_TYPE_IMMEDIATE || second->imm.value.s <= 0 ||
            second->imm.value.s > FRAME_MAX)
            return false;
        *slot_offset += second->imm.value.u;
        return true;
    default:
        return false;
    }
}

/* ---- the instruction in another place ---- */

static bool uses_stack_pointer(const struct patch_instruction *in)
{
    for (size_t i = 0; i < in->head.operand_count_visible; i++) {
        const ZydisDecodedOperand *operand = &in->operands[i];
        if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY && patch_is_stack_pointer(operand->mem.base))
            return true;
        if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
            patch_is_stack_pointer(operand->reg.value))
            return true;
    }
    return false;
}

static bool is_plain(const struct patch_instruction *in)
{
    switch (in->head.meta.category) {
    case ZYDIS_CATEGORY_COND_BR:
    case ZYDIS_CATEGORY_INTERRUPT:
    case ZYDIS_CATEGORY_SYSCALL:
    case ZYDIS_CATEGORY_SYSRET:
    case ZYDIS_CATEGORY_SYSTEM:
    case ZYDIS_CATEGORY_IO:
    case ZYDIS_CATEGORY_IOSTRINGOP:
    case ZYDIS_CATEGORY_INVALID:
        return false;
    case ZYDIS_CATEGORY_CALL:
        return in->head.meta.branch_type != ZYDIS_BRANCH_TYPE_FAR && !uses_stack_pointer(in);
    default:
        return in->head.meta.branch_type != ZYDIS_BRANCH_TYPE_FAR;
    }
}

/* Whether it can be done in a block at all; the reach of what it names shows there. */
static bool can_move(const struct patch_instruction *in)
{
    uint64_t ignored;
    for (size_t i = 0; i < in->head.operand_count_visible; i++)
        if (in->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
            (in->operands[i].mem.base == ZYDIS_REGISTER_EIP ||
             (in->operands[i].mem.base == ZYDIS_REGISTER_RIP && in->head.raw.disp.size != 32)))
            return false;
    if (patch_branch_target(in, 0, &ignored) && in->head.meta.category != ZYDIS_CATEGORY_CALL &&
        in->head.mnemonic != ZYDIS_MNEMONIC_JMP)
        return false;
    return is_plain(in);
}

static struct patch_site site_at(const struct patch_code *code, size_t at, size_t length,
                                 size_t jump_offset)
{
    size_t jump_end = jump_offset + PATCH_JUMP_BYTES;
    struct patch_site site = {.address = code->address + at,
                              .length = length,
                              .jump_offset = jump_offset,
                              .n_bytes = length > jump_end ? length : jump_end};
    int32_t displacement;
    memcpy(site.bytes, code->bytes + at, site.n_bytes);
    memcpy(&displacement, site.bytes + jump_offset + 1, sizeof displacement);
    site.target = site.address + jump_end + (uint64_t)(int64_t)displacement;
    return site;
}

/* What is looked for. */
struct search {
    const struct patch_code *code;
    uint64_t lowest; /* that is jumped to */
    patch_target_fits *fits;
    void *data;
    bool any_above; /* a jump would lead to a valid address, but nothing can be mapped there */
};

/* Whether the instruction can be a place. */
static bool try_place(struct search *search, size_t at, const struct patch_instruction *in,
                      struct patch_site *ret_site)
{
    const struct patch_code *code = search->code;
    size_t length = in->head.length;
    bool is_whole = search->lowest >= code->address + at + length; /* nobody jumps into it */
    size_t n = is_whole && (code->bytes[at] & REX_MASK) == REX ? 2 : 1;
    for (size_t offset = 0; offset < n && at + offset + PATCH_JUMP_BYTES <= code->room; offset++) {
        struct patch_site site = site_at(code, at, length, offset);
        search->any_above |= site.target >> ADDRESS_BITS == 0;
        if (site.bytes[offset] == JMP || !search->fits(site.target, search->data))
            continue;
        *ret_site = site;
        return true;
    }
    return false;
}

const char patch_site_no_room[] = "no room within reach for its jump; start the program again, or "
                                  "build it with 'proftop cc'";

static const char *no_room(const struct search *search)
{
    return search->any_above ? patch_site_no_room : "the bytes there lead below the program";
}

const char *patch_site_find(const struct patch_code *code, const struct patch_body *body,
                            patch_target_fits *fits, void *data, struct patch_site *ret_site)
{
    const char *reason = "it is too short";
    uint64_t slot_offset = 0, lowest = body->lowest;
    if (code->size == 0 || code->size > PATCH_FUNCTION_MAX)
        return code->size == 0 ? "its size is not known" : "it is too long";
    if (!body->is_read)
        return "its code cannot be read";
    struct search search = {code, lowest, fits, data, false};
    for (size_t at = 0, n = 0; n < BOUNDARIES_MAX; n++) {
        struct patch_instruction in;
        if (at >= code->size || at + PATCH_JUMP_BYTES > code->room)
            return reason;
        if (code->address + at >= lowest)
            return n == 0 ? "it jumps back to its first instruction" : reason;
        if (!patch_instruction_read(code->bytes + at, code->size - at, &in))
            return "its code cannot be read";
        if (can_move(&in)) {
            if (try_place(&search, at, &in, ret_site)) {
                ret_site->slot_offset = slot_offset;
                return NULL;
            }
            reason = no_room(&search);
        } else if (n == 0) {
            reason = "its first instruction cannot be moved";
        }
        if (!can_pass(&in, &slot_offset))
            return reason;
        at += in.head.length;
    }
    return reason;
}

/* ---- blocks ---- */

/* Code as it is put down. */
struct writer {
    uint8_t *start;
    size_t n;
    uint64_t address; /* of its start */
};

static void put(struct writer *out, const void *bytes, size_t n)
{
    memcpy(out->start + out->n, bytes, n);
    out->n += n;
}

static void put_word(struct writer *out, size_t offset, uint64_t word)
{
    memcpy(out->start + offset, &word, sizeof word);
}

static void put_number(struct writer *out, uint32_t number)
{
    put(out, &number, sizeof number);
}

/* call *WORD(%rip) or jmp *WORD(%rip), of a word in the block. */
static void put_indirect(struct writer *out, uint8_t modrm, size_t word_offset)
{
    uint8_t code[] = {0xff, modrm};
    put(out, code, sizeof code);
    put_number(out, (uint32_t)(word_offset - (out->n + sizeof(uint32_t))));
}

static void put_jump(struct writer *out, size_t word_offset)
{
    put_indirect(out, 0x25, word_offset);
}

/* Pushes an address without a change of flags or registers. */
static void put_push(struct writer *out, uint64_t address)
{
    put(out, "\x48\x8d\x64\x24\xf8\xc7\x04\x24", 8); /* lea -8(%rsp),%rsp; movl $LOW,(%rsp) */
    put_number(out, (uint32_t)address);
    put(out, "\xc7\x44\x24\x04", 4); /* movl $HIGH,4(%rsp) */
    put_number(out, (uint32_t)(address >> 32));
}

/* The instruction's bytes; what they name relative to them is named from here. A call through
 * memory or a register becomes a jump. */
static bool put_moved(struct writer *out, const struct patch_site *site,
                      const struct patch_instruction *in)
{
    uint8_t code[PATCH_INSTRUCTION_MAX];
    const ZydisDecodedInstruction *head = &in->head;
    int32_t displacement;
    memcpy(code, site->bytes, site->length);
    if (head->meta.category == ZYDIS_CATEGORY_CALL)
        code[head->raw.modrm.offset] =
            (uint8_t)((code[head->raw.modrm.offset] & ~MODRM_REG_MASK) | MODRM_REG_JMP);
    for (size_t i = 0; i < head->operand_count_visible; i++) {
        if (in->operands[i].type != ZYDIS_OPERAND_TYPE_MEMORY ||
            in->operands[i].mem.base != ZYDIS_REGISTER_RIP)
            continue;
        int64_t moved =
            (int64_t)(site->address - (out->address + out->n)) + in->operands[i].mem.disp.value;
        displacement = (int32_t)moved;
        if (displacement != moved)
            return false;
        memcpy(code + head->raw.disp.offset, &displacement, sizeof displacement);
    }
    put(out, code, site->length);
    return true;
}

static bool put_instruction(struct writer *out, const struct patch_site *site)
{
    struct patch_instruction in;
    uint64_t target;
    if (!patch_instruction_read(site->bytes, site->length, &in))
        return false;
    bool is_call = in.head.meta.category == ZYDIS_CATEGORY_CALL;
    if (is_call)
        put_push(out, site->address + site->length);
    if (!patch_branch_target(&in, site->address, &target))
        return put_moved(out, site, &in);
    put_jump(out, OTHER_OFFSET);
    put_word(out, OTHER_OFFSET, target);
    return true;
}

bool patch_site_write(const struct patch_site *site, const struct patch_block *block,
                      uint8_t ret_code[PATCH_BLOCK_BYTES])
{
    uint8_t code[PATCH_BLOCK_BYTES];
    struct writer out = {.start = code, .address = block->address};
    memset(code, 0xcc, sizeof code);
    put(&out, "\x68", 1); /* push NUMBER */
    put_number(&out, block->number);
    put_indirect(&out, 0x15, ENTER_OFFSET);
    put(&out, "\x48\x8d\x64\x24\x08", 5); /* lea 8(%rsp),%rsp */
    if (!put_instruction(&out, site))
        return false;
    put_jump(&out, BACK_OFFSET);
    put_word(&out, ENTER_OFFSET, block->enter);
    put_word(&out, BACK_OFFSET, site->address + site->length);
    memcpy(ret_code, code, sizeof code);
    return true;
}
