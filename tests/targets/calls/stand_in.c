/*
 * Stands in for what counts calls behind patched code: counts them, and spoils all vector registers
 * whenever it may.
 */
#include "tests/targets/calls/stand_in.h"

#include <stddef.h>

#include "collectors/target/calls.h"
#include "collectors/target/collector.h"
#include "collectors/target/patch_vectors.h"

struct stand_in stand_in = {.is_on = true};

static void spoil(void *data)
{
    (void)data;
    uint32_t mxcsr = 0x3f80 | 0x6000;
    uint16_t control = 0x0c7f;
    __asm__ volatile("ldmxcsr %0; fldcw %1; fldpi; fldpi; fldpi; vpcmpeqd %%ymm0, %%ymm0, %%ymm0;"
                     "vmovaps %%ymm0, %%ymm1; vmovaps %%ymm0, %%ymm2; vmovaps %%ymm0, %%ymm3;"
                     "vmovaps %%ymm0, %%ymm4; vmovaps %%ymm0, %%ymm5; vmovaps %%ymm0, %%ymm6;"
                     "vmovaps %%ymm0, %%ymm7; vmovaps %%ymm0, %%ymm8; vmovaps %%ymm0, %%ymm15"
                     :
                     : "m"(mxcsr), "m"(control)
                     : "memory");
}

static void look(void *data)
{
    (void)data;
    stand_in.look();
}

bool calls_enter(const struct calls_entry *entry)
{
    if (!__atomic_load_n(&stand_in.is_on, __ATOMIC_RELAXED))
        return false;
    if (stand_in.spoils)
        vector_state_run(spoil, NULL);
    if (stand_in.look)
        vector_state_run(look, NULL);
    stand_in.last = *entry;
    __atomic_fetch_add(&stand_in.n_entered, 1, __ATOMIC_RELAXED);
    return true;
}

bool calls_is_innermost(uint64_t function, uintptr_t sp)
{
    return stand_in.n_entered > stand_in.n_left && stand_in.last.function == function &&
           stand_in.last.sp == sp;
}

void calls_leave_at(uintptr_t sp)
{
    (void)sp;
    if (stand_in.spoils)
        vector_state_run(spoil, NULL);
    if (stand_in.look)
        vector_state_run(look, NULL);
    __atomic_fetch_add(&stand_in.n_left, 1, __ATOMIC_RELAXED);
}

void calls_leave_untimed(uintptr_t sp)
{
    calls_leave_at(sp);
}

struct wire_segment *collector_segment(void)
{
    static uint64_t any[8];
    return (struct wire_segment *)any;
}
