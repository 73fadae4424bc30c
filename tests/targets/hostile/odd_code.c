/*
 * Code without ordinary unwind information, a quarter of a second each: `odd_code`. The kernel's
 * vDSO (clock_gettime), calls through the PLT of a function that is over at once, a function that
 * is nothing but prologue and epilogue, and code made at run time that keeps neither a frame
 * pointer nor a description. Unwinders that guess skip the caller at the first and last instruction
 * of a function or invent one. Each kind has one caller, whose name must be above it.
 */
#include <ctype.h>
#include <string.h>
#include <sys/mman.h>
#include <wchar.h>
#include <wctype.h>

#include "tests/targets/hostile/hostile.h"

#ifdef __x86_64__

static const double turn = .25;
static volatile uint64_t sink;

/* Only pushes and pops: every address but few is one where the caller is not where it usually is.
 */
__asm__(".text\n.type only_edges, @function\nonly_edges:\n.cfi_startproc\n"
        "push %rbx\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset %rbx, 0\n"
        "push %r12\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset %r12, 0\n"
        "push %r13\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset %r13, 0\n"
        "pop %r13\n.cfi_adjust_cfa_offset -8\n.cfi_restore %r13\n"
        "pop %r12\n.cfi_adjust_cfa_offset -8\n.cfi_restore %r12\n"
        "pop %rbx\n.cfi_adjust_cfa_offset -8\n.cfi_restore %rbx\n"
        "ret\n.cfi_endproc\n.size only_edges, .-only_edges\n");
void only_edges(void);

__attribute__((noipa)) void caller_of_edges(uint64_t until)
{
    while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < until)
        for (int i = 0; i < 20000; i++)
            only_edges();
}

__attribute__((noipa)) void caller_of_vdso(uint64_t until)
{
    while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < until)
        for (int i = 0; i < 2000; i++)
            sink += clock_ns(CLOCK_MONOTONIC);
}

__attribute__((noipa)) void caller_of_plt(uint64_t until)
{
    while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < until)
        for (int i = 0; i < 20000; i++)
            sink += (uint64_t)btowc(i & 63) + (uint64_t)wctob((wint_t)i & 63);
}

__attribute__((noipa)) void caller_of_made_code(uint64_t until, uint64_t (*made)(uint64_t))
{
    while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < until)
        sink += made(20000);
}

/* sub rsp, 24; again: imul rax, rdi; dec rdi; jnz again; add rsp, 24; ret */
static const unsigned char made_code[] = {0x48, 0x83, 0xec, 0x18, 0x48, 0x0f, 0xaf, 0xc7, 0x48,
                                          0xff, 0xcf, 0x75, 0xf7, 0x48, 0x83, 0xc4, 0x18, 0xc3};

static uint64_t in_a_turn(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID) + (uint64_t)(turn * 1e9);
}

int main(void)
{
    void *made = mmap(NULL, sizeof made_code, PROT_READ | PROT_WRITE | PROT_EXEC,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED)
        cannot("no memory may be written and executed");
    memcpy(made, made_code, sizeof made_code);
    caller_of_vdso(in_a_turn());
    caller_of_plt(in_a_turn());
    caller_of_edges(in_a_turn());
    caller_of_made_code(in_a_turn(), (uint64_t(*)(uint64_t))made);
    puts("odd_code: done");
    return HOSTILE_OK;
}

#else

int main(void)
{
    cannot("for x86-64 only");
}

#endif
