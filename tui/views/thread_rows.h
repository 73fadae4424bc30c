/*
 * The rows of the Threads view: processes as a tree, each with its threads when it has more than
 * one.
 */
#ifndef PROFTOP_TUI_VIEWS_THREAD_ROWS_H
#define PROFTOP_TUI_VIEWS_THREAD_ROWS_H

#include "core/model/profile.h"

/* A process, or a thread of the process above. The numbers are copies, so that a frozen display
 * stays as it is. */
struct thread_row {
    uint32_t process, thread; /* thread PROFILE_NONE: the process */
    int depth;
    bool last;       /* of its siblings */
    uint32_t trunks; /* bit d: its ancestor at depth d has siblings further down */
    bool ended;
    int64_t samples, value;
    float cpu;  /* per cent now; < 0 unknown */
    char state; /* of a thread that lives: as in /proc/PID/stat; 0 unknown */
};

/*
 * Fills `rows` (struct thread_row, emptied first) in the order of the tree.
 *
 * @by_time  siblings with the most time (a process's with its descendants') first; else the oldest
 * first
 * @cpu      float by thread: per cent of a core now, < 0 unknown; may be shorter than there are
 * threads Context: holder of the profile's lock.
 */
void thread_rows_fill(const struct profile *profile, bool by_time, const GArray *cpu, GArray *rows);

#endif
