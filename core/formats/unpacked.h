/*
 * The content of a file that may be gzipped, unpacked as it is read: bounded and never held whole.
 *
 * Context: one thread at a time.
 */
#ifndef PROFTOP_CORE_FORMATS_UNPACKED_H
#define PROFTOP_CORE_FORMATS_UNPACKED_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UNPACKED_RATIO_MAX = 200 };

#define UNPACKED_FREE_BYTES (UINT64_C(1) << 20) /* the ratio counts from there on */
#define UNPACKED_MAX_BYTES  (UINT64_C(1) << 30)

/* Where the bytes come from: memory when `data` is set, else `fd`, a regular file. Both borrowed.
 */
struct packed_input {
    const uint8_t *data;
    uint64_t size;
    int fd;
    const char *name; /* opens every message */
};

struct unpacked;

/* Begins to read from the start. `input` is borrowed. Never NULL. Context: one thread. */
struct unpacked *unpacked_new(const struct packed_input *input);

/* NULL is allowed; the input stays open. */
void unpacked_free(struct unpacked *unpacked);

/* Whether the input is gzipped: else its bytes are taken as they are. */
bool unpacked_is_gzip(const struct unpacked *unpacked);

/*
 * Reads up to `size` bytes; 0 in `*ret_size` means the end. Errors: PROFTOP_ERROR_CORRUPT for a
 * stream that is damaged, cut short, followed by something else, or larger than UNPACKED_MAX_BYTES
 * or UNPACKED_RATIO_MAX times its packed size; PROFTOP_ERROR_FAILED when reading fails.
 */
bool unpacked_read(struct unpacked *unpacked, void *buffer, size_t size, size_t *ret_size,
                   GError **error);

#endif
