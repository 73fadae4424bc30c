/*
 * The program's signal handlers with SA_ONSTACK: sigaction() and the older functions that return
 * a handler, exported through collectors/exports.map, show them as the program has set them. In
 * truth they are called by a function of ours:
 *
 *   - In a thread that has no stack for signals but ours they run where they would without it
 *     (handler_frame.h).
 *   - On a small stack of the program's the thread's timer is stopped meanwhile, so that no signal
 *     of ours comes on top of them there.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_HANDLER_HOOKS_H
#define PROFTOP_COLLECTORS_TARGET_HANDLER_HOOKS_H

/* Finds the real functions, so that no later call needs the loader. Context: constructor. */
void handler_hooks_resolve(void);

/* Some thread is about to be given a signal stack of ours: from now on handlers are changed, also
 * those that are set already. Context: constructor or fork handler. */
void handler_hooks_begin(void);

#endif
