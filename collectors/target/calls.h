/*
 * The core of exact calls: what it means that a function is entered or left. -finstrument-functions
 * (calls_hooks.c), patched code (patch_entry.c) and proftop.h (scope_api.c) all come here.
 *
 *   calls_segment.c   starts, and holds what the other files share
 *   calls_threads.c   a thread's state: its lane, its shadow stack, its tree of records
 *   calls_records.c   records: found, made, added to
 *   calls_enter.c     enter and leave; calls_fast.h: as far as that is usual
 *   calls_hooks.c     what -finstrument-functions has called
 *   calls_section.c   what touches the segment besides
 *   calls_jumps.c     longjmp() and exceptions, which leave functions without their exit
 *   calls_probe.c     what the probes themselves take
 *   calls_fork.c      a child forked in the midst of a hook
 *
 * The shadow stack tells by stack addresses who is still there: a frame whose address is lower than
 * that of a call that begins now has been left. Everything that is left without its exit is closed
 * with the time until that was seen, as an implicit exit.
 *
 * The fast paths use general registers only (they run between a function and its caller, who may
 * count on others), take no lock, and call nothing of libc. Context of all: any thread,
 * async-signal-safe, constructors and destructors of thread-local variables; keep errno.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_CALLS_H
#define PROFTOP_COLLECTORS_TARGET_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/wire/wire_calls.h"

/* A call that begins. */
struct calls_entry {
    uint64_t function; /* entry's address; with `way` WIRE_CALLS_BY_SCOPE the number of a name */
    uintptr_t sp;      /* where its frame lies: a stack address in it, or where its return address
                          is. Not below that of what it calls, not above that of its caller */
    uintptr_t return_address; /* 0 unknown */
    enum wire_calls_way way;
    bool replaces_equal; /* open calls with the same `sp` have been left: this is no inlined or
                            tail call of theirs */
};

/* Enters. false: nothing was entered, so nothing is to be left: counting is off, or there is no
 * room (which is counted). */
bool calls_enter(const struct calls_entry *entry);

/* Whether the innermost open call is one of this function, with exactly this `sp`. */
bool calls_is_innermost(uint64_t function, uintptr_t sp);

/*
 * Leaves a function that was entered by WIRE_CALLS_BY_HOOK. Open calls within it are closed as
 * implicit exits; when it is not open at all the exit is an orphan.
 *
 * @sp  where its frame lies now: not above its `sp` of the entry
 */
void calls_leave(uint64_t function, uintptr_t sp);

/* Leaves all calls with exactly this `sp`, and closes those below: a function that was entered by
 * WIRE_CALLS_BY_PATCH returns, with what was tail-called from it. */
void calls_leave_at(uintptr_t sp);

/* Likewise, just after they were entered: it will not be seen when they return. They count, and are
 * known to be untimed. */
void calls_leave_untimed(uintptr_t sp);

/* Leaves the innermost open scope, WIRE_CALLS_BY_SCOPE; what is open within it is closed. An orphan
 * when there is none. */
void calls_leave_scope(void);

/* All open calls of the calling thread whose `sp` is below this have been left: they are closed. */
void calls_unwound(uintptr_t sp);

#endif
