/*
 * The environment of a target: proftop's entries are taken out at the start, so that the program
 * sees what it would see without proftop, and put back only into what a followed child is started
 * with.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_ENVIRONMENT_H
#define PROFTOP_COLLECTORS_TARGET_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "collectors/target/collector.h"

/*
 * Points `environ` (and with it main's third argument) at a new array without proftop's entries,
 * followed by a copy of the auxiliary vector for programs that look for it there. The strings stay
 * the original ones; only a LD_PRELOAD that names more than `own_path` and is the only one is
 * copied without it. The array on the stack is not changed. Without memory, nothing changes.
 *
 * @own_path  this library as LD_PRELOAD names it
 * @stack     the environment that the kernel made, in front of the auxiliary vector
 * Context: constructor.
 */
void environment_hide(const char *own_path, char **stack);

/*
 * Bytes that environment_extend() needs for `envp`; 0 when it has too many entries or too long a
 * LD_PRELOAD to be added to. NULL counts as empty. Context: any thread, also a vfork child;
 * async-signal-safe.
 */
size_t environment_room(const struct collector *collector, char *const *envp);

/*
 * Writes into `room` an environment of the entries of `envp` with proftop's at the end: they come
 * last because the loader takes the last LD_PRELOAD and because the others then stay exactly as
 * they are. Returns the array, inside `room`, borrowing the strings of both. Context: as
 * environment_room().
 */
char **environment_extend(void *room, const struct collector *collector, char *const *envp);

#endif
