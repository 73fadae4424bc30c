/*
 * See patch_entry.h.
 *
 * The ways in. A sled has pushed the address of the function's entry, a site its number and an
 * address of proftop's code; the stack pointer of the function itself is above that. For stacks of
 * calls it looks as if the function had called from the patched place.
 *
 * Processors remember where calls return to. A way in that has been called leaves one address too
 * many there: after a hijack it stays, as the trampoline returns once more than was called;
 * otherwise a `ret` takes it away.
 *
 * The trampoline. The function has returned, so its slot is just below the stack pointer, and is
 * taken back first. Its unwind information has two parts:
 *   - as a return address, the caller's is found in the table (patch_returns.h), by an expression.
 *     The offset from the word in front of the trampoline to the table's pointer is all it needs.
 *     libgcc tells frames apart by their stack pointer, which this one shares with its caller, and
 *     by whether they were interrupted. So the caller looks as if it was, at the last byte of its
 *     call: that is what the table has
 *   - once the slot is taken back, the return address is there, or is the trampoline's once more
 */
#include "collectors/target/patch_entry.h"

#include <stddef.h>

#include "collectors/target/calls.h"
#include "collectors/target/patch_code.h"
#include "collectors/target/patch_returns.h"

extern const char patch_enter_sled[] __attribute__((visibility("hidden")));
extern const char patch_enter_site[] __attribute__((visibility("hidden")));
extern const char patch_leave[] __attribute__((visibility("hidden")));
extern const char patch_leave_end[] __attribute__((visibility("hidden")));

bool patch_entry_at_sled(uintptr_t function, uintptr_t *slot);
bool patch_entry_at_site(uintptr_t block, uintptr_t *number);
void patch_entry_returns(uintptr_t *slot);

