/*
 * A fork in a signal handler that has interrupted a hook. In the child the hook goes on as well, in
 * the midst of memory that a fork otherwise wipes or does not copy. So that memory goes into such a
 * child, which then has no heap: what the hook still writes goes nowhere.
 *
 * For libc's fork() only; nothing can be prepared for one by system call.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_HEAP_FORK_H
#define PROFTOP_COLLECTORS_TARGET_HEAP_FORK_H

#include <stdbool.h>

/* Lets the memory of a half-done hook of the calling thread, if there is one, go into the child.
 * Keeps errno. Context: fork handler, before the fork; async-signal-safe. */
void heap_fork_prepare(void);

/* Takes that back. Keeps errno. Context: fork handler, in the parent; async-signal-safe. */
void heap_fork_parent(void);

/* Whether that memory is in this child. If so it is made the child's own, which must not call
 * heap_start(), nor must its children. Changes errno. Context: fork handler, in the child;
 * async-signal-safe. */
bool heap_fork_child(void);

#endif
