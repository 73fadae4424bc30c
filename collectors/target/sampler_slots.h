/*
 * The slots of the segment: claimed, filled, and marked for proftop to take.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_SAMPLER_SLOTS_H
#define PROFTOP_COLLECTORS_TARGET_SAMPLER_SLOTS_H

#include "collectors/target/sampler.h"

/* Copies the registers and the stack of `context` (a ucontext_t) into a free slot; without one the
 * sample is counted as dropped. Context: signal handler, of the thread itself. */
void sampler_slots_fill(struct sampler *sampler, const struct sampler_thread *thread,
                        const void *context);

#endif
