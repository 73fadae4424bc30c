/*
 * See patch_body.h. Where the return address is from the stack pointer is followed from instruction
 * to instruction and along branches, in several rounds, for there are branches backwards. Behind a
 * jump, at what no known branch leads to, the stack is taken to be as it was at the last jump
 * through a table, or call: there stand the targets of tables, and landing pads.
 */
#include "collectors/calls/patch_body.h"

#include <glib.h>

#include "collectors/calls/patch_instruction.h"

enum { WORD_BYTES = 8, ROUNDS = 4 };

static const char reads_it[] = "it reads its own return address";

/* Where the return address is, from two registers. */
struct frame {
    int64_t from_rsp, from_rbp;
    bool is_known;      /* from_rsp is */
    bool has_base;      /* rbp was made from rsp */
    bool is_base_known; /* from_rbp is; else it is taken to be a usual frame's */
    bool is_guess;      /* no known branch led to where this comes from */
};

struct reader {
    const struct patch_code *code;
    GHashTable *targets; /* offset + 1 -> struct frame, as branches lead there */
    patch_leave_check *check;
    void *data;
    struct frame now, last;
    bool is_reached; /* `now` comes from the instruction before */
    bool is_new;     /* a target was found, or what is known of one, in this round */
};

static bool is_register(const ZydisDecodedOperand *operand, ZydisRegister reg)
{
    return operand->type == ZYDIS_OPERAND_TYPE_REGISTER && operand->reg.value == reg;
}

static bool is_at(const ZydisDecodedOperand *operand, ZydisRegister base)
{
    return operand->type == ZYDIS_OPERAND_TYPE_MEMORY && operand->mem.base == base &&
           operand->mem.index == ZYDIS_REGISTER_NONE;
}

/* ---- what is read ---- */

static bool names_slot(const struct frame *now, const ZydisDecodedOperand *operand)
{
    int64_t at = operand->mem.disp.value;
    if (operand->visibility != ZYDIS_OPERAND_VISIBILITY_EXPLICIT)
        return false;
    if (is_at(operand, ZYDIS_REGISTER_RBP))
        return now->has_base && at == (now->is_base_known ? now->from_rbp : WORD_BYTES);
    if (!is_at(operand, ZYDIS_REGISTER_RSP))
        return false;
    if (now->is_known)
        return at == now->from_rsp;
    /* With a base, that is what the return address is named by. */
    return !now->has_base && at >= 0 && operand->mem.type == ZYDIS_MEMOP_TYPE_MEM &&
           (operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ);
}

static bool reads_slot(const struct frame *now, const struct patch_instruction *in)
{
    for (size_t i = 0; i < in->head.operand_count_visible; i++)
        if (names_slot(now, &in->operands[i]))
            return true;
    return in->head.mnemonic == ZYDIS_MNEMONIC_POP && now->is_known && now->from_rsp <= 0;
}

/* ---- what becomes of the stack pointer ---- */

static void forget(struct frame *now)
{
    now->is_known = false;
}

/* LEA of, or MOV from, something that is known: how far the return address is from it. */
static bool distance_of(const struct frame *now, const struct patch_instruction *in,
                        int64_t *ret_distance)
{
    const ZydisDecodedOperand *from = &in->operands[1];
    bool is_lea = in->head.mnemonic == ZYDIS_MNEMONIC_LEA;
    if (!is_lea && in->head.mnemonic != ZYDIS_MNEMONIC_MOV)
        return false;
    if (is_lea ? is_at(from, ZYDIS_REGISTER_RSP) : is_register(from, ZYDIS_REGISTER_RSP))
        *ret_distance = now->from_rsp;
    else if (is_lea ? is_at(from, ZYDIS_REGISTER_RBP) : is_register(from, ZYDIS_REGISTER_RBP))
        *ret_distance = now->from_rbp;
    else
        return false;
    bool is_of_rsp =
        is_lea ? from->mem.base == ZYDIS_REGISTER_RSP : from->reg.value == ZYDIS_REGISTER_RSP;
    if (is_lea)
        *ret_distance -= from->mem.disp.value;
    return is_of_rsp ? now->is_known : now->has_base && now->is_base_known;
}

static void write_rsp(struct frame *now, const struct patch_instruction *in)
{
    const ZydisDecodedOperand *by = &in->operands[1];
    bool is_number = by->type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
    int64_t distance;
    if (in->head.mnemonic == ZYDIS_MNEMONIC_SUB && is_number) {
        now->from_rsp += by->imm.value.s;
    } else if (in->head.mnemonic == ZYDIS_MNEMONIC_ADD && is_number) {
        now->from_rsp -= by->imm.value.s;
    } else if (distance_of(now, in, &distance)) {
        now->from_rsp = distance;
        now->is_known = true;
    } else {
        forget(now);
    }
}

static void write_rbp(struct frame *now, const struct patch_instruction *in)
{
    const ZydisDecodedOperand *from = &in->operands[1];
    int64_t distance = 0;
    bool is_known = distance_of(now, in, &distance);
    now->has_base = is_known || (in->head.mnemonic == ZYDIS_MNEMONIC_MOV &&
                                 is_register(from, ZYDIS_REGISTER_RSP));
    now->is_base_known = is_known;
    now->from_rbp = distance;
}

static void leave_frame(struct frame *now)
{
    *now = (struct frame){.from_rsp = now->from_rbp - WORD_BYTES,
                          .is_known = now->has_base && now->is_base_known,
                          .is_guess = now->is_guess};
}

