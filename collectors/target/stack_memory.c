/*
 * See stack_memory.h. The kernel is asked by a call of rt_sigprocmask that can only fail: for the
 * address, if that is no memory, or else for the operation, of which there is none with the number.
 */
#include "collectors/target/stack_memory.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>

enum {
    PAGE_BYTES = 4096,
    OWN_STEP_MAX = 64 << 20,     /* so much deeper than before, at most, is one stack */
    MAIN_SURE_BYTES = 128 << 10, /* what the kernel makes a program begin with */
    THREAD_SURE_BYTES = 8 << 10, /* half of PTHREAD_STACK_MIN */
};

extern void *__libc_stack_end; /* libc's: the stack pointer at the program's entry */

/* Not by libc, which would set errno. */
static bool is_memory(uintptr_t address)
{
    register long size __asm__("r10") = 8;
    long result;
    if (address < PAGE_BYTES)
        return false;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"((long)SYS_rt_sigprocmask), "D"(-1L), "S"(address), "d"(0L), "r"(size)
                     : "rcx", "r11", "memory");
    return result != -EFAULT;
}

/* Makes the own stack known from `sp` on, if it is one piece up to there. */
static void extend(struct stack_memory *memory, uintptr_t sp, uintptr_t sure_bytes)
{
    uintptr_t to = sp & -(uintptr_t)PAGE_BYTES;
    if (!memory->may_call) {
        if (memory->top - sp < sure_bytes)
            memory->low = sp;
        return;
    }
    if (memory->low - sp > OWN_STEP_MAX || sp < memory->floor)
        return;
    for (uintptr_t page = (memory->low - 1) & -(uintptr_t)PAGE_BYTES; page >= to;
         page -= PAGE_BYTES) {
        if (!is_memory(page)) {
            memory->floor = page + PAGE_BYTES;
            return;
        }
        memory->low = page;
    }
}

/* Which stack, if it is a thread's own, the pointer may be on: the nearest end above it. */
static uintptr_t end_above(uintptr_t sp, uintptr_t self, uintptr_t main)
{
    uintptr_t to_self = self - sp, to_main = main - sp; /* huge when they are below */
    return to_self < to_main ? self : main;
}

static bool find_own(struct stack_memory *memory, uintptr_t sp)
{
    uintptr_t main = (uintptr_t)__libc_stack_end & ~(uintptr_t)7;
    uintptr_t self = (uintptr_t)pthread_self() & ~(uintptr_t)7;
    uintptr_t top = end_above(sp, self, main);
    bool is_new = false;
    uintptr_t known = top == memory->top ? memory->low : top;
    if (sp % 8 != 0 || known - sp > OWN_STEP_MAX)
        return false;
    if (top != memory->top) {
        *memory = (struct stack_memory){.low = top, .top = top, .may_call = memory->may_call};
        is_new = true;
    }
    extend(memory, sp, top == main ? MAIN_SURE_BYTES : THREAD_SURE_BYTES);
    return is_new;
}

bool stack_memory_begin(struct stack_memory *memory, uintptr_t sp, bool may_call)
{
    memory->other_low = memory->other_high = 0;
    memory->may_call = may_call;
    return !stack_memory_is_own(memory, sp) && find_own(memory, sp);
}

bool stack_memory_ask(struct stack_memory *memory, uintptr_t address)
{
    uintptr_t page = address & -(uintptr_t)PAGE_BYTES;
    if (address - memory->other_low < memory->other_high - memory->other_low)
        return true;
    if (!memory->may_call || !is_memory(address))
        return false;
    if (page != memory->other_high)
        memory->other_low = page;
    memory->other_high = page + PAGE_BYTES;
    return true;
}
