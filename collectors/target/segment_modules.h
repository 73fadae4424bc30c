/*
 * Numbers for what code belongs to: the program and its libraries, each from when it was loaded
 * until it is closed. Another library at the same address has another number.
 *
 * Lock-free. The table that proftop reads is in the segment; beside it there is a list of our own
 * of who is who.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_SEGMENT_MODULES_H
#define PROFTOP_COLLECTORS_TARGET_SEGMENT_MODULES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/wire/wire_parts.h"

struct dl_find_object;

enum { SEGMENT_MODULE_GONE = 1 }; /* in a key */

struct segment_module {
    uintptr_t key;       /* the loader's struct link_map; + 1: has gone; 0: the entry is free */
    uintptr_t start;     /* of its mapping; 0: not yet known */
    uint64_t name;       /* hash of its path */
    uint32_t is_written; /* its record in the segment */
    uint32_t reserved;
    uintptr_t from, to, eh_frame; /* what _dl_find_object() says of `start` */
};

/* About 60 KB. Its memory must be zero, and be wiped by a fork. */
struct segment_modules {
    uint32_t *n_written; /* in the segment: how many records of the table are whole */
    struct wire_module *table;
    uint32_t generation; /* grows each time that a module has gone */
    struct segment_module modules[WIRE_MODULES];
};

/*
 * @n_written  in the segment; set to 1 unless it is more
 * @table      WIRE_MODULES records in the segment
 * Context: one thread.
 */
void segment_modules_init(struct segment_modules *modules, uint32_t *n_written,
                          struct wire_module *table);

/*
 * The number of what `_dl_find_object` found, entered into the table if it is new; 0: no room.
 * Reads its headers and its name: it must stay loaded meanwhile, as what runs or is on the stack
 * does. Keeps errno. Context: any thread, at the same time as others.
 */
uint32_t segment_modules_number(struct segment_modules *modules,
                                const struct dl_find_object *found);

/*
 * To be called after each dlclose(): finds out which modules have gone. What unwind_rules and
 * stack_walk remember of these counts no longer. Reads nothing of the modules themselves, which
 * other threads may be closing: one that has come in the place of another, of the same layout, is
 * told apart by segment_modules_number() alone. Below 100 ns for each module in the table; keeps
 * errno. Context: any thread, at the same time as others.
 */
void segment_modules_check(struct segment_modules *modules);

/* Whether the module with this number, below WIRE_MODULES, has gone. Context: any. */
static inline bool segment_modules_is_gone(const struct segment_modules *modules, uint32_t number)
{
    return __atomic_load_n(&modules->modules[number].key, __ATOMIC_ACQUIRE) & SEGMENT_MODULE_GONE;
}

/* Grows with each module that has gone. Context: any. */
static inline uint32_t segment_modules_generation(const struct segment_modules *modules)
{
    return __atomic_load_n(&modules->generation, __ATOMIC_ACQUIRE);
}

#endif
