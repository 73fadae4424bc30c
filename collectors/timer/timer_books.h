/*
 * The accounts of one process: of the CPU time that the kernel has counted, what has been handed
 * out, to samples or as not sampled, so that nothing is counted twice and nothing is missing in the
 * end.
 *
 * Two counts are kept: each thread's, which says whose time has no samples, and the process's by
 * its CPU clock, which is the limit of all that is handed out, whatever the process claims, and
 * holds what threads used that have ended.
 *
 * Pure arithmetic: the caller reads the clocks. Context: one thread at a time.
 */
#ifndef PROFTOP_COLLECTORS_TIMER_TIMER_BOOKS_H
#define PROFTOP_COLLECTORS_TIMER_TIMER_BOOKS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    /* Time without samples below this is no news yet: a thread has used up to a few ticks of the
     * kernel since its last sample. */
    TIMER_BOOKS_NEWS_NS = 20 * 1000 * 1000,
};

struct timer_thread {
    int tid;
    uint32_t serial;      /* of its samples; 0: none yet */
    int64_t base_ns;      /* what it had used when its timer was armed */
    int64_t accounted_ns; /* of all it has used: handed out */
    int64_t used_ns;      /* by the kernel, at the last round */
    bool is_told;         /* the profile knows it */
    bool is_named;        /* likewise its name, if it has one */
    bool was_sampled;     /* since the last round */
    uint32_t rounds_gone; /* for how many it has not existed */
};

struct timer_books {
    GHashTable *threads;  /* tid -> struct timer_thread */
    int64_t clock_ns;     /* the process's CPU time as last read, less what is left out */
    int64_t left_out_ns;  /* of the clock: before sampling began, and while it was off */
    int64_t accounted_ns; /* handed out */
    int64_t credit_ns; /* what samples may have beyond the clock, when it was last read too early */
    int64_t rest_ns;   /* of threads that have ended, at the last round */
};

/* Books of a process whose clock stands at `clock_ns`: what it has used so far does not count. */
void timer_books_init(struct timer_books *books, int64_t clock_ns);

/* Frees what it holds. */
void timer_books_clear(struct timer_books *books);

/* The thread of that number, or NULL. Valid until it is removed. */
struct timer_thread *timer_books_find(const struct timer_books *books, int tid);

/* The thread of that number; made when there is none. */
struct timer_thread *timer_books_get(struct timer_books *books, int tid);

/* Notes a reading of the process's clock; it never goes back. */
void timer_books_set_clock(struct timer_books *books, int64_t clock_ns);

/* What the clock has counted from one reading to the other, while sampling was off, is left out. */
void timer_books_leave_out(struct timer_books *books, int64_t since_ns, int64_t until_ns);

/*
 * A thread's timer was sampled at `cpu_ns` since it was armed. Returns the time that this sample
 * stands for, and notes it as handed out: what the thread has used beyond what was handed out
 * before, but no more than the process's clock has left.
 */
int64_t timer_books_sample(struct timer_books *books, struct timer_thread *thread, int64_t cpu_ns);

/*
 * The kernel says that the thread has used `used_ns` so far. Returns how much of it, with all that
 * it used before the last such reading, has waited for a sample long enough to be called not
 * sampled, and notes that as handed out; 0: nothing.
 * @all  the end: all of it
 */
int64_t timer_books_thread_rest(struct timer_books *books, struct timer_thread *thread,
                                int64_t used_ns, bool all);

/*
 * Likewise, after all threads that exist were asked, what is left to those that have ended.
 */
int64_t timer_books_ended_rest(struct timer_books *books, bool all);

/* Whether threads need to be asked: so much is not handed out that it may be news. */
bool timer_books_has_news(const struct timer_books *books);

#endif
