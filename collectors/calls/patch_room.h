/*
 * Where in a process's address space something can be mapped, without being in the way of what will
 * grow: the heap of brk, and stacks.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_PATCH_ROOM_H
#define PROFTOP_COLLECTORS_CALLS_PATCH_ROOM_H

#include <stdbool.h>
#include <stdint.h>

struct patch_room;

/* Looks at a process's mappings as they are now; all is taken when they cannot be read. Context:
 * any thread. */
struct patch_room *patch_room_read(int pid);

/* NULL is allowed. */
void patch_room_free(struct patch_room *room);

/* Whether [start, end) is free. Context: any thread. */
bool patch_room_is_free(const struct patch_room *room, uint64_t start, uint64_t end);

/* Whether the heap of brk could not grow by that much with something at `start`. Context: any
 * thread. */
bool patch_room_hinders_heap(const struct patch_room *room, uint64_t start, uint64_t growth_bytes);

/* Marks it as taken. Context: one thread at a time. */
void patch_room_take(struct patch_room *room, uint64_t start, uint64_t end);

#endif