static void write_registers(struct frame *now, const struct patch_instruction *in)
{
    const ZydisDecodedOperand *first = &in->operands[0];
    if (in->head.operand_count_visible == 0 || !patch_is_general(first) ||
        !(first->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
        return;
    if (patch_is_stack_pointer(first->reg.value))
        write_rsp(now, in);
    else if (first->reg.value == ZYDIS_REGISTER_RBP)
        write_rbp(now, in);
}

static void follow(struct frame *now, const struct patch_instruction *in)
{
    int64_t bytes = in->head.operand_width / 8;
    switch (in->head.mnemonic) {
    case ZYDIS_MNEMONIC_PUSH:
    case ZYDIS_MNEMONIC_PUSHFQ:
        now->from_rsp += bytes;
        return;
    case ZYDIS_MNEMONIC_POP:
    case ZYDIS_MNEMONIC_POPFQ:
        now->from_rsp -= bytes;
        write_registers(now, in);
        return;
    case ZYDIS_MNEMONIC_LEAVE:
        leave_frame(now);
        return;
    case ZYDIS_MNEMONIC_ENTER:
        forget(now);
        return;
    default:
        write_registers(now, in);
    }
}

/* ---- branches ---- */

/* A loop that comes back with another stack pointer leaves it unknown. */
static void record_target(struct reader *reader, uint64_t from, uint64_t to)
{
    gpointer key = GSIZE_TO_POINTER(to + 1);
    const struct frame *now = &reader->now;
    struct frame *there = g_hash_table_lookup(reader->targets, key);
    bool is_better = there && !now->is_guess &&
                     (there->is_guess || (to > from && !there->is_known && now->is_known));
    if (!there) {
        g_hash_table_insert(reader->targets, key, g_memdup2(now, sizeof *now));
        reader->is_new = true;
    } else if (is_better) {
        *there = *now;
        reader->is_new = true;
    } else if (to <= from && !now->is_guess && there->is_known && now->is_known &&
               there->from_rsp != now->from_rsp) {
        forget(there);
        reader->is_new = true;
    }
}

static void begin_instruction(struct reader *reader, size_t at)
{
    const struct frame *there = g_hash_table_lookup(reader->targets, GSIZE_TO_POINTER(at + 1));
    if (there) {
        reader->now = *there;
    } else if (!reader->is_reached) {
        reader->now = reader->last;
        reader->now.is_guess = true;
    }
    reader->is_reached = true;
}

static const char *leave_function(const struct reader *reader, size_t at,
                                  const struct patch_instruction *in)
{
    const ZydisDecodedOperand *operand = &in->operands[0];
    uint64_t target, address = reader->code->address + at;
    if (!reader->check)
        return NULL;
    if (patch_branch_target(in, address, &target))
        return reader->check(target, false, reader->data);
    if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY && operand->mem.base == ZYDIS_REGISTER_RIP &&
        ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&in->head, operand, address, &target)))
        return reader->check(target, true, reader->data);
    return NULL;
}

/* Notes where it goes. Returns true when it leaves the function. */
static bool note_branch(struct reader *reader, size_t at, const struct patch_instruction *in,
                        uint64_t *lowest)
{
    const struct patch_code *code = reader->code;
    uint64_t target;
    ZydisInstructionCategory category = in->head.meta.category;
    bool is_branch = category == ZYDIS_CATEGORY_COND_BR || category == ZYDIS_CATEGORY_UNCOND_BR;
    bool is_direct = patch_branch_target(in, code->address + at, &target);
    if (category == ZYDIS_CATEGORY_CALL || (is_branch && !is_direct))
        reader->last = reader->now;
    reader->is_reached = category != ZYDIS_CATEGORY_UNCOND_BR && category != ZYDIS_CATEGORY_RET;
    if (!is_branch)
        return false;
    if (!is_direct || target < code->address || target - code->address >= code->size)
        return true;
    *lowest = MIN(*lowest, target);
    record_target(reader, at, target - code->address);
    return false;
}

static const char *read_round(struct reader *reader, bool is_last, struct patch_body *body)
{
    const struct patch_code *code = reader->code;
    reader->now = reader->last = (struct frame){.is_known = true};
    reader->is_reached = true;
    reader->is_new = false;
    *body = (struct patch_body){.lowest = UINT64_MAX};
    for (size_t at = 0; at < code->size;) {
        struct patch_instruction in;
        const char *reason = NULL;
        if (!patch_instruction_read(code->bytes + at, code->size - at, &in))
            return NULL;
        begin_instruction(reader, at);
        if (is_last && reads_slot(&reader->now, &in))
            return reads_it;
        follow(&reader->now, &in);
        if (note_branch(reader, at, &in, &body->lowest) && is_last)
            reason = leave_function(reader, at, &in);
        if (reason)
            return reason;
        at += in.head.length;
    }
    body->is_read = true;
    return NULL;
}

const char *patch_body_read(const struct patch_code *code, patch_leave_check *check, void *data,
                            struct patch_body *ret_body)
{
    struct reader reader = {.code = code, .check = check, .data = data, .is_new = true};
    reader.targets = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    for (int round = 1; round < ROUNDS && reader.is_new; round++)
        read_round(&reader, false, ret_body);
    const char *reason = read_round(&reader, true, ret_body);
    g_hash_table_unref(reader.targets);
    return reason;
}
