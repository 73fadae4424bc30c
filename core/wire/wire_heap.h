/*
 * The heap's part of a segment: what the collector's allocation hooks count, in memory that
 * outlives the process. Proftop reads it while it grows and after the process has been killed.
 *
 * What there is
 *   lane    a thread's own counters: exact in every mode
 *   node    a call of a call stack: an address and the node of its caller. A stack is the path from
 *           a node to a root, so equal outer parts are stored once
 *   row     what was allocated with one stack (a node); row 0 stands for all stacks without room
 *   block   a live block: address, size, row. Chained from a hash table of heads
 *   module  where code came from: nodes name it by number, so that an address keeps its meaning
 *           when its library goes and another one takes its place
 *
 * Rows, nodes, index lines and blocks are areas (wire_parts.h).
 *
 * All words that more than one thread writes are changed with atomics; a lane, with an owner, by
 * its thread alone. Proftop writes only what is marked as its own. It treats everything as hostile:
 * counts and indexes are to be checked against its own copy of the geometry each time.
 */
#ifndef PROFTOP_CORE_WIRE_WIRE_HEAP_H
#define PROFTOP_CORE_WIRE_WIRE_HEAP_H

#include <assert.h>
#include <stdint.h>

#include "core/wire/wire_parts.h"

enum wire_heap_mode {
    WIRE_HEAP_OFF = 0,     /* hooks pass through; blocks recorded before are still taken out */
    WIRE_HEAP_EXACT = 1,   /* every call is recorded with its stack */
    WIRE_HEAP_SAMPLED = 2, /* lanes count every call; blocks are recorded by size, with weights */
};

/* Why there is nothing to see, or not all: bits of wire_heap.trouble, only ever set. */
enum wire_heap_trouble {
    WIRE_HEAP_FOREIGN_ALLOCATOR = 1 << 0, /* the program has its own malloc(): hooks see no call */
    WIRE_HEAP_NO_REAL = 1 << 1,           /* the allocator behind ours was not found */
    WIRE_HEAP_NO_ROOM = 1 << 2,           /* an area could not grow: address space or system calls
                                             are limited */
    WIRE_HEAP_NO_UNWIND_DATA = 1 << 3,    /* libc does not tell where unwind information is */
    WIRE_HEAP_NO_CLOCK = 1 << 4,          /* the program has forbidden the TSC: ticks are 0, and
                                             lifetimes not counted, from then on */
};

enum {
    WIRE_HEAP_SIZES = 16,    /* size classes: up to 16 B, 32 B, ... 256 KiB; the last: larger */
    WIRE_HEAP_LIFETIMES = 8, /* below 1 us, 10 us, 100 us, 1 ms, 10 ms, 100 ms, 1 s; longer */
    WIRE_HEAP_LANES = 1024,
    WIRE_INDEX_SLOTS = 16, /* of a line */
    /* Nodes that are roots: how a stack ends. They have no address. */
    WIRE_ROOT_COMPLETE = 0,     /* the unwind information says that nobody called */
    WIRE_ROOT_BROKEN = 1,       /* nothing says who called */
    WIRE_ROOT_TRUNCATED = 2,    /* deeper than WIRE_HEAP_DEPTH_MAX */
    WIRE_ROOTS = 4,             /* nodes from here on are calls */
    WIRE_HEAP_DEPTH_MAX = 1024, /* frames of one stack; = PROFILE_USER_FRAMES_MAX */
    WIRE_ROW_OTHER = 0,
};

/* In wire_heap_block.address: the block was recorded by sampling. */
#define WIRE_BLOCK_SAMPLED UINT64_C(1)
/* Likewise: it is of an allocator of the program's own, within a block of another allocator or a
 * mapping. */
#define WIRE_BLOCK_ANNOUNCED (UINT64_C(1) << 62)

/* Counters of a thread. 128 bytes: two cache lines are fetched together. */
struct wire_heap_lane {
    int32_t tid; /* its owner, as the process sees it; 0: free. Lane 0 has none and is changed by
                    atomics: for threads without a lane, and what libraries did before the start */
    uint32_t reserved32;
    uint64_t
        allocs; /* calls that gave a block, realloc() of a block included, as memcheck counts */
    uint64_t alloc_bytes;   /* as requested */
    uint64_t frees;         /* blocks given back, by realloc() included; free(NULL) is none */
    uint64_t unknown_frees; /* of these, in exact mode: blocks that nobody saw allocated */
    uint64_t failed;        /* calls that gave NULL where a block was wanted */
    uint64_t unrecorded; /* allocations without row and block: called from within a hook (a signal
                            handler), or no room for the block or the thread */
    uint64_t reserved[9];
};

