/*
 * See command.h. PATH is walked as glibc's execvp does it: an empty element is the current
 * directory, and a file that may not be executed is remembered while later directories are tried.
 */
#include "core/target/command.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"

/* 0 when `path` can be executed, else an errno value. */
static int check_file(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return errno;
    if (S_ISDIR(status.st_mode))
        return EISDIR;
    if (!S_ISREG(status.st_mode))
        return EACCES;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

/* The first file that can be executed, or NULL and in `ret_error` what stood in the way. */
static char *search_path(const char *name, int *ret_error)
{
    const char *path = getenv("PATH");
    char **folders = g_strsplit(path ? path : "/bin:/usr/bin", ":", -1);
    char *found = NULL;
    *ret_error = ENOENT;
    for (char **folder = folders; *folder && !found; folder++) {
        char *candidate = **folder ? g_strconcat(*folder, "/", name, NULL) : g_strdup(name);
        int error = check_file(candidate);
        if (error == 0)
            found = g_steal_pointer(&candidate);
        else if (error == EACCES)
            *ret_error = EACCES;
        g_free(candidate);
    }
    g_strfreev(folders);
    return found;
}

static void set_error(GError **error, const char *name, int number)
{
    if (number == ENOENT || number == ENOTDIR)
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_NOT_FOUND,
                    strchr(name, '/') ? "%s: no such file" : "%s: no such command", name);
    else if (number == EISDIR)
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_NOT_EXECUTABLE,
                    "%s is a directory, not a command", name);
    else if (number == EACCES)
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_NOT_EXECUTABLE,
                    "%s: permission denied (is it executable? chmod +x)", name);
    else
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_NOT_EXECUTABLE, "%s: %s", name,
                    g_strerror(number));
}

static bool inspect(struct command *command, GError **error)
{
    program_inspect(AT_FDCWD, command->path, &command->program);
    if (command->program.verdict == PROGRAM_NO_INTERPRETER) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_NOT_FOUND,
                    "%s: its interpreter %s does not exist", command->path,
                    command->program.interpreter);
        return false;
    }
    if (command->program.verdict == PROGRAM_NOT_A_PROGRAM) {
        command->is_shell_text = true;
        program_inspect(AT_FDCWD, "/bin/sh", &command->program);
    }
    return true;
}

bool command_find(const char *name, struct command *ret_command, GError **error)
{
    struct command command = {0};
    int number = ENOENT;
    if (strchr(name, '/')) {
        number = check_file(name);
        command.path = number == 0 ? g_strdup(name) : NULL;
    } else if (*name) {
        command.path = search_path(name, &number);
    }
    if (!command.path) {
        set_error(error, *name ? name : "''", number);
        return false;
    }
    if (!inspect(&command, error)) {
        command_clear(&command);
        return false;
    }
    *ret_command = command;
    return true;
}

void command_clear(struct command *command)
{
    if (command)
        g_clear_pointer(&command->path, g_free);
}
