/*
 * Functions for which libc starts a thread by itself (timer_create and mq_notify with
 * SIGEV_THREAD, the aio family, getaddrinfo_a), exported through collectors/exports.map. If that
 * thread is the first one, libc sets its handler of our signal; ours must go in front of it again.
 * The helper threads themselves are not sampled.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_HELPER_THREAD_HOOKS_H
#define PROFTOP_COLLECTORS_TARGET_HELPER_THREAD_HOOKS_H

/* Finds the real functions, so that no later call needs the loader. Context: constructor. */
void helper_thread_hooks_resolve(void);

#endif
