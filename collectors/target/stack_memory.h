/*
 * Which memory of a stack can be read without fear.
 *
 * The thread's own stack (libc's description of a thread stands at its end; the main thread's ends
 * where the program began) stays as long as the thread, so it is asked for page by page as the
 * thread gets deeper, and never again. Of any other stack each page is asked for at each walk.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_STACK_MEMORY_H
#define PROFTOP_COLLECTORS_TARGET_STACK_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* Of a thread. Zero at first. */
struct stack_memory {
    /* The thread's own stack: [low, top) is memory as long as the thread lives. */
    uintptr_t low, top;
    uintptr_t floor; /* no use to ask for what is below */
    /* Memory of another stack that has been asked for in this walk. */
    uintptr_t other_low, other_high;
    bool may_call; /* system calls are allowed */
};

/*
 * Begins a walk from `sp`. True when another stack than before has become the thread's own: what is
 * remembered of the old one counts no longer. Keeps errno. Context: the thread.
 */
bool stack_memory_begin(struct stack_memory *memory, uintptr_t sp, bool may_call);

/* Whether 8 bytes on another stack can be read. Keeps errno. Context: the thread. */
bool stack_memory_ask(struct stack_memory *memory, uintptr_t address);

/* Whether 8 bytes are on the thread's own stack, as far as known. Context: the thread. */
static inline bool stack_memory_is_own(const struct stack_memory *memory, uintptr_t address)
{
    return address - memory->low < memory->top - memory->low;
}

/* Reads a word; false: it is no memory, or not aligned. Keeps errno. Context: the thread. */
static inline bool stack_memory_read(struct stack_memory *memory, uintptr_t address,
                                     uintptr_t *ret_word)
{
    if (__builtin_expect(address & 7, 0))
        return false;
    if (!__builtin_expect(stack_memory_is_own(memory, address), 1) &&
        !stack_memory_ask(memory, address))
        return false;
    *ret_word = *(const volatile uintptr_t *)address;
    return true;
}

#endif
