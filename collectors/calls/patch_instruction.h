/*
 * One instruction of a function that may be patched, and what is asked of it. Private to
 * patch_site.c and patch_body.c, which are the only users of the disassembler.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_PATCH_INSTRUCTION_H
#define PROFTOP_COLLECTORS_CALLS_PATCH_INSTRUCTION_H

#include <Zydis/Zydis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct patch_instruction {
    ZydisDecodedInstruction head;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

/* Reads the one that begins there. False: there is none. Context: any thread, for all here. */
bool patch_instruction_read(const uint8_t *bytes, size_t size, struct patch_instruction *ret);

/* Whether it is the stack pointer, or a part of it. */
bool patch_is_stack_pointer(ZydisRegister reg);

/* Whether an operand is a general register. */
bool patch_is_general(const ZydisDecodedOperand *operand);

/* Where a relative branch leads that stands at `address`; false: it is none. */
bool patch_branch_target(const struct patch_instruction *in, uint64_t address,
                         uint64_t *ret_target);

#endif