/* clang-format off */
__asm__(
    /* general registers that functions may change, but these must not; 9 words */
    ".macro keep_registers\n"
    "    push %rax\n    push %rcx\n    push %rdx\n    push %rsi\n    push %rdi\n"
    "    push %r8\n    push %r9\n    push %r10\n    push %r11\n"
    "    and $-16, %rsp\n"
    ".endm\n"
    ".macro restore_registers\n"
    "    lea -72(%rbp), %rsp\n"
    "    pop %r11\n    pop %r10\n    pop %r9\n    pop %r8\n"
    "    pop %rdi\n    pop %rsi\n    pop %rdx\n    pop %rcx\n    pop %rax\n"
    "    pop %rbp\n"
    ".endm\n"

    "    .text\n"
    "    .p2align 5\n"
    "    .hidden patch_enter_sled\n"
    "    .globl patch_enter_sled\n"
    "    .type patch_enter_sled, @function\n"
    "patch_enter_sled:\n"
    "    .cfi_startproc\n"
    /* CFA: the slot. Return address: what is below it, plus 1, as it is no call */
    "    .cfi_escape 0x16, 16, 5, 0x38, 0x1c, 0x06, 0x23, 1\n"
    "    push %rbp\n"
    "    .cfi_def_cfa_offset 16\n"
    "    .cfi_offset %rbp, -16\n"
    "    mov %rsp, %rbp\n"
    "    .cfi_def_cfa_register %rbp\n"
    "    keep_registers\n"
    "    mov 8(%rbp), %rdi\n"
    "    lea 16(%rbp), %rsi\n"
    "    call patch_entry_at_sled\n"
    "    mov 8(%rbp), %rcx\n"
    "    lea 2(%rcx), %rdx\n"
    "    cmpl $0xfa1e0ff3, (%rcx)\n" /* endbr64 */
    "    jne 1f\n"
    "    add $4, %rdx\n"
    "1:  mov %rdx, 8(%rbp)\n"
    "    test %al, %al\n"
    "    restore_registers\n"
    "    .cfi_def_cfa %rsp, 8\n"
    "    .cfi_restore %rbp\n"
    "    jz 2f\n"
    "    lea 8(%rsp), %rsp\n"
    "    .cfi_remember_state\n"
    "    .cfi_offset %rip, -8\n" /* as if already in the function */
    "    jmp *-8(%rsp)\n"
    "    .cfi_restore_state\n"
    "2:  ret\n"
    "    .cfi_endproc\n"
    "    .size patch_enter_sled, . - patch_enter_sled\n"

    "    .p2align 5\n"
    "    .hidden patch_enter_site\n"
    "    .globl patch_enter_site\n"
    "    .type patch_enter_site, @function\n"
    "patch_enter_site:\n"
    "    .cfi_startproc\n"
    "    .cfi_def_cfa %rsp, 16\n"
    "    .cfi_offset %rip, -8\n" /* the number, which patch_entry_at_site() replaces */
    "    push %rbp\n"
    "    .cfi_def_cfa_offset 24\n"
    "    .cfi_offset %rbp, -24\n"
    "    mov %rsp, %rbp\n"
    "    .cfi_def_cfa_register %rbp\n"
    "    keep_registers\n"
    "    mov 8(%rbp), %rdi\n"
    "    lea 16(%rbp), %rsi\n"
    "    call patch_entry_at_site\n"
    "    test %al, %al\n"
    "    restore_registers\n"
    "    .cfi_def_cfa %rsp, 16\n"
    "    .cfi_restore %rbp\n"
    "    jz 1f\n"
    "    lea 8(%rsp), %rsp\n"
    "    .cfi_def_cfa_offset 8\n"
    "    jmp *-8(%rsp)\n"
    "    .cfi_def_cfa_offset 16\n"
    "1:  ret\n"
    "    .cfi_endproc\n"
    "    .size patch_enter_site, . - patch_enter_site\n"

    "    .p2align 4\n"
    "    .quad 0\n" /* the address of nobody knows what */
    "    .long patch_returns_table - .\n"
    "    .hidden patch_leave\n"
    "    .globl patch_leave\n"
    "    .type patch_leave, @function\n"
    "patch_hijacked:\n" /* for who looks up a name in front of the address */
    "    .type patch_hijacked, @function\n"
    "    .cfi_startproc\n"
    "    .cfi_signal_frame\n"
    "    .cfi_def_cfa %rsp, 0\n"
    "    .cfi_escape 0x10, 16, 61\n" /* where the return address is */
    "    .cfi_escape 0x77, 0x78\n"          /* rsp - 8: the slot; below it the CFA, as libgcc never picks the lowest */
    "    .cfi_escape 0x12, 0x06, 0x38, 0x1c\n"         /* what is there, - 8: the offset */
    "    .cfi_escape 0x12, 0x94, 4, 0x22, 0x06\n"      /* plus the offset there: the table */
    "    .cfi_escape 0x14, 0x0e, 0x15, 0x7c, 0x4a, 0x7f, 0xb9, 0x79, 0x37, 0x1e, 0x1e\n" /* hash */
    "    .cfi_escape 0x08, 46, 0x25, 0x34, 0x24, 0x22\n" /* >> 46 << 4: the window */
    "    .cfi_escape 0x12, 0x0a, 0x00, 0x01, 0x22, 0x16\n" /* and its end: slot slot end entry */
    "    .cfi_escape 0x12, 0x06, 0x15, 3, 0x29, 0x28, 17, 0\n" /* this slot's? 17 on */
    "    .cfi_escape 0x40, 0x22, 0x12, 0x15, 2, 0x2e\n" /* next; not the end? */
    "    .cfi_escape 0x28, -17 & 0xff, 0xff\n"         /* 17 back */
    "    .cfi_escape 0x15, 2, 0x06, 0x40, 0x1c, 0x2f, 2, 0\n" /* unknown: the 0 in front */
    "    .cfi_escape 0x38, 0x22\n"                     /* where its address is */
    "    nop\n    nop\n    nop\n    nop\n"
    "    .size patch_hijacked, . - patch_hijacked\n"
    "patch_leave:\n"
    "    lea -8(%rsp), %rsp\n"
    "    .cfi_endproc\n"
    "    .cfi_startproc\n"
    "    push %rbp\n"
    "    .cfi_def_cfa_offset 16\n"
    "    .cfi_offset %rbp, -16\n"
    "    mov %rsp, %rbp\n"
    "    .cfi_def_cfa_register %rbp\n"
    "    keep_registers\n"
    "    lea 8(%rbp), %rdi\n"
    "    call patch_entry_returns\n"
    "    restore_registers\n"
    "    .cfi_def_cfa %rsp, 8\n"
    "    .cfi_restore %rbp\n"
    "    ret\n"
    "    .cfi_endproc\n"
    "    .hidden patch_leave_end\n"
    "    .globl patch_leave_end\n"
    "patch_leave_end:\n"
    "    .size patch_leave, . - patch_leave\n"

    "    .p2align 4\n"
    "1:  call patch_enter_sled\n"
    "    .hidden patch_entry_empty\n"
    "    .globl patch_entry_empty\n"
    "    .type patch_entry_empty, @function\n"
    "patch_entry_empty:\n"
    "    .cfi_startproc\n"
    "    jmp 1b\n"
    "    ret\n"
    "    .cfi_endproc\n"
    "    .size patch_entry_empty, . - patch_entry_empty\n"
);
/* clang-format on */

