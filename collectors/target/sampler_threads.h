/*
 * The table of the threads that are sampled, and their timers.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_SAMPLER_THREADS_H
#define PROFTOP_COLLECTORS_TARGET_SAMPLER_THREADS_H

#include <stdbool.h>
#include <stdint.h>

#include "collectors/target/sampler.h"

/* Arms the calling thread, and those that libraries have started before. Context: constructor or
 * fork handler. */
void sampler_threads_arm_existing(struct sampler *sampler);

/* An entry for a thread that is about to be created; NULL when the table is full. Context: any
 * thread. */
struct sampler_thread *sampler_thread_claim(struct sampler *sampler);

/* Gives an entry back that no timer has. Context: any thread. */
void sampler_thread_release(struct sampler *sampler, struct sampler_thread *thread);

/*
 * Makes `thread` the calling thread's entry and arms it. Keeps errno.
 *
 * @frame  of the thread's first function
 * Context: the new thread, before anything of the program.
 */
void sampler_thread_enter(struct sampler_thread *thread, uintptr_t frame);

/* Takes away what sampler_thread_enter() has given to the calling thread; nothing in a forked child
 * where that was another process's. Keeps errno. Context: the thread, at its end. */
void sampler_thread_leave(void);

/* The calling thread's entry; NULL when it has none. Context: any, async-signal-safe. */
struct sampler_thread *sampler_thread_self(void);

/* Gives the thread its timer; false, counted, when it cannot have one. Context: the thread. */
bool sampler_thread_arm(struct sampler *sampler, struct sampler_thread *thread);

/* Counts the thread as one that is not sampled, until it is armed. Context: the thread. */
void sampler_thread_count_unsampled(struct sampler *sampler, struct sampler_thread *thread,
                                    enum wire_unsampled reason);

/* Stops the calling thread's timer, if it has one; true: sampler_thread_resume() is to start it
 * again with what was left. Context: the thread, async-signal-safe. */
bool sampler_thread_pause(void);

/* See sampler_thread_pause(). Context: as that. */
void sampler_thread_resume(void);

/*
 * Around what may start a thread: with the first one libc puts its handler of our signal into the
 * place of ours. No timer fires meanwhile, and ours goes in front again. What the one returns is
 * for the other. Both may change errno. Context: any thread.
 */
bool sampler_threads_before_first(void);

/* See sampler_threads_before_first(). Context: as that. */
void sampler_threads_after_first(bool is_paused);

/* Takes the timer away; a signal of it may still come. Context: the thread. */
void sampler_thread_disarm(struct sampler *sampler, struct sampler_thread *thread);

/* Takes all timers away, and counts their threads. Context: any thread. */
void sampler_threads_disarm_all(struct sampler *sampler, enum wire_unsampled reason);

/* Sets the timer anew when proftop has asked for another period and system calls may be made.
 * Context: signal handler, of the thread itself. */
void sampler_thread_follow_period(struct sampler *sampler, struct sampler_thread *thread);

#endif
