/*
 * A fork in a signal handler that has interrupted a hook of calls. As in heap_fork.h: the child
 * goes on with the hook, so it gets the memory of that; what the hook still writes goes nowhere,
 * and the child counts nothing.
 *
 * For libc's fork() only; nothing can be prepared for one by system call.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_CALLS_FORK_H
#define PROFTOP_COLLECTORS_TARGET_CALLS_FORK_H

#include <stdbool.h>

/* Lets the memory of a half-done hook of the calling thread, if there is one, go into the child.
 * Keeps errno. Context: fork handler, before the fork; async-signal-safe. */
void calls_fork_prepare(void);

/* Takes that back. Keeps errno. Context: fork handler, in the parent; async-signal-safe. */
void calls_fork_parent(void);

/* Whether that memory is in this child. If so it is made the child's own, which must not call
 * calls_start(), nor must its children. Changes errno. Context: fork handler, in the child;
 * async-signal-safe. */
bool calls_fork_child(void);

#endif
