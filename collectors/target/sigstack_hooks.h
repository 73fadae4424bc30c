/*
 * Alternate signal stacks. Every sampled thread that has none is given one of ours, so that our
 * handler never writes to a stack of the program, which may be a coroutine's of two kilobytes. The
 * program does not see it: sigaltstack(), exported through collectors/exports.map, shows and does
 * what it would without it, and so do the program's handlers (handler_hooks.h).
 *
 * A stack of the program's own takes the place of ours; when it is disabled, ours comes back. A
 * thread whose own has no room for our handler loses its timer meanwhile: the kernel kills a
 * process whose signal does not fit.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_SIGSTACK_HOOKS_H
#define PROFTOP_COLLECTORS_TARGET_SIGSTACK_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "collectors/target/sampler.h"

/* Finds the real functions, so that no later call needs the loader. Context: constructor. */
void sigstack_hooks_resolve(void);

/* Makes handlers that are set already as those that are set later. Context: constructor or fork
 * handler, before the first timer. */
void sigstack_prepare(void);

/*
 * Gives the calling thread a stack for signals unless it has one. False, counted: it cannot be
 * armed, for its own is too small or there is no memory. May change errno. Context: the thread, of
 * which `thread` is the entry.
 */
bool sigstack_give(struct sampler *sampler, struct sampler_thread *thread);

/* Whether an address is on the stack that the calling thread was given. Context: any,
 * async-signal-safe. */
bool sigstack_holds(uintptr_t address);

/* Takes back what sigstack_give() gave to the calling thread, and keeps it in its entry. May change
 * errno. Context: the thread. */
void sigstack_take_back(struct sampler_thread *thread);

#endif
