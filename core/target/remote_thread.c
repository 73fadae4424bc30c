/*
 * See remote_thread.h. What a thread waits for is in /proc/PID/task/TID/syscall.
 */
#include "core/target/remote_thread.h"

#include <errno.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/target/thread_state.h"

enum {
    STACK_BYTES = 8 << 10,
    SEQUENCE_OFFSET = 8, /* of the pointer to the sequence in the kernel's struct rseq */
    GET_RSEQ = 0x420f,   /* PTRACE_GET_RSEQ_CONFIGURATION */
};

/* As the kernel fills it for GET_RSEQ. */
struct rseq_place {
    uint64_t address;
    uint32_t size, signature, flags, padding;
};

static char *read_file(int pid, int tid, const char *name)
{
    char path[64], *text = NULL;
    snprintf(path, sizeof path, "/proc/%d/task/%d/%s", pid, tid, name);
    return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

/* Whether reading from a socket waits without a limit: with one, an interrupt ends it. */
static bool waits_forever(int pid, int fd)
{
    struct timeval limit = {.tv_sec = 1};
    socklen_t size = sizeof limit;
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    int copy = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
    bool ok = copy >= 0 && getsockopt(copy, SOL_SOCKET, SO_RCVTIMEO, &limit, &size) == 0 &&
              limit.tv_sec == 0 && limit.tv_usec == 0;
    if (copy >= 0)
        close(copy);
    if (pidfd >= 0)
        close(pidfd);
    return ok;
}

/* Whether a read of the descriptor is taken up again. */
static bool read_is_harmless(int pid, int fd)
{
    char path[64], target[64] = "";
    snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
    if (readlink(path, target, sizeof target - 1) < 0)
        return false;
    if (g_str_has_prefix(target, "socket:"))
        return waits_forever(pid, fd);
    return g_str_has_prefix(target, "pipe:") || g_str_has_prefix(target, "/dev/pts/") ||
           g_str_has_prefix(target, "/dev/tty");
}

static bool is_harmless(int pid, long number, int first_argument)
{
    switch (number) {
    case SYS_futex:
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_poll:
    case SYS_ppoll:
    case SYS_select:
    case SYS_pselect6:
    case SYS_wait4:
    case SYS_waitid:
    case SYS_pause:
    case SYS_rt_sigsuspend:
    case SYS_restart_syscall:
        return true;
    case SYS_read:
        return read_is_harmless(pid, first_argument);
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_accept:
    case SYS_accept4:
        return waits_forever(pid, first_argument);
    default:
        return false;
    }
}

enum remote_thread_look remote_thread_look(int pid, int tid)
{
    enum remote_thread_look look = REMOTE_THREAD_NO;
    char state = thread_state(pid, tid);
    if (state != 'R' && state != 'S')
        return REMOTE_THREAD_NO;
    char *text = read_file(pid, tid, "syscall"), *end = text;
    if (text && g_str_has_prefix(text, "running")) {
        look = REMOTE_THREAD_RUNNING;
    } else if (text) {
        long number = strtol(text, &end, 10);
        int first_argument = (int)strtoull(end, NULL, 16);
        if (end != text && number >= 0 && is_harmless(pid, number, first_argument))
            look = REMOTE_THREAD_WAITING;
    }
    g_free(text);
    return look;
}

bool remote_thread_can_repeat(uint64_t system_call)
{
    switch (system_call) {
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_semop:
    case SYS_semtimedop:
    case SYS_rt_sigtimedwait:
    case SYS_msgrcv:
    case SYS_read:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_accept:
    case SYS_accept4:
    case SYS_io_getevents:
#ifdef SYS_epoll_pwait2
    case SYS_epoll_pwait2:
#endif
        return true;
    default:
        return false;
    }
}

static uint64_t mask_of(const char *status, const char *key)
{
    const char *at = strstr(status, key);
    return at ? strtoull(at + strlen(key), NULL, 16) : 0;
}

bool remote_thread_has_signal(int pid, int tid)
{
    char *status = read_file(pid, tid, "status");
    if (!status)
        return true;
    uint64_t waiting = mask_of(status, "\nSigPnd:\t") | mask_of(status, "\nShdPnd:\t");
    bool has = waiting & ~mask_of(status, "\nSigBlk:\t");
    g_free(status);
    return has;
}

bool remote_thread_ignores_faults(int pid)
{
    char *status = read_file(pid, pid, "status");
    bool ignores = status && (mask_of(status, "\nSigIgn:\t") >> (SIGSEGV - 1) & 1);
    g_free(status);
    return ignores;
}

/* Whether a line of maps is of a writable range that holds the stack; a main stack grows. */
static bool is_stack_at(const char *line, uint64_t sp)
{
    char *at;
    uint64_t start = strtoull(line, &at, 16);
    uint64_t end = *at == '-' ? strtoull(at + 1, &at, 16) : 0;
    if (sp < start || sp >= end || strncmp(at, " rw", 3) != 0)
        return false;
    return sp - start >= STACK_BYTES || g_str_has_suffix(line, "[stack]");
}

bool remote_thread_has_stack(int pid, uint64_t sp)
{
    char *text = read_file(pid, pid, "maps"), *rest = NULL;
    bool has = false;
    for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line && !has;
         line = strtok_r(NULL, "\n", &rest))
        has = is_stack_at(line, sp);
    g_free(text);
    return has;
}

bool remote_thread_is_in_sequence(int tid)
{
    struct rseq_place place = {0};
    if (ptrace((enum __ptrace_request)GET_RSEQ, tid, (void *)sizeof place, &place) < 0 ||
        place.address == 0)
        return false;
    errno = 0;
    long sequence = ptrace(PTRACE_PEEKDATA, tid, (void *)(place.address + SEQUENCE_OFFSET), NULL);
    return sequence != 0 || errno != 0;
}
