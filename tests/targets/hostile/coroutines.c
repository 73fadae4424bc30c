/*
 * A thousand coroutines (makecontext) with stacks of 2 KB each, switched every 20 us. A signal
 * frame is larger than such a stack: a profiler whose handler does not bring its own stack writes
 * over the heap below. Checks what lies below every stack and what each coroutine keeps on its own.
 */
#include <string.h>
#include <ucontext.h>

#include "tests/targets/hostile/hostile.h"

enum { COROUTINES = 1000, STACK = 2048, BELOW = 6144, ROUNDS = 15 };

static struct coroutine {
    ucontext_t context;
    unsigned char *memory; /* BELOW bytes, then the stack */
    int rounds;
} coroutines[COROUTINES];
static ucontext_t scheduler;
static volatile int torn;

static __attribute__((noipa)) void work_in_coroutine(void)
{
    spin(20000);
    __asm__ volatile("");
}

static void run(int index)
{
    volatile int kept[4] = {index, index + 1, index + 2, index + 3};
    struct coroutine *self = &coroutines[index];
    for (; self->rounds < ROUNDS; self->rounds++) {
        work_in_coroutine();
        for (int i = 0; i < 4; i++)
            torn |= kept[i] != index + i;
        swapcontext(&self->context, &scheduler);
    }
}

int main(void)
{
    for (int i = 0; i < COROUTINES; i++) {
        struct coroutine *coroutine = &coroutines[i];
        coroutine->memory = malloc(BELOW + STACK);
        memset(coroutine->memory, 0x5a, BELOW + STACK);
        getcontext(&coroutine->context);
        coroutine->context.uc_stack.ss_sp = coroutine->memory + BELOW;
        coroutine->context.uc_stack.ss_size = STACK;
        coroutine->context.uc_link = &scheduler;
        makecontext(&coroutine->context, (void (*)(void))(void *)run, 1, i);
    }
    for (int round = 0; round <= ROUNDS; round++)
        for (int i = 0; i < COROUTINES; i++)
            swapcontext(&scheduler, &coroutines[i].context);
    for (int i = 0; i < COROUTINES; i++) {
        for (int byte = 0; byte < BELOW; byte++)
            if (coroutines[i].memory[byte] != 0x5a)
                broken("coroutine %d: byte %d below its stack was written to", i, BELOW - byte);
        if (coroutines[i].rounds != ROUNDS)
            broken("coroutine %d ran %d rounds", i, coroutines[i].rounds);
    }
    if (torn)
        broken("a coroutine lost what it had on its stack");
    printf("%d coroutines, nothing was overrun\n", COROUTINES);
    return HOSTILE_OK;
}
