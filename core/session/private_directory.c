/*
 * See private_directory.h. Every directory on the way is opened with O_NOFOLLOW and judged by its
 * descriptor.
 */
#include "core/session/private_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/base/error.h"

enum { ABANDONED_AGE_S = 60 }; /* a younger socket may not listen yet */

/* Whether `path` is itself (not by a link) a directory of ours without any of the permission bits
 * in `forbidden`. */
static bool is_ours(const char *path, mode_t forbidden)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool is_good =
        fstat(fd, &status) == 0 && status.st_uid == geteuid() && (status.st_mode & forbidden) == 0;
    close(fd);
    return is_good;
}

/* $XDG_RUNTIME_DIR when it can be trusted; root with another user's variable is a common case. */
static const char *runtime_directory(void)
{
    const char *path = g_getenv("XDG_RUNTIME_DIR");
    return path && g_path_is_absolute(path) && is_ours(path, S_IWGRP | S_IWOTH) ? path : NULL;
}

static char *template_in(const char *runtime, GError **error)
{
    char *folder;
    if (!runtime)
        return g_strdup_printf("/tmp/proftop-%u-XXXXXX", (unsigned)geteuid());
    folder = g_build_filename(runtime, "proftop", NULL);
    if ((mkdir(folder, 0700) == 0 || errno == EEXIST) && is_ours(folder, S_IRWXG | S_IRWXO)) {
        char *template = g_build_filename(folder, "run-XXXXXX", NULL);
        g_free(folder);
        return template;
    }
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_NOT_PERMITTED,
                "%s must be a directory of your own with mode 0700; remove it and try again",
                folder);
    g_free(folder);
    return NULL;
}

/* Whether nobody listens on the socket in `path` any more: its proftop was killed. */
static bool is_abandoned(const char *path)
{
    struct stat status;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path || lstat(path, &status) != 0 ||
        !S_ISSOCK(status.st_mode) || time(NULL) - status.st_mtime < ABANDONED_AGE_S)
        return false;
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_refused = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0 &&
                      errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return is_refused;
}

/* Removes what runs that were killed left beside `template`. A directory that holds more than the
 * socket stays. */
static void sweep(const char *template)
{
    char *folder = g_path_get_dirname(template), *base = g_path_get_basename(template);
    GDir *dir = g_dir_open(folder, 0, NULL);
    base[strlen(base) - strlen("XXXXXX")] = '\0';
    for (const char *name; dir && (name = g_dir_read_name(dir));) {
        char *path = g_build_filename(folder, name, NULL);
        char *socket_path = g_build_filename(path, "socket", NULL);
        if (g_str_has_prefix(name, base) && is_ours(path, S_IRWXG | S_IRWXO) &&
            is_abandoned(socket_path) && unlink(socket_path) == 0)
            rmdir(path);
        g_free(socket_path);
        g_free(path);
    }
    if (dir)
        g_dir_close(dir);
    g_free(base);
    g_free(folder);
}

char *private_directory_make(GError **error)
{
    char *path = template_in(runtime_directory(), error);
    if (!path)
        return NULL;
    sweep(path);
    if (mkdtemp(path) && is_ours(path, S_IRWXG | S_IRWXO))
        return path;
    int number = errno;
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED, "cannot make the directory %s: %s",
                path, g_strerror(number));
    g_free(path);
    return NULL;
}
