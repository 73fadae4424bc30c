/*
 * The program's signal handlers with SA_ONSTACK: sigaction() and the older functions that return
 * a handler, exported through collectors/exports.map, show them as the program has set them.
 *
 *   - While the program has set no alternate stack, such handlers do not get the flag, else they
 *     would run on ours.
 *   - Once it has set a small one they are called by a function of ours that stops the thread's
 *     timer meanwhile, so that no signal of ours comes on top of them there.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_HANDLER_HOOKS_H
#define PROFTOP_COLLECTORS_TARGET_HANDLER_HOOKS_H

#include <stdbool.h>

/* Finds the real functions, so that no later call needs the loader. Context: constructor. */
void handler_hooks_resolve(void);

/* Some thread is about to be given a signal stack of ours: from now on handlers are changed, also
 * those that are set already. Context: constructor or fork handler. */
void handler_hooks_begin(void);

/* The program has set an alternate stack in some thread. Context: any, async-signal-safe. */
void handler_hooks_note_stack(bool is_small);

/* Whether the program has alternate stacks and a handler that would run on ours in a thread which
 * has none of the program's. Context: any, async-signal-safe. */
bool handler_hooks_need_own_stack(void);

#endif
