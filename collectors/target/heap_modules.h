/*
 * Numbers for what code belongs to: the program and its libraries, each from when it was loaded
 * until it is closed. Another library at the same address has another number.
 *
 * Lock-free. The table that proftop reads is in the segment; beside it there is a list of our own
 * of who is who.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_HEAP_MODULES_H
#define PROFTOP_COLLECTORS_TARGET_HEAP_MODULES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/wire/wire_heap.h"

struct dl_find_object;

struct heap_module {
    uintptr_t key;       /* the loader's struct link_map; + 1: has gone; 0: the entry is free */
    uintptr_t start;     /* of its mapping; 0: not yet known */
    uint64_t name;       /* hash of its path */
    uint32_t is_written; /* its record in the segment */
};

/* About 32 KB. Its memory must be zero, and be wiped by a fork. */
struct heap_modules {
    struct wire_heap *wire;
    struct wire_heap_module *table;
    uint32_t generation; /* grows each time that a module has gone */
    struct heap_module modules[WIRE_HEAP_MODULES];
};

/*
 * @wire   its n_modules is set to 1 unless it is more
 * @table  WIRE_HEAP_MODULES records in the segment
 * Context: one thread.
 */
void heap_modules_init(struct heap_modules *modules, struct wire_heap *wire,
                       struct wire_heap_module *table);

/*
 * The number of what `_dl_find_object` found, entered into the table if it is new; 0: no room.
 * Keeps errno. Context: any thread, at the same time as others.
 */
uint32_t heap_modules_number(struct heap_modules *modules, const struct dl_find_object *found);

/*
 * To be called after each dlclose(): finds out which modules have gone. What unwind_rules and
 * stack_walk remember of these counts no longer. Below 100 ns for each module in the table; keeps
 * errno. Context: any thread, at the same time as others.
 */
void heap_modules_check(struct heap_modules *modules);

/* Grows with each module that has gone. Context: any. */
static inline uint32_t heap_modules_generation(const struct heap_modules *modules)
{
    return __atomic_load_n(&modules->generation, __ATOMIC_ACQUIRE);
}

#endif
