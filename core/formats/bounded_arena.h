/*
 * Memory for unpacking one message at a time with protobuf-c: what a hostile message can make it
 * allocate is bounded, and everything is given back at once.
 *
 * Context: one thread at a time.
 */
#ifndef PROFTOP_CORE_FORMATS_BOUNDED_ARENA_H
#define PROFTOP_CORE_FORMATS_BOUNDED_ARENA_H

#include <glib.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

struct bounded_arena {
    ProtobufCAllocator allocator; /* hand this to protobuf-c */
    unsigned char *memory;
    size_t used;
    bool exhausted; /* an allocation failed since the last reset */
};

/* Empty; the arena must stay where it is until cleared. Context: one thread. */
void bounded_arena_init(struct bounded_arena *arena);

/* Gives the memory back to the kernel. */
void bounded_arena_clear(struct bounded_arena *arena);

/* Takes back everything. Messages in the arena must not be used any more, nor freed. */
void bounded_arena_reset(struct bounded_arena *arena);

#endif
