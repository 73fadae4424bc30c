/*
 * What several parts of a segment are made of: areas and modules.
 *
 * An area is an array in the file that grows by doubling. Record i stands at offset + i * size. The
 * collector maps records [0, n_first) at first, and then what it needs, each time as much again;
 * proftop maps all of it. So the address space that a target loses grows with what it does.
 *
 * A module says where code came from: records name it by number, so that an address keeps its
 * meaning when its library goes and another one takes its place.
 */
#ifndef PROFTOP_CORE_WIRE_WIRE_PARTS_H
#define PROFTOP_CORE_WIRE_WIRE_PARTS_H

#include <assert.h>
#include <stdint.h>

enum { WIRE_MODULES = 1024, WIRE_PATH_MAX = 464 };

/* An array that grows by doubling; see above. n_first * record size is whole pages. */
struct wire_area {
    uint64_t offset; /* from the segment's start; whole pages */
    uint32_t n_first;
    uint32_t n_max; /* n_first times a power of two */
};

/* Written once, then published by the count beside the table. 512 bytes. */
struct wire_module {
    uint64_t start, end; /* its mapping, in memory */
    uint64_t bias;       /* address in memory less address as linked */
    uint64_t build_id_size;
    uint8_t build_id[16];     /* its beginning */
    char path[WIRE_PATH_MAX]; /* as the loader has it; "": the program, or too long */
};

static_assert(sizeof(struct wire_module) == 512, "a module's size is part of the protocol");

#endif
