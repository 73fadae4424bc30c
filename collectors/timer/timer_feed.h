/*
 * From a sample to the profile: whose it is, what it weighs, and which code was mapped when it was
 * taken.
 *
 * Context: sampling thread.
 */
#ifndef PROFTOP_COLLECTORS_TIMER_TIMER_FEED_H
#define PROFTOP_COLLECTORS_TIMER_TIMER_FEED_H

#include "collectors/timer/timer_process.h"

/* Tells the ingest what is mapped, in place of all that it knew. */
void timer_feed_tell_maps(const struct timer_process *process, const struct timer_context *context);

/* Tells it of a thread, if it does not know it yet. */
void timer_feed_tell_thread(const struct timer_process *process, struct timer_thread *thread,
                            const struct timer_context *context);

/* Tells it of a thread's name, as that is now. */
void timer_feed_tell_name(const struct timer_process *process, struct timer_thread *thread,
                          const struct timer_context *context);

/* Tells it of one sample. Those of all processes come in order of time. */
void timer_feed_sample(struct timer_process *process, const struct timer_sample *sample,
                       const struct timer_context *context);

#endif
