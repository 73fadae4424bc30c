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
 * of core dumps and of forked children; it is never unmapped. What the heap needs, from heap_offset
 * on, is not mapped. NULL when anything is not as it must be, at the latest after 0.6 s (0.2 s for
 * each of connecting, sending, receiving; at once when proftop is stopped). May change errno.
 *
 * @flags             enum wire_hello_flag
 * @ret_mapped_bytes  of the segment: less than it has when there is no memory for all
 * @ret_fd            the segment's descriptor, for handshake_close(); without a segment there is
 *                    none
 * Context: constructor or fork handler; async-signal-safe (raw system calls: no cancellation point,
 * no heap).
 */
struct wire_segment *handshake(const char *path, const uint8_t *token, uint32_t flags,
                               size_t *ret_mapped_bytes, int *ret_fd);

/* Closes what handshake() has left open. Context: as handshake(). */
void handshake_close(int fd);

#endif
