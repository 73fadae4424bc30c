/*
 * Atomic creation of gzipped files.
 *
 * The same content always gives the same bytes: zlib writes no time and no name into the header.
 * Without `overwrite` the last step is RENAME_NOREPLACE, so that even a file which appeared in the
 * meantime survives.
 */
#include "core/formats/packed_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "core/base/error.h"

enum { OUTPUT_BUFFER = 1 << 16, GZIP_WINDOW = 15 + 16, TEMPORARY_NAMES = 100 };

struct packed_file {
    char *path, *temporary;
    bool overwrite, committed;
    int fd;
    z_stream stream;
    uint8_t buffer[OUTPUT_BUFFER];
};

static bool failed(const struct packed_file *f, const char *remedy, GError **error)
{
    int code = errno;
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED, "%s: cannot be written: %s; %s",
                f->path, g_strerror(code),
                code == ENOSPC || code == EDQUOT ? "free some space, or write elsewhere" : remedy);
    return false;
}

static bool exists_already(const struct packed_file *f, GError **error)
{
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED,
                "%s: exists already; remove it, or give another name", f->path);
    return false;
}

/* Fails early on what commit would refuse: a recording should not end in a surprise. */
static bool check_target(const struct packed_file *f, GError **error)
{
    struct stat st;
    if (lstat(f->path, &st) != 0)
        return errno == ENOENT || failed(f, "give another name", error);
    if (!f->overwrite)
        return exists_already(f, error);
    if (S_ISREG(st.st_mode))
        return true;
    if (S_ISLNK(st.st_mode)) { /* /dev/stdout is one: to replace it would harm more than us */
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED,
                    "%s: is a symbolic link; give the name of a file", f->path);
        return false;
    }
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED,
                "%s: is not a regular file; give another name", f->path);
    return false;
}

static bool open_temporary(struct packed_file *f, GError **error)
{
    char *folder = g_path_get_dirname(f->path);
    for (int i = 0; i < TEMPORARY_NAMES && f->fd < 0; i++) {
        g_free(f->temporary);
        f->temporary = g_strdup_printf("%s/.proftop-%08x.tmp", folder, g_random_int());
        f->fd = open(f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (f->fd < 0 && errno != EEXIST)
            break;
    }
    int code = errno;
    if (f->fd < 0)
        g_clear_pointer(&f->temporary, g_free); /* not ours to remove */
    g_free(folder);
    errno = code;
    return f->fd >= 0 || failed(f, "choose a folder that exists and can be written", error);
}

struct packed_file *packed_file_new(const char *path, bool overwrite, GError **error)
{
    struct packed_file *f = g_new0(struct packed_file, 1);
    f->path = g_strdup(path);
    f->overwrite = overwrite;
    f->fd = -1;
    f->stream.next_out = f->buffer;
    f->stream.avail_out = sizeof f->buffer;
    if (deflateInit2(&f->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        g_error("out of memory");
    if (check_target(f, error) && open_temporary(f, error))
        return f;
    packed_file_free(f);
    return NULL;
}

/* Writes out the packed bytes that wait in the buffer. */
static bool flush(struct packed_file *f, GError **error)
{
    const uint8_t *at = f->buffer;
    while (at < f->stream.next_out) {
        ssize_t n = write(f->fd, at, (size_t)(f->stream.next_out - at));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed(f, "try another folder", error);
        at += n;
    }
    f->stream.next_out = f->buffer;
    f->stream.avail_out = sizeof f->buffer;
    return true;
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

static bool finish(struct packed_file *f, GError **error)
{
    int result;
    do {
        result = deflate(&f->stream, Z_FINISH);
        if (!flush(f, error))
            return false;
    } while (result != Z_STREAM_END);
    /* Some file systems only find out here that they are full. */
    bool synced = fsync(f->fd) == 0 || errno == EINVAL || errno == EROFS;
    return synced || failed(f, "try another folder", error);
}

/* File systems without RENAME_NOREPLACE have link, which does not replace either. */
static int publish(const struct packed_file *f)
{
    if (f->overwrite)
        return rename(f->temporary, f->path);
    if (renameat2(AT_FDCWD, f->temporary, AT_FDCWD, f->path, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (link(f->temporary, f->path) != 0)
        return -1;
    unlink(f->temporary);
    return 0;
}

bool packed_file_commit(struct packed_file *f, GError **error)
{
    if (!finish(f, error))
        return false;
    int closed = close(f->fd);
    f->fd = -1;
    if (closed != 0)
        return failed(f, "try another folder", error);
    if (publish(f) == 0) {
        f->committed = true;
        return true;
    }
    return errno == EEXIST ? exists_already(f, error) : failed(f, "try another folder", error);
}

void packed_file_free(struct packed_file *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        close(f->fd);
    if (f->temporary && !f->committed)
        unlink(f->temporary);
    deflateEnd(&f->stream);
    g_free(f->temporary);
    g_free(f->path);
    g_free(f);
}
