/*
 * What a thread keeps for counting: its lane, its shadow stack and its tree of records, all of
 * which it alone changes, on pages that a fork wipes.
 *
 * A state lasts: it outlives its thread, so that destructors of thread-local variables still find
 * it. The first few hundred threads have one each; later ones take over the states, and trees, of
 * threads that have gone, so that memory does not grow with all threads that ever were.
 *
 * A signal handler that interrupts a hook leaves the state alone and uses a second one, which is a
 * thread of its own to all here; and a handler of handlers a third.
 *
 * A handler may also leave a hook for good, by siglongjmp(). So every state of affairs between two
 * instructions of a hook is one that can be gone on with: words are written in an order for which
 * that holds.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_CALLS_THREADS_H
#define PROFTOP_COLLECTORS_TARGET_CALLS_THREADS_H

#include <stdbool.h>
#include <stdint.h>

#include "collectors/target/calls_segment.h"

struct calls_node;

/* An open call: what its struct wire_calls_frame says, and whereto it will be added. */
struct calls_open {
    uint64_t function; /* 0: ended, or not yet counted as begun */
    uintptr_t sp;
    struct calls_node *node;
    struct wire_calls_record *record;
    uint64_t start;
    uint64_t inner;
    uint64_t cost;
    uint32_t context; /* of what it calls */
    uint32_t number;  /* of its record */
};

/* A function in a context, and the record of that. One with the context CALLS_ANY_CONTEXT stands
 * for the function itself. Its memory is never used for another one. */
struct calls_node {
    uint64_t function;
    uint32_t context;
    uint32_t number; /* of the record; 0: none yet */
    struct calls_node *itself;
    struct wire_calls_record *record;
    struct wire_calls_record *recursive; /* of recursive calls; NULL: none yet */
    struct calls_open *first; /* in the node that stands for the function: its outermost open call.
                                 May be out of date: see calls_open_is() */
    uint32_t recursive_number;
    uint16_t module;
    uint8_t way; /* enum wire_calls_way */
    uint8_t is_gone;
};

#define CALLS_ANY_CONTEXT UINT32_MAX
#define CALLS_BOTTOM      UINT64_MAX /* the function of what is at the bottom */

_Static_assert(sizeof(struct calls_open) == sizeof(struct wire_calls_frame),
               "they lie side by side");

/* Open addressing, at most half full. */
struct calls_index {
    uint32_t shift; /* 64 - log2 of the number of places */
    uint32_t n_used;
    struct calls_node *places[];
};

/* In front of each page with open calls. */
struct calls_head {
    /* Of the mapping that the page begins, if it does. */
    struct calls_head *before;
    uint64_t bytes;
    struct calls_open *around; /* the call around the first one of the page */
    struct calls_stack *after; /* the page that goes on; NULL: none yet */
    uintptr_t to_frame;        /* from an open call to its frame in the segment */
    struct wire_calls_chunk *chunk;
    uint32_t depth; /* with the place of a call in the page: how many are open */
    uint32_t reserved32;
    uint64_t reserved;
};

/* What goes with one chunk in the segment: a page, so that all about an open call is known by where
 * it lies. */
struct calls_stack {
    struct calls_head head;
    struct calls_open opens[WIRE_CALLS_FRAMES];
};

enum { CALLS_PAGE = 4096 };

_Static_assert(sizeof(struct calls_stack) == CALLS_PAGE, "a page");

struct calls_thread {
    const uint32_t *enabled; /* in the segment */
    uintptr_t guard;         /* the stack address of the hook that runs; 0: none */
    struct calls_open *top;  /* the innermost open call, or the bottom; NULL: not yet whole, or a
                                fork has wiped this */
    struct calls_index *index;
    struct wire_calls_lane *lane;
    const uint32_t *generation; /* of the modules */
    uint32_t seen_generation;   /* that the index is of */
    int32_t record_tid;         /* 0: of several threads */
    struct wire_calls_probe probes[WIRE_CALLS_WAYS];
    struct calls *calls;
    struct calls_thread *second; /* for handlers that interrupt a hook */
    struct calls_head *mapping;  /* the last one */
    char *free, *free_end;       /* of it */
    int32_t owner;               /* tid; changed by who takes the state over */
    bool is_scratch;
    bool has_no_second; /* nor will have: there was no room */
    struct calls_thread *next;
    uint32_t forks; /* under way in the midst of a hook, one in the handlers of the other */
    struct wire_calls_lane nowhere_lane;
    struct wire_calls_frame nowhere_frame;   /* of the bottom */
    struct calls_node nowhere;               /* of calls that there was no room for */
    struct wire_calls_record nowhere_record; /* likewise */
};

