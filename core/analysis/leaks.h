/*
 * Leaks: blocks that a process had not freed when it ended.
 *
 * Nobody looks whether a pointer to a block still exists, so memory that the program could reach to
 * its end counts as well: "not freed" is what can be said. Blocks of processes that still run are
 * live, no leaks.
 *
 * Context of all: holder of the profile's lock.
 */
#ifndef PROFTOP_CORE_ANALYSIS_LEAKS_H
#define PROFTOP_CORE_ANALYSIS_LEAKS_H

#include "core/analysis/leak_rules.h"
#include "core/model/profile.h"

struct leaks_query {
    const struct leak_rules *rules; /* NULL: none */
    bool by_stack;                  /* each call stack apart; else by function and line */
    bool only_process;              /* only what `process` allocated; else all */
    uint32_t process;
};

struct leak {
    uint32_t function, line; /* that allocated; line 0 unknown */
    uint32_t n_stacks;       /* sites in it */
    uint32_t site;           /* the one with most live bytes: index into heap->sites */
    struct heap_site sum;    /* HEAP_LIVE_BLOCKS and HEAP_LIVE_BYTES were not freed */
};

/* What one rule kept out of the leaks. */
struct leak_suppressed {
    unsigned rule; /* number in query->rules */
    int64_t blocks, bytes;
};

struct leaks {
    GArray *rows;                                /* struct leak, most bytes first */
    GArray *suppressed;                          /* struct leak_suppressed, most bytes first */
    int64_t blocks, bytes;                       /* of all rows */
    int64_t suppressed_blocks, suppressed_bytes; /* of all rules */
    unsigned n_processes;                        /* that were looked at: measured, and ended */
    unsigned n_unmeasured; /* processes whose heap was not seen: nothing can be said of them */
    bool is_estimate;      /* some of it was sampled */
};

/* What was not freed. Free with leaks_free(). Never NULL. */
struct leaks *leaks_find(const struct profile *profile, const struct leaks_query *query);

/* NULL is allowed. */
void leaks_free(struct leaks *leaks);

#endif