/* A call: `address` is where it returns to (so look up address - 1). 16 bytes. */
struct wire_heap_node {
    uint64_t address : 48; /* in memory */
    uint64_t module : 16;  /* number of a wire_module, 0: code that no library owns */
    uint32_t parent;       /* the caller's node; less than the node's own number */
    uint32_t row;          /* of stacks that end here; 0: none yet */
};

/*
 * What was allocated with one stack. In sampled mode numbers are sums of weights: estimates whose
 * variance is `variance_bytes2`.
 *
 * Live at the heap's peak: while `peak_epoch` is the heap's, `peak_*` say it; otherwise nothing has
 * changed here since, and live_* do. 192 bytes.
 */
struct wire_heap_row {
    uint32_t node;
    uint32_t sampled; /* blocks that were recorded by sampling */
    uint64_t allocs;
    uint64_t alloc_bytes;
    uint64_t frees;
    int64_t live_bytes;
    int64_t own_peak_bytes; /* most of live_bytes */
    uint64_t peak_epoch;
    int64_t peak_bytes;
    int64_t peak_blocks;
    uint32_t temporary;    /* freed by the thread that allocated it, before its next allocation */
    uint32_t reallocs;     /* of `allocs`: by realloc() of a block */
    uint32_t remote_frees; /* by another thread than the one that allocated */
    uint32_t reserved32;
    uint64_t variance_bytes2;                /* of alloc_bytes; sum of (w - 1) w size^2 */
    uint32_t sizes[WIRE_HEAP_SIZES];         /* allocs by size class, modulo 2^32 */
    uint32_t lifetimes[WIRE_HEAP_LIFETIMES]; /* frees by lifetime, likewise */
};

/*
 * A live block, or a free record. 32 bytes.
 *
 * weight of a sampled block: w = floor(1 / p + u), p = 1 - exp(-size / sample_bytes), u in [0, 1)
 * from the block's address: so that its free takes off what its allocation had put on.
 */
struct wire_heap_block {
    uint64_t address;     /* with WIRE_BLOCK_...; 0: the record is free */
    uint64_t size : 48;   /* as requested */
    uint64_t serial : 16; /* of the thread that allocated it */
    uint64_t ticks;       /* TSC when it was allocated */
    uint32_t row;
    uint32_t next; /* in its chain: number of a block + 1; 0: the last */
};

/* The head, at wire_segment.heap_offset. */
struct wire_heap {
    /* Proftop's. Those marked * may change while the target runs. */
    uint32_t mode;         /* * enum wire_heap_mode */
    uint32_t n_heads;      /* a power of two */
    uint64_t sample_bytes; /* * mean distance of samples, in allocated bytes; the same each time
                              that the mode is WIRE_HEAP_SAMPLED */
    uint64_t lifetime_ticks[WIRE_HEAP_LIFETIMES]; /* upper bounds; the last is UINT64_MAX */
    uint64_t lanes_offset, modules_offset;
    uint64_t dirty_offset; /* of a bit for each row: changed since proftop cleared it (atomic) */
    uint64_t heads_offset; /* of n_heads uint32_t: number of a block + 1, 0: none; bit 31: locked */
    struct wire_area rows, nodes, index, blocks; /* index: lines of WIRE_INDEX_SLOTS uint32_t */
    uint64_t reserved[26];                       /* 0 */

    /* The collector's, from offset 384. First what changes seldom. */
    uint32_t trouble;                   /* enum wire_heap_trouble */
    uint32_t n_modules;                 /* 1 at first: module 0 is none */
    uint32_t n_rows, n_nodes, n_blocks; /* records ever used; may pass n_max */
    uint32_t merged;                    /* stacks that had to go into row 0 */
    uint64_t early_allocs; /* of lane 0: by constructors of libraries that ran before the
                              collector's; counted, not recorded */
    uint64_t quiet[4];
    /* From offset 448, a line of its own. */
    int64_t live_bytes;  /* of recorded blocks */
    int64_t peak_bytes;  /* most of it */
    uint64_t peak_epoch; /* grows at each new peak */
    uint64_t peak_ticks; /* TSC of the last one */
    uint64_t busy[4];
};

static_assert(sizeof(struct wire_heap_lane) == 128, "a lane is two lines");
static_assert(sizeof(struct wire_heap_node) == 16, "a node's size is part of the protocol");
static_assert(sizeof(struct wire_heap_row) == 192, "a row's size is part of the protocol");
static_assert(sizeof(struct wire_heap_block) == 32, "a block's size is part of the protocol");
static_assert(__builtin_offsetof(struct wire_heap, trouble) == 384, "the collector's part");
static_assert(__builtin_offsetof(struct wire_heap, live_bytes) == 448, "a line of its own");

#endif
