/*
 * Goes into seccomp's strict mode, by the way that is asked for; from then on the processor's clock
 * is forbidden, as is all but read(), write() and exit(). Then allocates.
 */
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tests/targets/hostile/hostile.h"

static __attribute__((noipa)) void take_strictly(void)
{
    for (int i = 0; i < 1000; i++) {
        char *volatile block = malloc(100);
        free(block);
    }
}

static long become_strict(const char *way)
{
    if (strcmp(way, "prctl") == 0)
        return prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    if (strcmp(way, "syscall") == 0)
        return syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0);
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL);
}

int main(int argc, char **argv)
{
    static const char done[] = "no clock was needed\n";
    take_strictly();
    if (become_strict(argc > 1 ? argv[1] : "") != 0)
        cannot("no strict mode");
    take_strictly();
    if (write(STDOUT_FILENO, done, sizeof done - 1) < 0)
        return HOSTILE_BROKEN;
    syscall(SYS_exit, HOSTILE_OK);
}
