/*
 * The calls' part of a segment: how often which function was called from where, and how long it
 * took, added up by the collector in memory that outlives the process.
 *
 * What there is
 *   lane    a thread's own: its open calls and what could not be recorded
 *   record  all calls of one function from one calling context, by one thread. A context is the
 *           record of the call around it, so records are a tree (a forest: roots have no context)
 *   chunk   of a lane's shadow stack: its open calls, outermost first
 *   module  where code came from: functions name it by number (wire_parts.h)
 *   name    of a scope: what a program counts by name, with proftop.h
 *   code    that proftop writes and the target runs: the collector maps it for reading and
 *           executing only. Nothing in the target is both writable and executable
 *
 * Recursion: a call of a function that its thread is in already gets a record of its own there, a
 * recursive one; but what it calls goes on under the record of the function's outermost open call.
 * So a path holds a function once, and once more at its end when that record is a recursive one:
 * the tree is no deeper than there are functions, however deep the recursion.
 *
 * Times are ticks of the clock that wire_calls.clock names, net of what the probes themselves take
 * (wire_calls.probes). Records, lanes and frames are written by their thread alone, with single
 * words; proftop may see a record half updated while the thread runs. Proftop writes only what is
 * marked as its own, and treats everything as hostile.
 */
#ifndef PROFTOP_CORE_WIRE_WIRE_CALLS_H
#define PROFTOP_CORE_WIRE_WIRE_CALLS_H

#include <assert.h>
#include <stdint.h>

#include "core/wire/wire_parts.h"

enum wire_calls_clock {
    WIRE_CALLS_TSC = 0,       /* the processor's, which is known to run evenly */
    WIRE_CALLS_MONOTONIC = 1, /* CLOCK_MONOTONIC: a tick is a nanosecond */
};

/* How a function comes to be counted. */
enum wire_calls_way {
    WIRE_CALLS_BY_HOOK = 0,  /* compiled with -finstrument-functions */
    WIRE_CALLS_BY_PATCH = 1, /* its code was changed: patchable entries, and unmodified programs */
    WIRE_CALLS_BY_SCOPE = 2, /* proftop.h */
    WIRE_CALLS_WAYS = 3,
};

/* Why not all is counted: bits of wire_calls.trouble, only ever set. */
enum wire_calls_trouble {
    WIRE_CALLS_NO_ROOM = 1 << 0,  /* an area could not grow, or there are too many threads */
    WIRE_CALLS_NO_CLOCK = 1 << 1, /* the program has forbidden the clock: calls are counted, their
                                     times are 0 from then on */
    WIRE_CALLS_NO_CODE = 1 << 2,  /* code could not be mapped: nothing can be patched */
};

enum {
    WIRE_CALLS_BUCKETS = 32, /* of durations: below 2^5 ticks, 2^6, ... 2^35; the last: longer */
    WIRE_CALLS_FIRST_BUCKET_BITS = 5,
    WIRE_CALLS_LANES = 1024,
    WIRE_CALLS_FRAMES = 63, /* of a chunk */
    WIRE_CALLS_SITES = 4096,
    WIRE_CALLS_RETURNS_GROUP_BITS = 11, /* 2^11 groups of 2^5 entries */
    WIRE_CALLS_RETURNS_ENTRY_BITS = 5,
    WIRE_CALLS_RETURNS_OF_SLOT = 1 << WIRE_CALLS_RETURNS_ENTRY_BITS,
    WIRE_CALLS_RETURNS = WIRE_CALLS_RETURNS_OF_SLOT << WIRE_CALLS_RETURNS_GROUP_BITS,
    WIRE_CALLS_CODE_BYTES = 8 << 20,
    WIRE_CALLS_MAPPINGS = 1024,
    WIRE_CALLS_NAME_MAX = 60,
    WIRE_CALLS_COUNTERS = 64,
    /* In wire_calls_record.module: `function` is the number of a wire_calls_name. */
    WIRE_CALLS_MODULE_NAMES = 0xffff,
};

/* Of a thread; 128 bytes. Where a signal handler interrupts the collector in the midst of a hook,
 * what the handler calls is counted in a second lane of the thread, without the context. */
