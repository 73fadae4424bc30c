/*
 * The functions by which a program starts others (exec, posix_spawn, system, popen): libproftop.so
 * stands in front of them so that a followed child is given the collector again, and only a child
 * that can take it.
 *
 * They are exported through collectors/exports.map and have libc's own prototypes. Context of each:
 * as libc's, which for exec includes signal handlers and vfork children.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_PROCESS_HOOKS_H
#define PROFTOP_COLLECTORS_TARGET_PROCESS_HOOKS_H

/* Finds the real functions, so that no later call needs the loader. Context: constructor. */
void process_hooks_resolve(void);

#endif
