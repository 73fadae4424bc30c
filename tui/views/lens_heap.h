/*
 * What of the heap the views look at: which processes, values in words, why there is nothing.
 *
 * The heap knows no threads and no windows of time: with a thread chosen it is its process's, and
 * always of the whole run.
 *
 * Everything here needs the holder of the profile's lock. Context: UI thread.
 */
#ifndef PROFTOP_TUI_VIEWS_LENS_HEAP_H
#define PROFTOP_TUI_VIEWS_LENS_HEAP_H

#include "tui/views/lens.h"

/* How often sites are looked through while they change: there may be 100,000. */
#define LENS_HEAP_INTERVAL_NS INT64_C(500000000)

/* The process in sight, PROFILE_NONE for all. Context: UI thread with the lock. */
uint32_t lens_heap_process(const struct lens *lens);

/* Whether anything in sight was measured. Context: UI thread with the lock. */
bool lens_heap_is_measured(const struct lens *lens);

/* Appends why the heap is not measured, one sentence. Context: UI thread with the lock. */
void lens_append_why_no_heap(const struct lens *lens, GString *out);

/* The same as a message: "the heap is not measured: ...". Free with g_free. Context: UI thread with
 * the lock. */
char *lens_no_heap(const struct lens *lens);

/* Appends what a site or a row of them says; "~" stands before an estimate. Context: any thread. */
void lens_append_site_value(GString *out, const struct heap_site *site, enum heap_column column);

/* Bytes allocated by each function itself, in the whole run: int64_t by function id, shorter where
 * the rest has none; NULL when nothing was measured. At most some 500 ms old. Context: UI thread
 * with the lock. */
const GArray *lens_allocated(struct lens *lens);

#endif
