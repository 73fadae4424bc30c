/* See sampler_slots.h. */
#include "collectors/target/sampler_slots.h"

#include <time.h>
#include <ucontext.h>

#include "collectors/target/sampler_stack.h"

enum { KERNEL_UCONTEXT_BYTES = 304, HANDLERS_AT_ONCE = 8 };

static const uint8_t context_index[WIRE_SAMPLE_REGISTERS] = {
    REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
    REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP,
};

/* The lowest that is free, so that few pages are ever touched. */
static struct wire_sample *claim(struct sampler *sampler)
{
    for (uint32_t i = 0; i < sampler->n_slots; i++) {
        struct wire_sample *sample =
            (struct wire_sample *)(sampler->slots + (size_t)i * WIRE_SLOT_BYTES);
        uint32_t free_state = WIRE_SLOT_FREE;
        if (__atomic_load_n(&sample->state, __ATOMIC_RELAXED) == WIRE_SLOT_FREE &&
            __atomic_compare_exchange_n(&sample->state, &free_state, WIRE_SLOT_WRITING, false,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return sample;
    }
    __atomic_fetch_add(&sampler->wire->dropped, 1, __ATOMIC_RELAXED);
    return NULL;
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Whether these are the registers with which the kernel calls a handler, none of it executed yet.
 */
static bool is_before_handler(const greg_t *registers)
{
    greg_t frame = registers[REG_RSP];
    return registers[REG_RDX] == frame + 8 &&
           registers[REG_RSI] == frame + 8 + KERNEL_UCONTEXT_BYTES && registers[REG_RAX] == 0 &&
           registers[REG_RDI] > 0 && registers[REG_RDI] < 65;
}

/* Of what was interrupted. Other signals that wait when ours comes are lower, so the kernel calls
 * their handlers first and then ours, on top of them. */
static const greg_t *interrupted(const void *context)
{
    const greg_t *registers = ((const ucontext_t *)context)->uc_mcontext.gregs;
    for (int i = 0; i < HANDLERS_AT_ONCE && is_before_handler(registers); i++)
        registers = ((const ucontext_t *)registers[REG_RDX])->uc_mcontext.gregs;
    return registers;
}

void sampler_slots_fill(struct sampler *sampler, const struct sampler_thread *thread,
                        const void *context)
{
    const greg_t *registers = interrupted(context);
    struct wire_sample *sample = claim(sampler);
    if (!sample)
        return;
    for (int i = 0; i < WIRE_SAMPLE_REGISTERS; i++)
        sample->registers[i] = (uint64_t)registers[context_index[i]];
    sample->tid = thread->tid;
    sample->thread_serial = thread->serial;
    sample->time_ns = now_ns();
    sample->cpu_ns = thread->cpu_ns;
    sample->map_generation = __atomic_load_n(&sampler->wire->map_generation, __ATOMIC_ACQUIRE);
    struct stack_copy copy = {.to = (char *)sample + WIRE_SLOT_STACK_OFFSET,
                              .from = (uintptr_t)registers[REG_RSP],
                              .limit_bytes = sampler->stack_bytes};
    sampler_stack_copy(sampler, thread, &copy);
    sample->stack_bytes = copy.bytes;
    sample->flags = copy.flags;
    __atomic_store_n(&sample->state, WIRE_SLOT_READY, __ATOMIC_RELEASE);
}
