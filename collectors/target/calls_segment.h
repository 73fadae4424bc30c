/*
 * Exact calls, in the calls' part of the segment (core/wire/wire_calls.h says what that is, calls.h
 * which file does what). What is here is private to the process: addresses of the parts, and copies
 * of what proftop has set.
 *
 * All of it lies on pages that a fork wipes, so a child counts nothing until it has said hello
 * itself (but see calls_fork.h).
 */
#ifndef PROFTOP_COLLECTORS_TARGET_CALLS_SEGMENT_H
#define PROFTOP_COLLECTORS_TARGET_CALLS_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/target/segment_area.h"
#include "collectors/target/segment_modules.h"
#include "core/wire/wire.h"
#include "core/wire/wire_calls.h"

struct calls_thread;

struct calls {
    uint32_t is_running;
    uint32_t may_call; /* no system call is forbidden, as far as is known */
    struct wire_calls *wire;
    struct wire_calls_lane *lanes;
    struct wire_calls_counter *counters; /* WIRE_CALLS_COUNTERS */
    struct wire_calls_mark *marks;       /* n_marks_max */
    uint32_t n_marks_max;
    struct wire_calls_return *returns; /* WIRE_CALLS_RETURNS */
    int32_t pid;
    struct wire_calls_probe probes[WIRE_CALLS_WAYS];
    struct segment_area records, chunks, names;
    /* What all threads write. */
    _Alignas(64) struct calls_thread *threads; /* all states there are */
    struct calls_thread *cursor;               /* where to look for one whose thread has gone */
    uint32_t n_lanes;                          /* handed out; lane 0 is nobody's */
    uint32_t forks; /* under way in the midst of hooks: what they need goes into children */
    struct segment_modules modules;
};

/*
 * Starts counting when `segment` has calls, and waits for proftop when that wants to patch code
 * before the program begins, for 2 s at most. In a forked child it starts anew. Where it cannot,
 * the reason stands in wire_calls.trouble and nothing else happens. May change errno.
 *
 * @fd  the segment's descriptor; not needed afterwards
 * Context: constructor or fork handler.
 */
void calls_start(struct wire_segment *segment, int fd);

/* Notes when the program ends. No system call. Context: destructor. */
void calls_note_end(void);

/* Whether there are or were calls in this process or its parent: hooks need not ask more if not. */
extern bool calls_is_on __attribute__((visibility("hidden")));

/* Those of struct calls; NULL until there are any. */
extern struct wire_calls_return *calls_returns __attribute__((visibility("hidden")));

/* Keeps where a function that is being entered returns to, for proftop. Context: any thread, with
 * the guard of calls_fast.h set; general registers only. */
static inline void calls_note_return(uintptr_t slot, uintptr_t address)
{
    struct wire_calls_return *entry = &calls_returns[WIRE_CALLS_RETURN_OF(slot, address)];
    __atomic_store_n(&entry->slot, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&entry->address, address, __ATOMIC_RELEASE);
    __atomic_store_n(&entry->slot, slot, __ATOMIC_RELEASE);
}

/* The calls of this process; NULL while there are none, as in a child that was not followed.
 * Context: any, async-signal-safe. */
struct calls *calls_get(void);

/* Stops counting for good: a child that has its parent's half-done hook. Context: fork handler. */
void calls_stop(struct calls *calls);

/* Calls `visit` for each mapping of the segment. Context: any, async-signal-safe. */
void calls_each_part(struct calls *calls, void (*visit)(void *part, size_t bytes));

/* Adds bits of enum wire_calls_trouble. Context: any, async-signal-safe. */
void calls_note_trouble(struct calls *calls, uint32_t trouble);

/* Notes for good that system calls may be forbidden from now on: nothing grows any more. In a vfork
 * child it does nothing. Context: any, async-signal-safe. */
void calls_forbid_calls(void);

/* Notes for good that to read the processor's clock would be SIGSEGV (PR_SET_TSC). In a vfork child
 * it does nothing. Context: any, async-signal-safe. */
void calls_forbid_clock(void);

/* Whether system calls may be made. Context: any, async-signal-safe. */
bool calls_may_call(const struct calls *calls);

/* Which clock is read; none: all times are 0. */
enum calls_clock {
    CALLS_CLOCK_TSC = WIRE_CALLS_TSC,
    CALLS_CLOCK_MONOTONIC = WIRE_CALLS_MONOTONIC,
    CALLS_CLOCK_NONE,
};

extern uint32_t calls_clock __attribute__((visibility("hidden")));

/* The clock when it is not the processor's. Context: any, async-signal-safe. */
uint64_t calls_other_ticks(void);

/* Ticks, as wire_calls.clock says; 0 when the clock must not be read. Context: any,
 * async-signal-safe, general registers only. */
static inline uint64_t calls_ticks(void)
{
    if (__builtin_expect(calls_clock == CALLS_CLOCK_TSC, 1))
        return __builtin_ia32_rdtsc();
    return calls_other_ticks();
}

#endif