/* The first page of a state. The last place of an open call in it is the bottom of the shadow
 * stack: who calls without being counted. */
struct calls_first_page {
    struct calls_head head;
    struct calls_thread thread;
};

extern __thread struct calls_thread *calls_thread_own __attribute__((visibility("hidden")));

/* The calling thread's state, made now; NULL: no calls, or no room for it, which it is not asked
 * again. Keeps errno. Context: any thread, async-signal-safe. */
struct calls_thread *calls_thread_claim(void);

/* There was no room for the calling thread. */
extern __thread bool calls_thread_is_refused __attribute__((visibility("hidden")));

/* The state for handlers that interrupt a hook which uses `thread`; NULL: no memory. Keeps errno.
 * Context: the thread, async-signal-safe. */
struct calls_thread *calls_thread_second(struct calls_thread *thread);

/* A state that belongs to no segment and counts nowhere, for measuring: `enabled` is that of its
 * own. NULL: no memory. Context: any thread. */
struct calls_thread *calls_thread_new_scratch(const uint32_t *enabled);

/* Takes it back. Context: as calls_thread_new_scratch(). */
void calls_thread_free_scratch(struct calls_thread *thread);

/* So many bytes of zeroes, for as long as the state lasts; NULL: no memory. Keeps errno. Context:
 * the thread. */
void *calls_thread_take(struct calls_thread *thread, uint64_t bytes);

/* Calls `visit` for all memory of a state, which is that of `thread` itself last. Context: the
 * thread. */
void calls_thread_each(struct calls_thread *thread, void (*visit)(void *part, size_t bytes));

/* Adds a page behind that of `thread->top`; false: no room. Keeps errno. Context: the thread,
 * within a hook. */
bool calls_thread_add_page(struct calls_thread *thread);

/* Makes it known when threads end. Context: constructor. */
void calls_threads_resolve(void);

/* The page of an open call. Context: any. */
static inline struct calls_head *calls_head_of(const void *open)
{
    return (struct calls_head *)((uintptr_t)open & -(uintptr_t)CALLS_PAGE);
}

/* Its frame in the segment. Context: the thread. */
static inline struct wire_calls_frame *calls_frame_of(const struct calls_open *open)
{
    return (struct wire_calls_frame *)((uintptr_t)open + calls_head_of(open)->to_frame);
}

/* How many calls are open when it is the innermost. Context: the thread. */
static inline uint32_t calls_depth_of(const struct calls_open *open)
{
    uintptr_t place = ((uintptr_t)open & (CALLS_PAGE - 1)) / sizeof *open;
    return calls_head_of(open)->depth + (uint32_t)place;
}

/* The call around an open one, or the bottom; not that of the bottom. Context: the thread. */
static inline struct calls_open *calls_around(struct calls_open *open)
{
    struct calls_head *head = calls_head_of(open);
    return __builtin_expect((void *)head == (void *)(open - 1), 0) ? head->around : open - 1;
}

/* Where the next call goes; NULL: there is no page for it yet. Context: the thread. */
static inline struct calls_open *calls_next_place(struct calls_open *open)
{
    struct calls_open *next = open + 1;
    if (__builtin_expect((uintptr_t)next % CALLS_PAGE != 0, 1))
        return next;
    struct calls_stack *after = calls_head_of(open)->after;
    return after ? &after->opens[0] : NULL;
}

/* Whether nothing is open. Context: the thread. */
static inline bool calls_is_bottom(const struct calls_open *open)
{
    return open->sp == UINTPTR_MAX;
}

/*
 * Whether what `first` of a node says is so: there is an open call of the function, the outermost.
 * It may be out of date when a handler has left a hook for good. Then there is none at its place:
 *   - beyond the innermost open call no place has a function: a call gets it after `top` has moved
 *     on to it, and loses it before `top` moves back
 *   - so when the function is entered the next time, the place has another function or none, and
 *     `first` is set anew, be it to the same place
 *   - and as long as that call is open its place says so, and `first` stays
 */
static inline bool calls_open_is(const struct calls_open *open, uint64_t function)
{
    return open && open->function == function;
}

/* Lets handlers at the state again. Context: the thread. */
static inline void calls_unguard(struct calls_thread *thread)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&thread->guard, 0, __ATOMIC_RELAXED);
}

/* Keeps handlers off the state, `here` being a stack address of the hook. False: one has forked
 * since the state was looked up, and in the child it is wiped. Context: the thread. */
static inline bool calls_guard(struct calls_thread *thread, uintptr_t here)
{
    __atomic_store_n(&thread->guard, here, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (__builtin_expect(thread->top != NULL, 1))
        return true;
    calls_unguard(thread);
    return false;
}

#endif
