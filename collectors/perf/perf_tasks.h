/*
 * The tasks that are sampled, and how far their counters have been accounted for.
 *
 * A sample weighs what its event's counter has advanced since the same event's last sample in the
 * same task: exact, whatever the period was and however late the sample came.
 *
 * Context of all: one thread at a time (the sampling thread, once it runs).
 */
#ifndef PROFTOP_COLLECTORS_PERF_PERF_TASKS_H
#define PROFTOP_COLLECTORS_PERF_PERF_TASKS_H

#include "collectors/perf/perf_events.h"

struct perf_task {
    int64_t opened_ns; /* when it, or the parent it inherits from, got events at a change of rate;
                          0: at launch */
    int events_of;     /* the thread whose events alone count in it: itself, or the one it inherits
                          from; 0: all do */
    GArray *counts;    /* private: an event's last count */
};

struct perf_tasks {
    GHashTable *by_tid; /* tid -> struct perf_task */
};

/* None. */
void perf_tasks_init(struct perf_tasks *tasks);

/* Forgets all. */
void perf_tasks_clear(struct perf_tasks *tasks);

/* The task, made when it is new. */
struct perf_task *perf_tasks_get(struct perf_tasks *tasks, int tid);

/* The task, or NULL. */
struct perf_task *perf_tasks_find(const struct perf_tasks *tasks, int tid);

/* Forgets one; none of that tid is fine. */
void perf_tasks_remove(struct perf_tasks *tasks, int tid);

/*
 * The counter of `event` in this task has reached `count_ns`: returns how much of the task's CPU
 * time that accounts for since it was last asked (the advance, times the clock's part). NULL event:
 * 0.
 */
double perf_task_advance(struct perf_task *task, struct perf_event *event, uint64_t count_ns);

/*
 * Opens own events for a task that runs, and enables them if `enable`. One that has ended is no
 * error. 0, or -errno. What it inherited from a parent does not count any more, once the caller
 * sets events_of.
 */
int perf_tasks_open(struct perf_tasks *tasks, struct perf_events *events, int tid, bool enable);

/*
 * Opens and enables events for every thread of a running process, so that those to come inherit
 * them; again until no thread is left that has neither. 0, or -errno: -ESRCH when it has ended.
 */
int perf_tasks_attach(struct perf_tasks *tasks, struct perf_events *events, int pid);

/*
 * Whether what `event` tells about a task is told by another event as well: the task has events of
 * its own, and inherited these besides, as it was born while they were being opened.
 */
bool perf_task_is_echo(const struct perf_task *task, const struct perf_event *event);

#endif
