/*
 * Packing of what goes into a new file.
 *
 * The same content always gives the same bytes: zlib writes no time and no name into the header.
 */
#include "core/formats/packed_file.h"

#include <stdint.h>
#include <zlib.h>

#include "core/formats/new_file.h"

enum { OUTPUT_BUFFER = 1 << 16, GZIP_WINDOW = 15 + 16 };

struct packed_file {
    struct new_file *file;
    z_stream stream;
    uint8_t buffer[OUTPUT_BUFFER];
};

struct packed_file *packed_file_new(const char *path, bool overwrite, GError **error)
{
    struct new_file *file = new_file_new(path, overwrite, error);
    if (!file)
        return NULL;
    struct packed_file *f = g_new0(struct packed_file, 1);
    f->file = file;
    f->stream.next_out = f->buffer;
    f->stream.avail_out = sizeof f->buffer;
    if (deflateInit2(&f->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        g_error("out of memory");
    return f;
}

/* Writes out the packed bytes that wait in the buffer. */
static bool flush(struct packed_file *f, GError **error)
{
    size_t size = (size_t)(f->stream.next_out - f->buffer);
    f->stream.next_out = f->buffer;
    f->stream.avail_out = sizeof f->buffer;
    return new_file_write(f->file, f->buffer, size, error);
}

bool packed_file_write(struct packed_file *f, const void *data, size_t size, GError **error)
{
    const uint8_t *at = data;
    while (size > 0 || f->stream.avail_in > 0) {
        if (f->stream.avail_in == 0) {
            size_t piece = MIN(size, (size_t)1 << 30);
            f->stream.next_in = (Bytef *)at;
            f->stream.avail_in = (uInt)piece;
            at += piece;
            size -= piece;
        }
        deflate(&f->stream, Z_NO_FLUSH);
        if (f->stream.avail_out == 0 && !flush(f, error))
            return false;
    }
    return true;
}

bool packed_file_commit(struct packed_file *f, GError **error)
{
    int result;
    do {
        result = deflate(&f->stream, Z_FINISH);
        if (!flush(f, error))
            return false;
    } while (result != Z_STREAM_END);
    return new_file_commit(f->file, error);
}

void packed_file_free(struct packed_file *f)
{
    if (!f)
        return;
    new_file_free(f->file);
    deflateEnd(&f->stream);
    g_free(f);
}
