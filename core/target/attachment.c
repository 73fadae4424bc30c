/*
 * See attachment.h. The pidfd is opened first and everything else is read after it: as long as it
 * has not become readable, what was read is about this process and no other.
 */
#include "core/target/attachment.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/target/thread_state.h"

struct attachment {
    pid_t pid;
    int pidfd; /* -1: the kernel has none */
    char *command;
};

static char *proc_path(pid_t pid, const char *name)
{
    return g_strdup_printf("/proc/%d/%s", pid, name);
}

/* A whole file of the process, or NULL. */
static char *read_file(pid_t pid, const char *name, gsize *ret_size)
{
    char *path = proc_path(pid, name), *text = NULL;
    bool ok = g_file_get_contents(path, &text, ret_size, NULL);
    g_free(path);
    return ok ? text : NULL;
}

/* The number behind "NAME:" in /proc/PID/status, or -1. */
static long status_field(pid_t pid, const char *name)
{
    char *text = read_file(pid, "status", NULL);
    char *at = text ? strstr(text, name) : NULL;
    long value = at ? strtol(at + strlen(name), NULL, 10) : -1;
    g_free(text);
    return value;
}

static bool fail(GError **error, int code, const char *format, ...) G_GNUC_PRINTF(3, 4);

static bool fail(GError **error, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, PROFTOP_ERROR, code, message);
    g_free(message);
    return false;
}

static bool is_kernel_thread(pid_t pid)
{
    char *path = proc_path(pid, "exe");
    char target[8];
    bool has_program = readlink(path, target, sizeof target) >= 0 || errno != ENOENT;
    g_free(path);
    return !has_program;
}

static bool is_readable(pid_t pid)
{
    char *path = proc_path(pid, "maps");
    FILE *file = fopen(path, "re");
    g_free(path);
    if (file)
        fclose(file);
    return file != NULL;
}

static bool check(pid_t pid, GError **error)
{
    char state = thread_state(pid, pid);
    long tgid = status_field(pid, "\nTgid:");
    if (pid == getpid())
        return fail(error, PROFTOP_ERROR_USAGE,
                    "%d is proftop itself: give the pid of another process", pid);
    if (state == 0 || tgid < 0)
        return fail(error, PROFTOP_ERROR_FAILED, "there is no process %d (see 'ps -e')", pid);
    if (tgid != pid)
        return fail(error, PROFTOP_ERROR_FAILED,
                    "%d is a thread of process %ld: attach to that one", pid, tgid);
    if (state == 'Z' || state == 'X')
        return fail(error, PROFTOP_ERROR_FAILED,
                    "process %d has ended already (a zombie, until its parent takes note)", pid);
    if (!is_readable(pid))
        return fail(
            error, PROFTOP_ERROR_NOT_PERMITTED,
            "process %d may not be watched by this user: run proftop as its user or as root "
            "(or with CAP_SYS_PTRACE and CAP_PERFMON)",
            pid);
    if (is_kernel_thread(pid))
        return fail(error, PROFTOP_ERROR_FAILED,
                    "process %d is a thread of the kernel: proftop watches programs", pid);
    return true;
}

/* "a\0b c\0" as "a 'b c'"; "[comm]" when the process shows no arguments. */
static char *read_command(pid_t pid)
{
    gsize size = 0;
    char *words = read_file(pid, "cmdline", &size);
    GPtrArray *argv = g_ptr_array_new();
    for (gsize at = 0; words && at < size; at += strlen(words + at) + 1)
        g_ptr_array_add(argv, words + at);
    g_ptr_array_add(argv, NULL);
    char *name = read_file(pid, "comm", NULL);
    char *command = argv->len > 1 ? text_command_line((char **)argv->pdata)
                                  : g_strdup_printf("[%s]", name ? g_strchomp(name) : "");
    g_free(name);
    g_ptr_array_unref(argv);
    g_free(words);
    return command;
}

struct attachment *attachment_open(pid_t pid, GError **error)
{
    if (pid <= 0) {
        fail(error, PROFTOP_ERROR_USAGE, "%d is no process id", pid);
        return NULL;
    }
    struct attachment *attachment = g_new0(struct attachment, 1);
    attachment->pid = pid;
    attachment->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (check(pid, error)) {
        attachment->command = read_command(pid);
        return attachment;
    }
    attachment_free(attachment);
    return NULL;
}

pid_t attachment_pid(const struct attachment *attachment)
{
    return attachment->pid;
}

int attachment_pidfd(const struct attachment *attachment)
{
    return attachment->pidfd;
}

const char *attachment_command(const struct attachment *attachment)
{
    return attachment->command;
}

bool attachment_has_ended(const struct attachment *attachment)
{
    struct pollfd ended = {.fd = attachment->pidfd, .events = POLLIN};
    if (attachment->pidfd < 0)
        return kill(attachment->pid, 0) != 0 && errno == ESRCH;
    return poll(&ended, 1, 0) > 0;
}

bool attachment_signal(const struct attachment *attachment, int signal_number)
{
    if (attachment->pidfd < 0)
        return kill(attachment->pid, signal_number) == 0;
    return syscall(SYS_pidfd_send_signal, attachment->pidfd, signal_number, NULL, 0) == 0;
}

void attachment_free(struct attachment *attachment)
{
    if (!attachment)
        return;
    if (attachment->pidfd >= 0)
        close(attachment->pidfd);
    g_free(attachment->command);
    g_free(attachment);
}