void patch_entry_describe(struct wire_calls *wire)
{
    wire->enter_sled = (uintptr_t)patch_enter_sled;
    wire->enter_site = (uintptr_t)patch_enter_site;
    wire->leave = (uintptr_t)patch_leave;
    wire->leave_end = (uintptr_t)patch_leave_end;
}

uintptr_t patch_entry_trampoline(void)
{
    return (uintptr_t)patch_leave;
}

/* Enters `function`. True: its return is hijacked by this. */
static inline bool enter(uintptr_t function, uintptr_t *slot)
{
    uintptr_t at = (uintptr_t)slot, original = patch_returns_original(at, *slot);
    bool is_tail_call = *slot == (uintptr_t)patch_leave;
    struct calls_entry entry = {
        .function = function,
        .sp = at,
        .return_address = original,
        .way = WIRE_CALLS_BY_PATCH,
        .replaces_equal = !is_tail_call,
    };
    if (!calls_enter(&entry) || is_tail_call)
        return false;
    if (!patch_returns_insert(at, original)) {
        calls_leave_untimed(at);
        return false;
    }
    *(volatile uintptr_t *)slot = (uintptr_t)patch_leave;
    return true;
}

/* Whether what a site has come to is a jump within its function, as loops make them that go on by
 * an address (`goto *next`): it is open already, with its return hijacked, and innermost. */
static bool is_jump_within(uint64_t function, const uintptr_t *slot)
{
    return *slot == (uintptr_t)patch_leave && calls_is_innermost(function, (uintptr_t)slot);
}

bool patch_entry_at_sled(uintptr_t function, uintptr_t *slot)
{
    return enter(function, slot);
}

/* @block: proftop's code that has called. @number: the last word in front of the function's stack
 * pointer. */
bool patch_entry_at_site(uintptr_t block, uintptr_t *number)
{
    const struct wire_calls_site *sites = patch_code_sites(block);
    uintptr_t i = *number;
    if (!sites || i >= WIRE_CALLS_SITES)
        return false;
    uint32_t offset = __atomic_load_n(&sites[i].slot_offset, __ATOMIC_RELAXED);
    uint64_t function = __atomic_load_n(&sites[i].function, __ATOMIC_RELAXED);
    *(volatile uintptr_t *)number = function + sites[i].behind + 1;
    uintptr_t *slot = (uintptr_t *)((uintptr_t)(number + 1) + offset);
    return !is_jump_within(function, slot) && enter(function, slot);
}

/* The slot has its own address back before anything is forgotten: at any moment a walk of the stack
 * gets through. */
void patch_entry_returns(uintptr_t *slot)
{
    struct patch_return *entry = patch_returns_entry((uintptr_t)slot);
    if (!entry)
        __builtin_trap(); /* nobody knows where to go on */
    *(volatile uintptr_t *)slot = patch_returns_address(entry);
    calls_leave_at((uintptr_t)slot);
    patch_returns_free(entry);
}
