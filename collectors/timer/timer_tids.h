/*
 * Thread ids as proftop sees them. A process in a pid namespace of its own, as in a container,
 * knows its threads by other numbers, and samples carry those.
 *
 * Context: one thread at a time, but for timer_tids_inner().
 */
#ifndef PROFTOP_COLLECTORS_TIMER_TIMER_TIDS_H
#define PROFTOP_COLLECTORS_TIMER_TIMER_TIDS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct timer_tids {
    int pid;
    bool is_inner;         /* the process has numbers of its own */
    GHashTable *by_serial; /* of samples -> tid */
    GHashTable *by_inner;  /* the process's number -> tid, as last listed */
};

/* The number by which a thread knows itself; 0: it is gone, or the kernel does not tell. Context:
 * any thread. */
int timer_tids_inner(int pid, int tid);

/* Of a process that knows itself by `inner_pid` (0: not known). */
void timer_tids_init(struct timer_tids *tids, int pid, int inner_pid);

/* Frees what it holds. */
void timer_tids_clear(struct timer_tids *tids);

/* The thread of a sample that carries the number `inner` and that serial; 0: not known. */
int timer_tids_find(struct timer_tids *tids, int inner, uint32_t serial);

/* Lists the threads, which takes a read of a file for each, and looks again. */
int timer_tids_look(struct timer_tids *tids, int inner, uint32_t serial);

#endif
