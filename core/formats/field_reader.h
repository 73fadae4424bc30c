/*
 * The outermost fields of a protocol buffer, one after the other, from a stream: a message of any
 * length is read in the memory of its largest field.
 *
 * Context: one thread at a time.
 */
#ifndef PROFTOP_CORE_FORMATS_FIELD_READER_H
#define PROFTOP_CORE_FORMATS_FIELD_READER_H

#include "core/formats/unpacked.h"

enum { FIELD_BYTES_MAX = 16 << 20 };

enum field_wire {
    FIELD_VARINT = 0,
    FIELD_FIXED64 = 1,
    FIELD_BYTES = 2,
    FIELD_FIXED32 = 5,
};

/* One field. Its bytes hold until the next call. */
struct field {
    uint32_t number;
    enum field_wire wire;
    uint64_t offset;      /* of its tag, in the unpacked data */
    const uint8_t *bytes; /* the content of FIELD_BYTES */
    size_t size;
    const uint8_t *whole; /* tag and content: a message of its own */
    size_t whole_size;
};

enum field_status {
    FIELD_ERROR = -1,
    FIELD_END,
    FIELD_READ,
};

struct field_reader;

/* Reads from the start of `input`, which is borrowed. Context: one thread. */
struct field_reader *field_reader_new(const struct packed_input *input);

/* NULL is allowed. */
void field_reader_free(struct field_reader *reader);

/*
 * Reads the next field. FIELD_ERROR with PROFTOP_ERROR_CORRUPT for what is no field: a varint of
 * more than ten bytes, number 0, groups, a length beyond FIELD_BYTES_MAX or beyond the end; or with
 * an error of unpacked_read.
 */
enum field_status field_reader_next(struct field_reader *reader, struct field *ret_field,
                                    GError **error);

#endif
