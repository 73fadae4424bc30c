/*
 * How far the stack of a thread reaches, and copying it from within a signal handler.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_SAMPLER_STACK_H
#define PROFTOP_COLLECTORS_TARGET_SAMPLER_STACK_H

#include <stdint.h>

#include "collectors/target/sampler.h"

struct stack_copy {
    char *to;
    uintptr_t from; /* the stack pointer */
    uint32_t limit_bytes;
    uint32_t bytes; /* that were copied */
    uint32_t flags; /* enum wire_sample_flag */
};

/* Memory that is surely there: reading it from any address in it to its end cannot fault. */
struct stack_bounds {
    uintptr_t low, top;
};

/* Of the main thread's stack. Context: any. */
struct stack_bounds sampler_stack_of_main(void);

/*
 * Of the calling thread's, made by pthread_create.
 *
 * @thread  says what pthread_create was asked for
 * @frame   the frame of the thread's first function; what is above it is libc's own start
 * Context: the thread.
 */
struct stack_bounds sampler_stack_of_thread(const struct sampler_thread *thread, uintptr_t frame);

/*
 * Copies from the stack pointer upwards. Inside of the thread's own stack that cannot fail; on any
 * other (a coroutine's, a signal stack) the kernel is asked to copy, which stops at what is no
 * memory; where it may not be asked, nothing is copied. Context: signal handler, of the thread
 * itself.
 */
void sampler_stack_copy(const struct sampler *sampler, const struct sampler_thread *thread,
                        struct stack_copy *copy);

#endif
