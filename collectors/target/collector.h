/*
 * The collector's state in this process: one per process, set up by the constructor before main,
 * and by the fork handler in a forked child. Everything here is written at those two moments only
 * and read from everywhere else.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_COLLECTOR_H
#define PROFTOP_COLLECTORS_TARGET_COLLECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/wire/wire.h"

enum { COLLECTOR_PATH_MAX = 1024 };

struct collector {
    struct wire_segment
        *segment;             /* valid only while *alive is not 0: fork takes the mapping away */
    volatile uint32_t *alive; /* on a page of its own that fork wipes; NULL: never connected */
    pid_t pid;                /* of the process that is connected; differs in a vfork child */
    bool has_address;         /* the strings below are filled */
    bool follows_children;
    uint8_t token[WIRE_TOKEN_BYTES];
    char socket[WIRE_SOCKET_PATH_MAX + 1];
    /* What a child's environment needs, ready made: a vfork child cannot build it in shared memory.
     */
    char preload[COLLECTOR_PATH_MAX]; /* this library, as it was loaded */
    char socket_entry[sizeof WIRE_ENV_SOCKET + 1 + WIRE_SOCKET_PATH_MAX];
    char token_entry[sizeof WIRE_ENV_TOKEN + 1 + 2 * WIRE_TOKEN_BYTES];
    char children_entry[sizeof WIRE_ENV_CHILDREN + 2];
    char seccomp_entry[sizeof WIRE_ENV_SECCOMP + 2]; /* "" when it is not to be passed on */
};

/* The one state of this process. Context: any, async-signal-safe. */
const struct collector *collector_get(void);

/*
 * The segment to write to, or NULL: not connected, or in a child made by fork that has not
 * connected itself (then the parent's segment is not mapped any more). Ask afresh each time.
 * Context: any, async-signal-safe.
 */
struct wire_segment *collector_segment(void);

/*
 * Whether this is the connected process itself and not a vfork child that borrows its memory.
 * Context: any, async-signal-safe.
 */
bool collector_is_own_process(void);

#endif
