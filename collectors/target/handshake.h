/*
 * The hello to proftop: from a path and a token to a mapped segment.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_HANDSHAKE_H
#define PROFTOP_COLLECTORS_TARGET_HANDSHAKE_H

#include <stddef.h>
#include <stdint.h>

#include "core/wire/wire.h"

/*
 * Says hello on the socket `path` and returns the segment that comes back, mapped shared, left out
 * of core dumps and of forked children; it is never unmapped. NULL when anything is not as it must
 * be, at the latest after 0.6 s (0.2 s for each of connecting, sending, receiving; at once when
 * proftop is stopped). All descriptors are closed on return; may change errno.
 *
 * @flags             enum wire_hello_flag
 * @ret_mapped_bytes  of the segment: less than it has when there is no memory for all
 * Context: constructor or fork handler; async-signal-safe (raw system calls: no cancellation point,
 * no heap).
 */
struct wire_segment *handshake(const char *path, const uint8_t *token, uint32_t flags,
                               size_t *ret_mapped_bytes);

#endif
