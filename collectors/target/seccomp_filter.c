/* See seccomp_filter.h. The machine is the kernel's for filters, without what filters for system
 * calls may not use. */
#include "collectors/target/seccomp_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct machine {
    uint32_t a, x;
    uint32_t memory[BPF_MEMWORDS];
    struct seccomp_data data;
};

static uint32_t compute(uint16_t code, uint32_t a, uint32_t b)
{
    switch (BPF_OP(code)) {
    case BPF_ADD:
        return a + b;
    case BPF_SUB:
        return a - b;
    case BPF_MUL:
        return a * b;
    case BPF_DIV:
        return b ? a / b : 0;
    case BPF_AND:
        return a & b;
    case BPF_OR:
        return a | b;
    case BPF_XOR:
        return a ^ b;
    case BPF_LSH:
        return b < 32 ? a << b : 0;
    case BPF_RSH:
        return b < 32 ? a >> b : 0;
    default: /* BPF_NEG */
        return -a;
    }
}

static bool holds(uint16_t code, uint32_t a, uint32_t b)
{
    switch (BPF_OP(code)) {
    case BPF_JEQ:
        return a == b;
    case BPF_JGT:
        return a > b;
    case BPF_JGE:
        return a >= b;
    default: /* BPF_JSET */
        return (a & b) != 0;
    }
}

/* What a load instruction loads; false when it is out of bounds. */
static bool load(const struct machine *machine, const struct sock_filter *at, uint32_t *ret_value)
{
    switch (BPF_MODE(at->code)) {
    case BPF_IMM:
        *ret_value = at->k;
        return true;
    case BPF_LEN:
        *ret_value = sizeof machine->data;
        return true;
    case BPF_ABS:
        if (at->k > sizeof machine->data - sizeof *ret_value)
            return false;
        memcpy(ret_value, (const char *)&machine->data + at->k, sizeof *ret_value);
        return true;
    case BPF_MEM:
        if (at->k >= BPF_MEMWORDS)
            return false;
        *ret_value = machine->memory[at->k];
        return true;
    default:
        return false;
    }
}

/* Executes what neither jumps nor returns; false when it is no valid instruction. */
static bool step(struct machine *machine, const struct sock_filter *at)
{
    switch (BPF_CLASS(at->code)) {
    case BPF_LD:
        return load(machine, at, &machine->a);
    case BPF_LDX:
        return load(machine, at, &machine->x);
    case BPF_ST:
    case BPF_STX:
        if (at->k >= BPF_MEMWORDS)
            return false;
        machine->memory[at->k] = BPF_CLASS(at->code) == BPF_ST ? machine->a : machine->x;
        return true;
    case BPF_ALU:
        machine->a = compute(at->code, machine->a, BPF_SRC(at->code) == BPF_X ? machine->x : at->k);
        return true;
    default: /* BPF_MISC */
        if (BPF_MISCOP(at->code) == BPF_TXA)
            machine->a = machine->x;
        else
            machine->x = machine->a;
        return true;
    }
}

static bool lets_pass(uint32_t answer)
{
    answer &= SECCOMP_RET_ACTION_FULL;
    return answer == SECCOMP_RET_ALLOW || answer == SECCOMP_RET_LOG;
}

bool seccomp_filter_allows(const struct sock_fprog *program, int number)
{
    struct machine machine = {.data = {.nr = number, .arch = AUDIT_ARCH_X86_64}};
    for (uint32_t i = 0; i < program->len; i++) { /* jumps go forwards only */
        const struct sock_filter *at = &program->filter[i];
        if (BPF_CLASS(at->code) == BPF_RET)
            return lets_pass(BPF_RVAL(at->code) == BPF_A ? machine.a : at->k);
        if (at->code == (BPF_JMP | BPF_JA))
            i += at->k < program->len ? at->k : program->len - i;
        else if (BPF_CLASS(at->code) == BPF_JMP)
            i += holds(at->code, machine.a, BPF_SRC(at->code) == BPF_X ? machine.x : at->k)
                     ? at->jt
                     : at->jf;
        else if (!step(&machine, at))
            return false;
    }
    return false;
}
