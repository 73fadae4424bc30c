/*
 * The exact calls of a profile: how often each function was called from where, and how long that
 * took on the clock.
 *
 * A record is one call path in one thread, with all calls of the function at its leaf. Paths hold
 * counted functions only: what is not counted does not appear between them. Recursion is folded: a
 * call of a function that the thread is in already has a record of its own, a recursive one, and
 * what such a call calls stands under the outermost call of the function. So a function stands
 * twice in a path only when it is the leaf.
 *
 * Times are wall-clock time, waiting included, less what the probes take themselves.
 *
 * Context of all: as of core/model/profile.h.
 */
#ifndef PROFTOP_CORE_MODEL_CALLS_H
#define PROFTOP_CORE_MODEL_CALLS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum { CALLS_BUCKETS = 40 }; /* see calls_bucket_bound_ns() */

/* What is known about a number of calls. All sums stop at the largest number. */
struct call_stats {
    int64_t calls; /* all, those that have not ended included */
    int64_t open;  /* of these, have not ended: total and self have their time so far, and all below
                      is of ended calls only */
    int64_t total_ns; /* time during which at least one of them was going on: recursion counts
                         once. In one thread: of several threads added up */
    int64_t self_ns;  /* of that, not in counted functions that they called */
    int64_t sum_ns;   /* of the durations of the ended calls, recursive ones within others too */
    int64_t cost_ns;  /* time of probes, which has been taken off all of the above */
    int64_t min_ns, max_ns;         /* 0 when none has ended */
    int64_t buckets[CALLS_BUCKETS]; /* ended calls by duration */
};

struct call_record {
    uint32_t stack;    /* of the profile, leaf first; the leaf is the function that was called */
    uint32_t thread;   /* of the profile */
    bool is_recursive; /* the thread was in the leaf's function already when it was called: its
                          total is 0, as that of the call around it has it */
    struct call_stats stats;
};

/* What paths can be weighed by. */
enum call_weight {
    CALL_WEIGHT_CALLS, /* calls of the leaf */
    CALL_WEIGHT_TIME,  /* self time: with all that was called from there it is the total */
    CALL_WEIGHTS,
};

/* How that is called in snapshots and on the command line, and what it is in. */
struct call_weight_info {
    const char *type;  /* pprof's sample type, and what --metric takes: "call_time" */
    const char *unit;  /* as in pprof: "nanoseconds" */
    const char *words; /* "call time": what a number of it is, for titles */
};

extern const struct call_weight_info call_weights[CALL_WEIGHTS];

/* The weight of that type, or CALL_WEIGHTS. Context: any thread. */
enum call_weight call_weight_find(const char *type);

/* The calls of one process. */
struct calls_process {
    uint32_t process;       /* of the profile */
    const char *trouble;    /* why not all is counted; "" */
    int64_t implicit_exits; /* calls left without an exit: longjmp, exceptions, end of the thread */
    int64_t orphan_exits;   /* exits of what was not entered; ignored */
    int64_t missed;         /* calls that were not counted */
    int64_t untimed;        /* calls that were counted without time */
    double pair_ns;         /* what a probe takes; 0 unknown */
};

/* What can go wrong with calls: a number of struct calls_process, and words for it. */
struct calls_loss_info {
    size_t field;      /* offset of the number, an int64_t */
    const char *thing; /* "call": what is counted, one of it */
    const char *what;  /* "not counted": what has become of it */
};

enum { CALLS_LOSSES = 4 };

extern const struct calls_loss_info calls_losses[CALLS_LOSSES];

/* A moment that the program has marked by itself. */
struct calls_mark {
    int64_t time_ns; /* since the start of the run */
    uint32_t thread; /* of the profile */
    const char *text;
};

/* What a program counts by itself. */
struct calls_counter {
    uint32_t process; /* of the profile */
    const char *name;
    int64_t value, min, max, updates;
};

struct calls {
    GArray *records;     /* struct call_record */
    GArray *processes;   /* struct calls_process */
    GArray *marks;       /* struct calls_mark, oldest first, at most CALLS_MARKS_MAX */
    GArray *counters;    /* struct calls_counter */
    GHashTable *counted; /* set of functions (ids) that are counted because somebody asked for them
                            by name or key */
    int64_t probes_ns;   /* CPU time that the probes took: calls times what a probe was measured to
                            take, so about */
    uint64_t generation; /* grows with each change of a record */
    const char *why_not; /* why there are no exact calls at all; "" when there may be some */
    /* Private. */
    GHashTable *index; /* of records by (stack, thread, is_recursive) */
    GHashTable *process_index, *counter_index;
};

enum { CALLS_MARKS_MAX = 4096, CALLS_RECORDS_MAX = 1000000 };

/* Empty; part of each profile (profile->calls). */
struct calls *calls_new(void);

/* NULL is allowed. */
void calls_free(struct calls *calls);

/* Whether there is any record. */
bool calls_are_measured(const struct calls *calls);

/* All calls that were counted, recursive ones too. Context: as the file's. */
int64_t calls_count(const struct calls *calls);

/* The record of that path in that thread, its recursive calls apart; made on demand, all zero at
 * first. Valid until the next one is made. The caller changes it and then calls calls_touch().
 * NULL: CALLS_RECORDS_MAX are there. */
struct call_record *calls_record_get(struct calls *calls, uint32_t stack, uint32_t thread,
                                     bool is_recursive);

/* Says that records have changed. */
void calls_touch(struct calls *calls);

/* That of a process, made on demand, all zero and "" at first. Valid until the next is made. */
struct calls_process *calls_process_get(struct calls *calls, uint32_t process);

/* The counter of that name (interned by profile_text()) of a process, made on demand. Valid until
 * the next is made. */
struct calls_counter *calls_counter_get(struct calls *calls, uint32_t process, const char *name);

/* The number of a loss (calls_losses) of a process. Context: any thread. */
int64_t calls_loss(const struct calls_process *process, unsigned loss);

/* Adds a mark, whose text stays the caller's (profile_text()), to those that are not later. false:
 * CALLS_MARKS_MAX are there, and nothing was done. */
bool calls_mark_add(struct calls *calls, const struct calls_mark *mark);

/* What durations in a bucket are below: 2^0, 2^1, ... ns; -1: the last has no bound. Context: any
 * thread. */
int64_t calls_bucket_bound_ns(unsigned bucket);

/* The bucket of a duration. Context: any thread. */
unsigned calls_bucket(int64_t duration_ns);

/* Adds up: counts, times and buckets are added, min and max widen. Context: any thread. */
void call_stats_add(struct call_stats *sum, const struct call_stats *more);

/* Mean duration of the ended calls; -1 when none has ended. Context: any thread. */
double call_stats_average_ns(const struct call_stats *stats);

/*
 * The duration below which a share of the ended calls lies; -1 when none has ended. An estimate
 * from the buckets, between which it runs evenly, never outside [min, max]: good to a few per cent
 * where durations are spread, to a few tens of per cent where they crowd in a part of a bucket, and
 * never off by more than a factor of two. Context: any thread.
 *
 * @share  0.5: the median; 0.99
 */
double call_stats_percentile_ns(const struct call_stats *stats, double share);

/*
 * Whether the times are doubtful: what the probes took and was taken off is more than 10 % of what
 * is left. Context: any thread.
 */
bool call_stats_is_doubtful(const struct call_stats *stats);

#endif
