/*
 * strict_seccomp MODE: allows itself write, exit, exit_group and rt_sigreturn, then computes for
 * 0.3 s and ends by `_exit`, or by `exit` with all that runs then; `bad` first tries filters that
 * are none. Any other system call kills it:
 * a profiler whose handler or destructor makes one ends the program. Checks what it computed.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tests/targets/hostile/hostile.h"

#define ALLOW(number)                                                                              \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1),                                           \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void allow_next_to_nothing(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_write),
        ALLOW(SYS_exit),
        ALLOW(SYS_exit_group),
        ALLOW(SYS_rt_sigreturn),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        cannot("no seccomp");
}

/* A filter that cannot be read is an error, which programs look for to see whether there is
 * seccomp. */
static void set_bad_filters(void)
{
    struct sock_filter *nowhere = (struct sock_filter *)16;
    struct sock_fprog bad_filter = {4, nowhere}, too_long = {0xffff, nowhere};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) == 0 || errno != EFAULT ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, nowhere) == 0 || errno != EFAULT ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &bad_filter) == 0 || errno != EFAULT ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, nowhere) == 0 || errno != EFAULT ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &too_long) == 0 || errno != EINVAL)
        broken("a filter that is none was accepted");
}

int main(int argc, char **argv)
{
    static const char done[] = "nothing forbidden was called\n";
    const char *mode = argc > 1 ? argv[1] : "_exit";
    uint64_t calibrated;
    uint64_t start = clock_ns(CLOCK_MONOTONIC), wanted = spin(1000000), passes = 0;
    calibrated = clock_ns(CLOCK_MONOTONIC) - start; /* of a million rounds */
    if (strcmp(mode, "bad") == 0)
        set_bad_filters();
    allow_next_to_nothing();
    for (; passes * calibrated < 300000000; passes++)
        if (spin(1000000) != wanted)
            return HOSTILE_BROKEN;
    if (write(STDOUT_FILENO, done, sizeof done - 1) != sizeof done - 1)
        _exit(HOSTILE_BROKEN);
    if (strcmp(mode, "_exit") != 0)
        exit(HOSTILE_OK);
    _exit(HOSTILE_OK);
}
