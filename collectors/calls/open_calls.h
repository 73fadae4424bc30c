/*
 * The calls of a process that have not ended: read from the shadow stacks in its segment while its
 * threads change them. What has been going on for longer than the reading is right; a call that
 * began or ended meanwhile may be missing or be there still.
 *
 * Everything in the segment is hostile. Context: one thread.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_OPEN_CALLS_H
#define PROFTOP_COLLECTORS_CALLS_OPEN_CALLS_H

#include "collectors/calls/calls_tap.h"

/* What is open of one record. */
struct open_call {
    uint32_t record;
    uint32_t calls;
    uint64_t total; /* ticks so far, net */
    uint64_t self;  /* ticks so far, not in calls that they made */
};

/*
 * Empties `calls` (struct open_call) and fills it, one for each record that has open calls, in no
 * order.
 *
 * @now  ticks: when what is open is taken to be, or to have ended
 */
void open_calls_read(const struct calls_hello *hello, uint64_t now, GArray *calls);

/*
 * What the return address at `slot` of a thread's stack may have been when the function there was
 * entered that a sample of some milliseconds ago has seen: the likeliest first, at most n. An open
 * call's may be of a later one already. Calls that have ended are found until others take their
 * place. The number of them; 0: not known.
 */
size_t open_calls_return_addresses(const struct calls_hello *hello, int tid, uint64_t slot,
                                   uint64_t *ret_addresses, size_t n);

#endif
