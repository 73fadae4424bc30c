/*
 * What touches the segment, and is not a hook: signal handlers are kept off the while, as they are
 * off hooks. One that forks would leave a child which goes on with that and has no segment.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_CALLS_SECTION_H
#define PROFTOP_COLLECTORS_TARGET_CALLS_SECTION_H

#include <stdbool.h>

#include "collectors/target/calls_segment.h"

struct calls_section {
    struct calls *calls;
    struct calls_thread *thread; /* the calling one's; NULL: there is none, handlers are not off */
    bool is_within;              /* a hook or another section, which a handler has interrupted */
};

/*
 * Begins one, with a state made for the thread if it may be. False: nothing is counted, and
 * calls_section_end() is not to be called. Keeps errno.
 * Context: any thread, async-signal-safe.
 */
bool calls_section_begin(struct calls_section *section);

/* Ends it. Context: as calls_section_begin(). */
void calls_section_end(const struct calls_section *section);

#endif