struct wire_calls_lane {
    int32_t tid; /* as the process sees it; 0: free. What an ended thread had is handed on with its
                    lane: records name their thread themselves */
    uint32_t depth;       /* open calls: frames of the chunks that are in use */
    uint32_t first_chunk; /* number of a chunk; 0: none yet */
    uint32_t reserved32;
    uint64_t implicit_exits; /* calls that were left without their exit: longjmp, exceptions,
                                the thread's end */
    uint64_t orphan_exits;   /* exits of what was not entered; ignored */
    uint64_t missed;         /* calls that were not counted: no room */
    uint64_t untimed;        /* calls that were counted without their time */
    char name[32];           /* that the program gave its thread with proftop.h; "": none */
    uint64_t reserved[6];
};

/* An open call. 64 bytes. `record` is written last, and set to 0 first: a frame with a record is
 * whole. */
struct wire_calls_frame {
    uint32_t record;         /* that it will be added to */
    uint32_t context;        /* the record that is the context of what it calls */
    uint64_t sp;             /* where its frame lies: those of calls around it are not lower */
    uint64_t start;          /* ticks */
    uint64_t inner;          /* net ticks of the ended calls that it made directly */
    uint64_t cost;           /* ticks of probes within, of calls that have ended */
    uint64_t return_address; /* what the function returns to; 0 unknown */
    uint64_t reserved[2];
};

/* 4096 bytes. */
struct wire_calls_chunk {
    uint32_t next; /* number of the chunk that goes on; 0: none yet */
    uint32_t reserved32;
    uint64_t reserved[7];
    struct wire_calls_frame frames[WIRE_CALLS_FRAMES];
};

/* 192 bytes. Record 0 is nobody's. */
struct wire_calls_record {
    uint64_t function : 48; /* its entry's address in memory */
    uint64_t module : 16;   /* number of a wire_module, 0: code that no library owns; or
                               WIRE_CALLS_MODULE_NAMES */
    uint32_t context;       /* record of the call around it; less than its own number; 0: a root */
    uint32_t is_recursive : 1; /* the thread was in the function already */
    uint32_t way : 2;          /* enum wire_calls_way */
    uint32_t tid : 29;         /* of the thread; 0: of several threads that ran one after another */
    /* Of ended calls. */
    uint64_t calls;
    uint64_t sum;  /* of the durations of all of them */
    uint64_t self; /* sum less what they called */
    uint64_t cost; /* of probes, which has been taken off `sum` */
    uint64_t max;
    uint64_t min;                         /* 0 while there was no call */
    uint32_t buckets[WIRE_CALLS_BUCKETS]; /* calls by duration, modulo 2^32 */
};

/* 64 bytes; written once, then published by wire_calls.n_names. */
struct wire_calls_name {
    uint32_t length;
    char text[WIRE_CALLS_NAME_MAX]; /* not ended by a NUL when it is as long */
};

/* A moment that the program has marked. 64 bytes; published by wire_calls.n_marks. */
struct wire_calls_mark {
    uint64_t ticks;
    int32_t tid;
    char text[52];
};

/* What a program counts by itself. 96 bytes; its name is published by wire_calls.n_counters. */
struct wire_calls_counter {
    char name[64];
    int64_t value; /* the last one */
    uint64_t updates;
    int64_t min, max;
};

/* What a probe costs, measured when the process begins. */
struct wire_calls_probe {
    uint64_t inner; /* ticks that an empty call is seen to take */
    uint64_t pair;  /* ticks that an empty call takes out of its caller's time; half of that when it
                       is left without its exit */
};

/*
 * A place in an unmodified program's code from where proftop has it jump to its own code: what the
 * collector needs to know of it. Proftop's; written before the jump is.
 */
struct wire_calls_site {
    uint64_t function;    /* entry's address in memory */
    uint32_t slot_offset; /* of the return address, from the stack pointer at the place */
    uint32_t behind;      /* of the place, from the entry */
};

/*
 * Where a function with changed code was to return to that was entered lately, by the place of its
 * return address: for stacks that were sampled while it ran. A place has a group of entries, from
 * WIRE_CALLS_RETURNS_OF(slot) on, so that the addresses it had by turns are mostly there side by
 * side: an address is at WIRE_CALLS_RETURN_OF(slot, address). What else belongs there takes its
 * place.
 */
struct wire_calls_return {
    uint64_t slot; /* written last, and set to 0 first */
    uint64_t address;
};

/* The upper bits of the product. */
#define WIRE_CALLS_RETURNS_HASH(word, bits)                                                        \
    ((uint64_t)(word)*UINT64_C(0x9e3779b97f4a7c15) >> (64 - (bits)))
