/*
 * See patch_instruction.h.
 */
#include "collectors/calls/patch_instruction.h"

bool patch_instruction_read(const uint8_t *bytes, size_t size, struct patch_instruction *ret)
{
    ZydisDecoder decoder;
    return ZYAN_SUCCESS(
               ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) &&
           ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, size, &ret->head, ret->operands));
}

bool patch_is_stack_pointer(ZydisRegister reg)
{
    return ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg) == ZYDIS_REGISTER_RSP;
}

bool patch_is_general(const ZydisDecodedOperand *operand)
{
    return operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
           ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operand->reg.value) >=
               ZYDIS_REGISTER_RAX &&
           ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operand->reg.value) <=
               ZYDIS_REGISTER_R15;
}

bool patch_branch_target(const struct patch_instruction *in, uint64_t address, uint64_t *ret_target)
{
    const ZydisDecodedOperand *operand = &in->operands[0];
    if (in->head.operand_count == 0 || operand->type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
        !operand->imm.is_relative)
        return false;
    return ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&in->head, operand, address, ret_target));
}
