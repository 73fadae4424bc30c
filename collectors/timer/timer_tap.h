/*
 * Where processes come in: fills the sampler's part of their segments before they are let on, and
 * notes what can only be read at that moment, for the sampling thread to fetch.
 */
#ifndef PROFTOP_COLLECTORS_TIMER_TIMER_TAP_H
#define PROFTOP_COLLECTORS_TIMER_TIMER_TAP_H

#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/session/listener.h"

/* A process that has said hello, as it stood then: at the start of its image or in a forked child.
 */
struct timer_hello {
    struct listener_process *process; /* a reference */
    struct wire_sampler *sampler;     /* in its segment; NULL: its collector cannot sample */
    uint8_t *slots; /* likewise; what proftop goes by, whatever the segment says */
    uint32_t n_slots;
    int inner_pid;    /* as it knows itself; 0 unknown */
    int parent_pid;   /* 0 unknown */
    int64_t clock_ns; /* CPU time of the process, earlier images included; -1 */
    int64_t cpu_ns;   /* of its first thread; -1 */
    char *name;       /* of its first thread, NULL unknown */
    GArray *ranges;   /* of timer_maps_read; NULL: not read, or a fork, which has its parent's */
};

struct timer_tap {
    struct listener *listener;
    uint32_t n_slots;
    int only_pid;         /* 0: all */
    pthread_mutex_t lock; /* guards all below */
    uint64_t period_ns;   /* what new segments are given */
    bool is_enabled;
    GPtrArray *hellos; /* struct timer_hello, oldest first */
};

/*
 * Listens for processes, `only_pid` (0: all of them); each thread is sampled once in `period_ns`.
 * Context of this and what follows: sampling thread, or any before it runs.
 */
void timer_tap_init(struct timer_tap *tap, struct listener *listener, int only_pid,
                    uint64_t period_ns);

/* Lets processes in without a sampler from now on, and frees what was not fetched. */
void timer_tap_clear(struct timer_tap *tap);

/* What new processes are given. */
void timer_tap_set(struct timer_tap *tap, uint64_t period_ns, bool is_enabled);

/* Those that came in since the last call (struct timer_hello); free with g_ptr_array_unref. */
GPtrArray *timer_tap_fetch(struct timer_tap *tap);

/* Frees a hello; NULL is allowed. */
void timer_hello_free(struct timer_hello *hello);

#endif
