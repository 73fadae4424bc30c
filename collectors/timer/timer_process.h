/*
 * One followed process: its segment if it has one, its accounts and its address map.
 *
 * Context: sampling thread.
 */
#ifndef PROFTOP_COLLECTORS_TIMER_TIMER_PROCESS_H
#define PROFTOP_COLLECTORS_TIMER_TIMER_PROCESS_H

#include "collectors/timer/timer_books.h"
#include "collectors/timer/timer_maps.h"
#include "collectors/timer/timer_tap.h"
#include "collectors/timer/timer_tids.h"
#include "core/session/ingest.h"

/* Time that may be spent on reading maps: a small share of the time that passes. */
struct timer_budget {
    int64_t left_ns;
    int64_t filled_ns; /* when it was topped up last; 0: never */
};

/* What the sampling thread carries through one drain. */
struct timer_context {
    struct ingest *ingest;
    struct timer_budget *budget;
    int64_t now_ns;   /* CLOCK_MONOTONIC */
    int64_t *last_ns; /* time of the latest sample of all */
};

struct timer_process {
    int pid;
    struct timer_hello *hello;                   /* of its image or fork; NULL: without collector */
    struct timer_slots slots;                    /* none without a sampler */
    uint64_t dropped;                            /* as the sampler last said */
    int64_t n_unsampled[WIRE_UNSAMPLED_REASONS]; /* threads of earlier images */

    struct timer_books books;
    struct timer_tids tids;
    int64_t clock_ns;      /* as last read */
    int64_t clock_read_ns; /* when that was */
    int64_t
        clock_next_ns; /* when it may be read again: it takes long when there are many threads */
    int64_t paused_ns; /* the clock when sampling was switched off; -1: it is on */
    bool is_gone;      /* seen to have ended; it has had its last samples at the next drain */
    bool had_threads;  /* more than one, at some time */

    struct timer_maps maps;
    int64_t maps_wait_ns, maps_next_ns; /* after a reading that told nothing new */
};

/* A process whose clock stands at `clock_ns`, which does not count. */
struct timer_process *timer_process_new(int pid, int64_t clock_ns);

/* Frees it; the profile is not told. */
void timer_process_free(struct timer_process *process);

/*
 * Its collector said hello: an image begins, or it is a fork of `parent` (NULL unknown). Takes the
 * hello over. What was sampled before must have been fed.
 */
void timer_process_begin(struct timer_process *process, struct timer_hello *hello,
                         const struct timer_process *parent, const struct timer_context *context);

/* Notes what its clock showed, if that is later than what is known. */
void timer_process_set_clock(struct timer_process *process, int64_t clock_ns);

/* Reads its clock, unless that is too costly yet; false when it has ended: then what is in its
 * slots is the last of it. */
bool timer_process_read_clock(struct timer_process *process);

/* Appends its samples (struct timer_sample) and counts what was dropped. */
void timer_process_take(struct timer_process *process, bool all, GPtrArray *samples,
                        const struct timer_context *context);

/*
 * Looks at its threads: which began and ended, their names, and what they used without being
 * sampled. Notes when it has ended.
 */
void timer_process_round(struct timer_process *process, const struct timer_context *context);

/* The measurement ends while it runs: all that it used is handed out. */
void timer_process_settle(struct timer_process *process, const struct timer_context *context);

/* It has ended. */
void timer_process_end(struct timer_process *process, const struct timer_context *context);

/* Sampling is switched off or on; what it uses meanwhile does not count. */
void timer_process_set_enabled(struct timer_process *process, bool is_enabled);

/* Another period for all its threads. */
void timer_process_set_period(struct timer_process *process, uint64_t period_ns);

/* Adds the numbers of threads that were not sampled, by enum wire_unsampled. */
void timer_process_count_unsampled(const struct timer_process *process,
                                   int64_t counts[WIRE_UNSAMPLED_REASONS]);

#endif
