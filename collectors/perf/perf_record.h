/*
 * Decoding of perf_event records, for the one layout that perf_clock_attr asks for.
 *
 * Context of all: one thread at a time (the sampling thread, once it runs).
 */
#ifndef PROFTOP_COLLECTORS_PERF_PERF_RECORD_H
#define PROFTOP_COLLECTORS_PERF_PERF_RECORD_H

#include <linux/perf_event.h>

#include "core/session/ingest.h"

/* What follows the header of a sample, in this order; see perf_event_open(2). */
enum {
    PERF_SAMPLE_LAYOUT = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ID |
                         PERF_SAMPLE_CPU | PERF_SAMPLE_CALLCHAIN | PERF_SAMPLE_REGS_USER |
                         PERF_SAMPLE_STACK_USER,
};

/* User registers that the unwinder needs: the sixteen general ones and the instruction pointer. */
extern const uint64_t perf_user_registers;

struct perf_sample {
    uint64_t event_id;           /* of the event that was opened, whichever child of it sampled */
    uint64_t count_ns;           /* the counter's value in this thread; 0 when not recorded */
    struct ingest_sample sample; /* weight_ns not yet filled in; points into the record */
};

/* Time of any record (CLOCK_MONOTONIC); they all end with the same identification. */
int64_t perf_record_time(const struct perf_event_header *record);

/* Which event wrote a record that is no sample, and in which thread. */
struct perf_origin {
    int tid;
    uint64_t event_id; /* of the event that was opened */
};

/* Reads that of any record but a sample. */
struct perf_origin perf_record_origin(const struct perf_event_header *record);

/*
 * Takes a PERF_RECORD_SAMPLE apart. `with_count`: the event was opened with PERF_SAMPLE_READ.
 * false: it is not as long as it claims to be.
 */
bool perf_record_sample(const struct perf_event_header *record, bool with_count,
                        struct perf_sample *ret);

/* What PERF_RECORD_FORK and PERF_RECORD_EXIT say. */
struct perf_task_record {
    int pid, parent_pid;
    int tid, parent_tid;
};

/* Takes one of those two apart. false: too short. */
bool perf_record_task(const struct perf_event_header *record, struct perf_task_record *ret);

/* Hands any other record to the ingest. */
void perf_record_ingest(const struct perf_event_header *record, struct ingest *ingest);

#endif
