/*
 * CPU sampling by timers, the engine for machines where perf_event_open is not allowed: each thread
 * has a timer on its own CPU clock, whose signal makes the thread copy its registers and stack into
 * a slot of the segment (struct wire_sampler). Nothing is unwound and nothing is looked up here.
 *
 *   sampler.c          starts, and holds what the other files share
 *   sampler_signal.c   the signal, its handler, and what becomes of signals that are not ours
 *   sampler_slots.c    slots of the segment
 *   sampler_stack.c    how far a stack reaches, and copying it
 *   sampler_threads.c  the table of threads, and their timers
 *   thread_hooks.c     pthread_create() and thrd_create()
 *   sigstack_hooks.c   alternate signal stacks: ours, and the program's own
 *   handler_hooks.c    the program's handlers that ask for them
 *   handler_frame.c    the stack that they run on
 *   seccomp_hooks.c    how a program forbids itself system calls
 *   seccomp_filter.c   what a filter would say
 *   helper_thread_hooks.c   functions for which libc starts threads
 *   library_hooks.c    dlclose()
 *
 * All of it lies on pages that a fork wipes, so a child has no sampler until it has said hello
 * itself.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_SAMPLER_H
#define PROFTOP_COLLECTORS_TARGET_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/wire/wire.h"

enum sampler_thread_state {
    SAMPLER_THREAD_FREE = 0,
    SAMPLER_THREAD_CLAIMED, /* pthread_create is about to use it */
    SAMPLER_THREAD_RUNS,    /* `tid` is valid */
};

/* A thread. Only the thread itself changes it, its signal handler included; before it runs, the one
 * that creates it. Its address is what its timer sends along. */
struct sampler_thread {
    uint32_t state; /* enum sampler_thread_state */
    int32_t tid;
    uint32_t serial;
    int32_t timer;      /* the kernel's number; -1: none */
    uint32_t unsampled; /* why it is not armed: enum wire_unsampled + 1; 0: not counted */
    uint64_t period_ns;
    uint64_t cpu_ns;
    uint64_t clock_zero_ns; /* of its CPU clock, when cpu_ns was 0; 0: not known */
    uint64_t left_ns;       /* of the period when the timer was stopped; UINT64_MAX: it has fired */
    uintptr_t stack_low;    /* its own stack, as far as that is surely memory; 0, 0: not known */
    uintptr_t stack_top;
    char *sigstack; /* for the next thread with this entry: mapping costs more than all else */
    size_t sigstack_bytes;
    /* what pthread_create was asked for */
    void *start;
    void *argument;
    uintptr_t stack_address; /* 0: libc's choice */
    size_t stack_bytes;
} __attribute__((aligned(128)));

/* Sizes and addresses are copies: proftop may have changed what is in the segment. */
struct sampler {
    uint32_t is_running;
    uint32_t n_threads;
    struct wire_sampler *wire;
    char *slots;
    uint32_t n_slots;
    uint32_t stack_bytes;
    uint32_t hint; /* where to look for a free thread first: the last that ended */
    uint32_t last_serial;
    uint32_t n_timers;
    uint32_t timers_max;
    pid_t pid;
    bool has_tight_memory; /* the address space is limited: take little of it */
    bool was_filtered;     /* there was a seccomp filter before the program began */
    bool has_own_filter;   /* the program has set one, as far as is known */
    bool may_call;         /* there was none, and the program has shown no sign of one */
    bool may_arm;          /* the program has shown no sign of one */
    bool may_delete;       /* its filters, if any, let timers be deleted */
    struct sampler_thread threads[];
};

/*
 * Starts sampling when `segment` has a sampler: takes the signal and arms the calling thread and
 * those that exist already. In a forked child it does so anew. Without memory, or where the signal
 * cannot be had, the reason is counted and nothing else happens. May change errno.
 *
 * @mapped_bytes  of the segment; it may be mapped shorter than it is
 * Context: constructor or fork handler.
 */
void sampler_start(struct wire_segment *segment, size_t mapped_bytes);

/* The sampler of this process; NULL while there is none, as in a child that was not followed.
 * Context: any, async-signal-safe. */
struct sampler *sampler_get(void);

/* As sampler_get(), but not in a vfork child, which borrows its parent's memory. One system call
 * when there is a sampler. Context: any, async-signal-safe. */
struct sampler *sampler_get_own(void);

/* The thread whose timer sent `pointer`; NULL when it is no address of the table. Context: signal
 * handler. */
struct sampler_thread *sampler_thread_at(const void *pointer);

/* Whether the handler may make system calls: neither the program nor proftop has seen a sign of a
 * seccomp filter. Context: any, async-signal-safe. */
bool sampler_may_call(const struct sampler *sampler);

/* Whether threads may be armed and disarmed, which takes system calls: no filter has come since the
 * program began. Context: any, async-signal-safe. */
bool sampler_may_arm(const struct sampler *sampler);

/* Counts a thread that is not sampled. Context: any, async-signal-safe. */
void sampler_count_unsampled(struct sampler *sampler, enum wire_unsampled reason);

#endif
