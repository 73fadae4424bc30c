/*
 * A window over the unpacked bytes that slides from field to field.
 *
 * Only the outermost level is walked here, with exact offsets; what is inside a field goes to
 * protobuf-c, whose memory the caller bounds.
 */
#include "core/formats/field_reader.h"

#include <string.h>

#include "core/base/error.h"

enum { READ_AHEAD = 1 << 18, VARINT_MAX = 10 };

struct field_reader {
    struct unpacked *source;
    const char *name;
    uint8_t *buffer;
    size_t capacity;
    size_t begin, end; /* what is in the buffer and not yet consumed */
    uint64_t offset;   /* of buffer[begin] in the unpacked data */
    bool source_ended;
};

struct field_reader *field_reader_new(const struct packed_input *input)
{
    struct field_reader *r = g_new0(struct field_reader, 1);
    r->source = unpacked_new(input);
    r->name = input->name;
    r->capacity = READ_AHEAD;
    r->buffer = g_malloc(r->capacity);
    return r;
}

void field_reader_free(struct field_reader *r)
{
    if (!r)
        return;
    unpacked_free(r->source);
    g_free(r->buffer);
    g_free(r);
}

static enum field_status corrupt(const struct field_reader *r, const char *what, GError **error)
{
    const char *in = unpacked_is_gzip(r->source) ? " of the unpacked data" : "";
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_CORRUPT,
                "%s: byte %" G_GUINT64_FORMAT "%s: %s: not a pprof profile, or damaged", r->name,
                r->offset, in, what);
    return FIELD_ERROR;
}

static enum field_status truncated(const struct field_reader *r, GError **error)
{
    const char *in = unpacked_is_gzip(r->source) ? " of the unpacked data" : "";
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_CORRUPT,
                "%s: truncated at byte %" G_GUINT64_FORMAT "%s: the recording was cut short; "
                "record it again",
                r->name, r->offset + (r->end - r->begin), in);
    return FIELD_ERROR;
}

/* Makes room for `size` bytes from `begin` on. */
static void reserve(struct field_reader *r, size_t size)
{
    memmove(r->buffer, r->buffer + r->begin, r->end - r->begin);
    r->end -= r->begin;
    r->begin = 0;
    if (size > r->capacity) {
        r->capacity = size + READ_AHEAD;
        r->buffer = g_realloc(r->buffer, r->capacity);
    }
}

/* Reads until `size` bytes are there, or all there are: the caller checks which. */
static bool fill(struct field_reader *r, size_t size, GError **error)
{
    if (r->end - r->begin >= size || r->source_ended)
        return true;
    reserve(r, size);
    while (r->end < size && !r->source_ended) {
        size_t n;
        if (!unpacked_read(r->source, r->buffer + r->end, r->capacity - r->end, &n, error))
            return false;
        r->end += n;
        r->source_ended = n == 0;
    }
    return true;
}

/* Decodes a varint at buffer[begin + *at] and moves *at past it. */
static enum field_status read_varint(struct field_reader *r, size_t *at, uint64_t *ret_value,
                                     GError **error)
{
    uint64_t value = 0;
    if (!fill(r, *at + VARINT_MAX, error))
        return FIELD_ERROR;
    for (int i = 0; i < VARINT_MAX; i++) {
        if (r->begin + *at >= r->end)
            return truncated(r, error);
        uint8_t byte = r->buffer[r->begin + (*at)++];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) {
            *ret_value = value;
            return FIELD_READ;
        }
    }
    return corrupt(r, "a number of more than ten bytes", error);
}

/* Finds how many bytes the content has; `*at` is moved to its start. */
static enum field_status content_size(struct field_reader *r, unsigned wire, size_t *at,
                                      size_t *ret_size, GError **error)
{
    uint64_t value;
    size_t start = *at;
    switch (wire) {
    case FIELD_VARINT:
        if (read_varint(r, at, &value, error) != FIELD_READ)
            return FIELD_ERROR;
        *ret_size = *at - start;
        *at = start;
        return FIELD_READ;
    case FIELD_FIXED64:
        *ret_size = 8;
        return FIELD_READ;
    case FIELD_FIXED32:
        *ret_size = 4;
        return FIELD_READ;
    case FIELD_BYTES:
        if (read_varint(r, at, &value, error) != FIELD_READ)
            return FIELD_ERROR;
        if (value > FIELD_BYTES_MAX)
            return corrupt(r, "a field of more than 16 MiB", error);
        *ret_size = (size_t)value;
        return FIELD_READ;
    default:
        return corrupt(r, "a field of an unknown kind", error);
    }
}

static void consume(struct field_reader *r, size_t size)
{
    r->begin += size;
    r->offset += size;
}

enum field_status field_reader_next(struct field_reader *r, struct field *ret_field, GError **error)
{
    size_t at = 0, size;
    uint64_t tag;
    if (!fill(r, 1, error))
        return FIELD_ERROR;
    if (r->begin == r->end)
        return FIELD_END;
    if (read_varint(r, &at, &tag, error) != FIELD_READ)
        return FIELD_ERROR;
    if (tag >> 3 == 0 || tag >> 3 > (UINT32_C(1) << 29) - 1)
        return corrupt(r, "a field without a valid number", error);
    if (content_size(r, tag & 7, &at, &size, error) != FIELD_READ || !fill(r, at + size, error))
        return FIELD_ERROR;
    if (r->end - r->begin < at + size)
        return truncated(r, error);
    *ret_field = (struct field){
        .number = (uint32_t)(tag >> 3),
        .wire = (enum field_wire)(tag & 7),
        .offset = r->offset,
        .bytes = r->buffer + r->begin + at,
        .size = size,
        .whole = r->buffer + r->begin,
        .whole_size = at + size,
    };
    consume(r, at + size);
    return FIELD_READ;
}
