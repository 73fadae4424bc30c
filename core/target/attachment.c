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
#include "core/target/proc_status.h"
#include "core/target/proc_tasks.h"

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

/* Behind the name in brackets /proc/PID/stat has the state, five numbers and then the flags. */
static bool is_kernel_thread(pid_t pid)
{
    enum { KERNEL_THREAD = 0x00200000, FLAGS_AT = 7 }; /* PF_KTHREAD of include/linux/sched.h */
    char *text = read_file(pid, "stat", NULL);
    char *at = text ? strrchr(text, ')') : NULL;
    for (int i = 0; i < FLAGS_AT && at; i++) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    bool is = at && strtoul(at, NULL, 10) & KERNEL_THREAD;
    g_free(text);
    return is;
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

/* There is nothing to see under /proc. */
static bool fail_unseen(pid_t pid, GError **error)
{
    if (kill(pid, 0) != 0 && errno == EPERM)
        return proftop_error_set(error, PROFTOP_ERROR_NOT_PERMITTED,
                                 "process %d is hidden from this user: run proftop as root", pid);
    if (kill(pid, 0) == 0)
        return proftop_error_set(error, PROFTOP_ERROR_FAILED,
                                 "/proc/%d cannot be read: raise 'ulimit -n', or mount /proc", pid);
    return proftop_error_set(error, PROFTOP_ERROR_FAILED, "there is no process %d (see 'ps -e')",
                             pid);
}

static bool fail_unreadable(pid_t pid, GError **error)
{
    struct proc_status status;
    if (errno == EMFILE || errno == ENFILE)
        return proftop_error_set(error, PROFTOP_ERROR_FAILED,
                                 "too few file descriptors for attaching: raise 'ulimit -n'");
    if (geteuid() == 0)
        return proftop_error_set(
            error, PROFTOP_ERROR_NOT_PERMITTED,
            "the kernel does not let even root look into process %d: run proftop with "
            "CAP_SYS_PTRACE, in a container as a process of the host",
            pid);
    if (proc_status_read(pid, &status) && status.uid == getuid())
        return proftop_error_set(
            error, PROFTOP_ERROR_NOT_PERMITTED,
            "process %d does not let its user look into it (it has changed privileges or "
            "asked for that): run proftop as root",
            pid);
    return proftop_error_set(
        error, PROFTOP_ERROR_NOT_PERMITTED,
        "process %d may not be watched by this user: run proftop as its user or as root "
        "(or with CAP_SYS_PTRACE and CAP_PERFMON)",
        pid);
}

static bool check(pid_t pid, GError **error)
{
    struct proc_status status;
    bool is_seen = proc_status_read(pid, &status);
    pid_t living = proc_tasks_living(pid);
    if (pid == getpid())
        return proftop_error_set(error, PROFTOP_ERROR_USAGE,
                                 "%d is proftop itself: give the pid of another process", pid);
    if (!is_seen)
        return fail_unseen(pid, error);
    if (status.tgid != pid)
        return proftop_error_set(error, PROFTOP_ERROR_FAILED,
                                 "%d is a thread of process %d: attach to that one", pid,
                                 status.tgid);
    if (!living)
        return proftop_error_set(
            error, PROFTOP_ERROR_FAILED,
            "process %d has ended already (a zombie, until its parent takes note)", pid);
    if (is_kernel_thread(pid))
        return proftop_error_set(error, PROFTOP_ERROR_FAILED,
                                 "process %d is a thread of the kernel: proftop watches programs",
                                 pid);
    return is_readable(living) || fail_unreadable(pid, error);
}

/* The words of its command line, NULL at the end; they point into `words`. */
static GPtrArray *split_words(char *words, gsize size)
{
    GPtrArray *argv = g_ptr_array_new();
    while (size > 0 && words[size - 1] == '\0')
        size--; /* what is left of words that were longer once */
    for (gsize at = 0; at < size; at += strlen(words + at) + 1)
        g_ptr_array_add(argv, words + at);
    g_ptr_array_add(argv, NULL);
    return argv;
}

/*
 * "a\0b c\0" as "a 'b c'"; a process that shows a text of its own has all of it in one word, which
 * stays as it is. "[name]" when the process shows none.
 */
static char *read_command(pid_t pid)
{
    gsize size = 0;
    char *words = read_file(proc_tasks_living(pid), "cmdline", &size);
    GPtrArray *argv = split_words(words, words ? size : 0);
    char *name = read_file(pid, "comm", NULL), *command;
    if (argv->len == 1)
        command = g_strdup_printf("[%s]", name ? g_strchomp(name) : "");
    else if (argv->len == 2)
        command = g_strdup(g_ptr_array_index(argv, 0));
    else
        command = text_command_line((char **)argv->pdata);
    g_free(name);
    g_ptr_array_unref(argv);
    g_free(words);
    return command;
}

struct attachment *attachment_open(pid_t pid, GError **error)
{
    if (pid <= 0) {
        proftop_error_set(error, PROFTOP_ERROR_USAGE, "%d is no process id", pid);
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
