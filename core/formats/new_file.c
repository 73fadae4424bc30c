/*
 * Atomic creation of files.
 *
 * Without `overwrite` the last step is RENAME_NOREPLACE, so that even a file which appeared in the
 * meantime survives.
 */
#include "core/formats/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"

enum { TEMPORARY_NAMES = 100 };

struct new_file {
    char *path, *temporary;
    bool overwrite, committed;
    int fd;
};

static bool failed(const struct new_file *f, const char *remedy, GError **error)
{
    int code = errno;
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED, "%s: cannot be written: %s; %s",
                f->path, g_strerror(code),
                code == ENOSPC || code == EDQUOT ? "free some space, or write elsewhere" : remedy);
    return false;
}

static bool exists_already(const struct new_file *f, GError **error)
{
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED,
                "%s: exists already; remove it, or give another name", f->path);
    return false;
}

/* Fails early on what commit would refuse: a recording should not end in a surprise. */
static bool check_target(const struct new_file *f, GError **error)
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

static bool open_temporary(struct new_file *f, GError **error)
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

struct new_file *new_file_new(const char *path, bool overwrite, GError **error)
{
    struct new_file *f = g_new0(struct new_file, 1);
    f->path = g_strdup(path);
    f->overwrite = overwrite;
    f->fd = -1;
    if (check_target(f, error) && open_temporary(f, error))
        return f;
    new_file_free(f);
    return NULL;
}

bool new_file_write(struct new_file *f, const void *data, size_t size, GError **error)
{
    const uint8_t *at = data, *end = at + size;
    while (at < end) {
        ssize_t n = write(f->fd, at, (size_t)(end - at));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed(f, "try another folder", error);
        at += n;
    }
    return true;
}

/* Some file systems only find out here that they are full. */
static bool sync_and_close(struct new_file *f)
{
    bool synced = fsync(f->fd) == 0 || errno == EINVAL || errno == EROFS;
    if (!synced)
        return false;
    int closed = close(f->fd);
    f->fd = -1;
    return closed == 0;
}

/* File systems without RENAME_NOREPLACE have link, which does not replace either. */
static int publish(const struct new_file *f)
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

bool new_file_commit(struct new_file *f, GError **error)
{
    if (!sync_and_close(f))
        return failed(f, "try another folder", error);
    if (publish(f) == 0) {
        f->committed = true;
        return true;
    }
    return errno == EEXIST ? exists_already(f, error) : failed(f, "try another folder", error);
}

void new_file_free(struct new_file *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        close(f->fd);
    if (f->temporary && !f->committed)
        unlink(f->temporary);
    g_free(f->temporary);
    g_free(f->path);
    g_free(f);
}
