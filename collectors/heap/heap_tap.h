/*
 * Where processes come in: gives the heap's part of their segments its geometry before they are let
 * on, and notes what can only be read at that moment, for the sampling thread to fetch.
 */
#ifndef PROFTOP_COLLECTORS_HEAP_HEAP_TAP_H
#define PROFTOP_COLLECTORS_HEAP_HEAP_TAP_H

#include <glib.h>
#include <pthread.h>

#include "collectors/heap/heap_layout.h"
#include "core/session/tsc.h"
#include "core/session/listener.h"

/* A process that has said hello. */
struct heap_hello {
    struct listener_process *process; /* a reference */
    struct wire_heap *heap;           /* in its segment; NULL: its collector records no heap */
    uint8_t *part;                    /* where the heap's part begins; the layout's offsets count
                                         from here */
    GArray *maps;                     /* of proc_maps_list(), at this moment */
};

struct heap_tap {
    struct listener *listener;
    struct heap_layout layout;
    struct tsc_moment start;
    int only_pid;             /* 0: all */
    pthread_mutex_t lock;     /* guards all below */
    double ticks_per_ns;      /* 0: not measured yet */
    enum wire_heap_mode mode; /* what new segments are given */
    uint64_t sample_bytes;    /* likewise */
    GPtrArray *hellos;        /* struct heap_hello, oldest first */
};

/* Begins to listen. Context of this and what follows: sampling thread, or any before it runs. */
void heap_tap_init(struct heap_tap *tap, struct listener *listener, int only_pid);

/* Lets processes in without a heap from now on, and frees what was not fetched. */
void heap_tap_clear(struct heap_tap *tap);

/* What new processes are given: mode off until this is called. `sample_bytes`: the mean distance of
 * samples. */
void heap_tap_set_mode(struct heap_tap *tap, enum wire_heap_mode mode, uint64_t sample_bytes);

/* Ticks in a nanosecond. */
double heap_tap_ticks_per_ns(struct heap_tap *tap);

/* Those that came in since the last call (struct heap_hello); free with g_ptr_array_unref. */
GPtrArray *heap_tap_fetch(struct heap_tap *tap);

/* Frees a hello; NULL is allowed. */
void heap_hello_free(struct heap_hello *hello);

#endif
