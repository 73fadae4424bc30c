/*
 * How a program forbids itself system calls: prctl() and syscall(), exported through
 * collectors/exports.map, with libc's own prototypes. From the first sign on (also of no_new_privs,
 * which comes before) the sampler makes none any more, so threads that start later are not sampled.
 * A filter that does not even let a signal handler return ends sampling before it is set.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_SECCOMP_HOOKS_H
#define PROFTOP_COLLECTORS_TARGET_SECCOMP_HOOKS_H

/* Finds the real functions, so that no later call needs the loader. Context: constructor. */
void seccomp_hooks_resolve(void);

#endif