#define WIRE_CALLS_RETURNS_OF(slot)                                                                \
    (WIRE_CALLS_RETURNS_HASH((uint64_t)(slot) >> 3, WIRE_CALLS_RETURNS_GROUP_BITS)                 \
     << WIRE_CALLS_RETURNS_ENTRY_BITS)
#define WIRE_CALLS_RETURN_OF(slot, address)                                                        \
    (WIRE_CALLS_RETURNS_OF(slot) | WIRE_CALLS_RETURNS_HASH(address, WIRE_CALLS_RETURNS_ENTRY_BITS))

/* An order to map [offset, offset + bytes) of the code at an address where nothing is mapped. */
struct wire_calls_mapping {
    uint64_t address; /* whole pages, as all here */
    uint64_t offset;  /* in the code */
    uint32_t bytes;
    int32_t result; /* the collector's: 0: not yet carried out; 1: mapped; else -errno */
};

/* The head, at wire_segment.calls_offset. */
struct wire_calls {
    /* Proftop's. Those marked * may change while the target runs. */
    uint32_t enabled;    /* * 0: nothing new is entered; what is open still ends */
    uint32_t clock;      /* enum wire_calls_clock */
    uint32_t go;         /* * a futex word. 0: the collector is to wait for it before the program
                            begins, for 2 s at most */
    uint32_t n_mappings; /* * orders that there are */
    uint64_t lanes_offset, modules_offset, counters_offset, marks_offset, sites_offset,
        mappings_offset;
    uint64_t code_offset; /* of WIRE_CALLS_CODE_BYTES */
    uint32_t n_marks_max;
    uint32_t reserved32;
    struct wire_area records, chunks, names;
    uint32_t changing; /* * a futex word. 1: code is being changed, which takes microseconds;
                          libraries are not to go meanwhile */
    uint32_t reserved32b;
    uint64_t returns_offset; /* of WIRE_CALLS_RETURNS */
    uint64_t reserved[14];   /* 0 */

    /* The collector's, from offset 256. */
    uint32_t trouble;                      /* enum wire_calls_trouble */
    uint32_t n_modules;                    /* 1 at first: module 0 is none */
    uint32_t n_records, n_chunks, n_names; /* ever used; 1 at first, may pass n_max */
    uint32_t n_marks;                      /* ever made; those from n_marks_max on are lost */
    uint32_t n_counters;
    uint32_t is_ready; /* a futex word: 1 once orders can be carried out */
    struct wire_calls_probe probes[WIRE_CALLS_WAYS];
    uint64_t end_ticks; /* when the program called exit; 0: it has not */
    /* Where the code is mapped as a whole: near the program and near its libraries (within 2 GiB
     * of all of each). 0: it could not be. */
    uint64_t code_near_program, code_near_libraries;
    /* Addresses in the collector, for the code that proftop writes. */
    uint64_t enter_sled; /* to be called by patchable entries */
    uint64_t enter_site; /* to be called by sites, with their number pushed before */
    uint64_t leave;      /* what hijacked calls return to */
    uint64_t leave_end;
    uint64_t carry_out; /* a function, void (void): carries out the orders to map. Any thread, at
                           any moment, may be made to call it */
    uint64_t unloading; /* how many libraries are going just now (WIRE_UNLOADING_MASK): code must
                           not be changed; and above that how many have gone */
    uint64_t reserved_words[13];
};

static_assert(sizeof(struct wire_calls_lane) == 128, "a lane's size is part of the protocol");
static_assert(sizeof(struct wire_calls_frame) == 64, "a frame's size is part of the protocol");
static_assert(sizeof(struct wire_calls_chunk) == 4096, "a chunk's size is part of the protocol");
static_assert(sizeof(struct wire_calls_record) == 192, "a record's size is part of the protocol");
static_assert(__builtin_offsetof(struct wire_calls_record, buckets) == 64, "two lines");
static_assert(sizeof(struct wire_calls_name) == 64, "a name's size is part of the protocol");
static_assert(sizeof(struct wire_calls_mark) == 64, "a mark's size is part of the protocol");
static_assert(sizeof(struct wire_calls_counter) == 96, "a counter's size is part of the protocol");
static_assert(__builtin_offsetof(struct wire_calls, trouble) == 256, "the collector's part");

#endif
