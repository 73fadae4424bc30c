/*
 * Where processes come in: gives the calls' part of their segments its geometry before they are let
 * on, for the sampling thread to fetch.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_CALLS_TAP_H
#define PROFTOP_COLLECTORS_CALLS_CALLS_TAP_H

#include <glib.h>
#include <pthread.h>
#include <stdbool.h>

#include "collectors/calls/calls_layout.h"
#include "core/session/listener.h"
#include "core/session/tsc.h"

/* A process that has said hello, with a collector that counts calls. */
struct calls_hello {
    struct listener_process *process;  /* a reference */
    struct wire_calls *wire;           /* in its segment */
    const struct calls_layout *layout; /* the tap's */
    uint8_t *part;   /* where the calls' part begins; the layout's offsets count from here */
    GArray *maps;    /* of proc_maps_list(), at this moment */
    bool is_waiting; /* for wire->go, before it begins */
};

struct calls_tap {
    struct listener *listener;
    struct calls_layout layout;
    struct tsc_moment start;
    enum wire_calls_clock clock;
    int only_pid;         /* 0: all */
    int wake_fd;          /* an eventfd: written when a process waits */
    pthread_mutex_t lock; /* guards all below */
    bool is_on;           /* what new processes are given */
    bool is_to_wait;      /* likewise: not to begin before their code is changed */
    GPtrArray *hellos;    /* struct calls_hello, oldest first */
};

/* Begins to listen; processes do not count at first. Context of this and what follows: sampling
 * thread, or any before it runs. */
void calls_tap_init(struct calls_tap *tap, struct listener *listener, int only_pid, int wake_fd);

/* Lets processes in without calls from now on, and frees what was not fetched. */
void calls_tap_clear(struct calls_tap *tap);

/* What new processes are given: whether they count, and whether they wait. */
void calls_tap_set(struct calls_tap *tap, bool is_on, bool is_to_wait);

/* Those that came in since the last call (struct calls_hello); free with g_ptr_array_unref. */
GPtrArray *calls_tap_fetch(struct calls_tap *tap);

/* Frees a hello; NULL is allowed. */
void calls_hello_free(struct calls_hello *hello);

#endif
