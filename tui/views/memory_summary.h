/*
 * What stands above the Memory table: how the heap is measured, its totals, what the resident
 * memory consists of, and the heap over time.
 *
 * Context of all: UI thread with the profile's lock.
 */
#ifndef PROFTOP_TUI_VIEWS_MEMORY_SUMMARY_H
#define PROFTOP_TUI_VIEWS_MEMORY_SUMMARY_H

#include "tui/views/lens.h"
#include "tui/views/view.h"

/* Parts of the resident memory, in the order in which they are shown. */
enum memory_part {
    MEMORY_HEAP,  /* blocks in use */
    MEMORY_SLACK, /* the allocator's, but of no block: free lists, rounding, bookkeeping */
    MEMORY_MMAP,
    MEMORY_STACKS,
    MEMORY_FILES,
    MEMORY_SHARED,
    MEMORY_PROFTOP,
    MEMORY_UNEXPLAINED,
    MEMORY_PARTS,
};

struct memory_waterfall {
    int64_t rss_bytes; /* 0: not known */
    int64_t parts[MEMORY_PARTS];
    int64_t untouched_bytes; /* of live blocks: not resident */
    bool heap_is_known;      /* else parts[MEMORY_SLACK] is all of the allocator's */
};

/* Splits the resident memory. Of the heap only what can be resident counts. */
void memory_waterfall(const struct lens *lens, struct memory_waterfall *ret_parts);

/* Draws what there is room for; returns the rows it took, which leave `least` to the others.
 * `some_exact` as heap_has_exact_sites() says it of what is in sight. */
int memory_summary_draw(const struct lens *lens, const struct canvas *canvas, int least,
                        bool some_exact);

#endif
