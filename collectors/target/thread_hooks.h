/*
 * pthread_create() and thrd_create(): a new thread gets its timer before it runs, and loses it when
 * it ends.
 *
 * They are exported through collectors/exports.map and have libc's own prototypes.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_THREAD_HOOKS_H
#define PROFTOP_COLLECTORS_TARGET_THREAD_HOOKS_H

/* Finds the real functions, so that no later call needs the loader. Context: constructor. */
void thread_hooks_resolve(void);

#endif
