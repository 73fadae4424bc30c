/*
 * Bounded, streaming gunzip over memory or a file.
 *
 * A bomb is refused while it goes off: after each piece, what came out is held against what went
 * in. Exactly one gzip member is taken, since no writer of profiles makes more and a second one
 * would be a way to hide data.
 */
#include "core/formats/unpacked.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "core/base/error.h"

enum { INPUT_BUFFER = 1 << 16, GZIP_WINDOW = 15 + 16 };

struct unpacked {
    const struct packed_input *input;
    bool is_gzip, ended;
    uint64_t read_from_input; /* handed to the stream or copied; the packed offset */
    uint64_t written;
    z_stream stream;
    uint8_t buffer[INPUT_BUFFER];
};

/* 0 bytes = the end of the input. */
static bool input_read(struct unpacked *u, void *buffer, size_t size, size_t *ret_size,
                       GError **error)
{
    const struct packed_input *input = u->input;
    uint64_t left = input->size - MIN(u->read_from_input, input->size);
    size = (size_t)MIN(size, left);
    if (input->data) {
        memcpy(buffer, input->data + u->read_from_input, size);
    } else if (size > 0) {
        ssize_t n;
        do
            n = pread(input->fd, buffer, size, (off_t)u->read_from_input);
        while (n < 0 && errno == EINTR);
        if (n < 0) {
            g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED, "%s: cannot be read: %s",
                        input->name, g_strerror(errno));
            return false;
        }
        size = (size_t)n;
    }
    u->read_from_input += size;
    *ret_size = size;
    return true;
}

struct unpacked *unpacked_new(const struct packed_input *input)
{
    struct unpacked *u = g_new0(struct unpacked, 1);
    u->input = input;
    size_t n = 0;
    if (input_read(u, u->buffer, 2, &n, NULL) && n == 2)
        u->is_gzip = u->buffer[0] == 0x1f && u->buffer[1] == 0x8b;
    u->read_from_input = 0;
    if (u->is_gzip && inflateInit2(&u->stream, GZIP_WINDOW) != Z_OK)
        g_error("out of memory");
    return u;
}

void unpacked_free(struct unpacked *u)
{
    if (!u)
        return;
    if (u->is_gzip)
        inflateEnd(&u->stream);
    g_free(u);
}

bool unpacked_is_gzip(const struct unpacked *u)
{
    return u->is_gzip;
}

static bool corrupt(const struct unpacked *u, const char *what, GError **error)
{
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_CORRUPT, "%s: %s at byte %" G_GUINT64_FORMAT,
                u->input->name, what, u->read_from_input - u->stream.avail_in);
    return false;
}

static bool refill(struct unpacked *u, GError **error)
{
    size_t n;
    if (!input_read(u, u->buffer, sizeof u->buffer, &n, error))
        return false;
    u->stream.next_in = u->buffer;
    u->stream.avail_in = (uInt)n;
    if (n > 0)
        return true;
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_CORRUPT,
                "%s: truncated at byte %" G_GUINT64_FORMAT ": the recording was cut short; "
                "record it again",
                u->input->name, u->read_from_input);
    return false;
}

/* After the end of the gzip member nothing may follow. */
static bool check_end(struct unpacked *u, GError **error)
{
    uint8_t byte;
    size_t n = u->stream.avail_in;
    u->ended = true;
    if (n == 0 && !input_read(u, &byte, 1, &n, error))
        return false;
    if (n == 0)
        return true;
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_CORRUPT,
                "%s: something follows the end of its gzip stream at byte %" G_GUINT64_FORMAT,
                u->input->name, u->read_from_input - n);
    return false;
}

static bool check_bounds(const struct unpacked *u, GError **error)
{
    const char *name = u->input->name;
    if (u->written > UNPACKED_MAX_BYTES) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_CORRUPT,
                    "%s: unpacks to more than 1 GiB, which no profile needs", name);
        return false;
    }
    uint64_t consumed = u->read_from_input - u->stream.avail_in;
    if (u->is_gzip && u->written > UNPACKED_FREE_BYTES &&
        u->written / UNPACKED_RATIO_MAX > consumed) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_CORRUPT,
                    "%s: unpacks to more than %d times its size by byte %" G_GUINT64_FORMAT
                    ": a gzip bomb, not a profile",
                    name, UNPACKED_RATIO_MAX, consumed);
        return false;
    }
    return true;
}

static bool inflate_some(struct unpacked *u, void *buffer, size_t size, size_t *ret_size,
                         GError **error)
{
    *ret_size = 0;
    u->stream.next_out = buffer;
    u->stream.avail_out = (uInt)size;
    while (!u->ended && u->stream.avail_out == size) {
        if (u->stream.avail_in == 0 && !refill(u, error))
            return false;
        int result = inflate(&u->stream, Z_NO_FLUSH);
        if (result == Z_STREAM_END) {
            if (!check_end(u, error))
                return false;
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            return corrupt(u, "its gzip stream is damaged", error);
        }
    }
    *ret_size = size - u->stream.avail_out;
    return true;
}

bool unpacked_read(struct unpacked *u, void *buffer, size_t size, size_t *ret_size, GError **error)
{
    size_t n = 0;
    size = MIN(size, (size_t)INPUT_BUFFER * 4);
    bool ok = u->is_gzip ? inflate_some(u, buffer, size, &n, error)
                         : input_read(u, buffer, size, &n, error);
    if (!ok)
        return false;
    u->written += n;
    if (!check_bounds(u, error))
        return false;
    *ret_size = n;
    return true;
}
