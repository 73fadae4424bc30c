/*
 * Gives up what it can: `drop_rights JAIL`. Works, then chroots into JAIL (unless that is "-"),
 * becomes nobody, sets PR_SET_DUMPABLE 0 and PR_SET_NO_NEW_PRIVS, and works on; then a forked child
 * works, and at last a program of the jail, /plain_work. A profiler that reads /proc late, opens
 * files by their path now or has its library preloaded where it cannot be found loses names, or the
 * loader complains on stderr. All three kinds of work must be there, by name.
 */
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"

enum { NOBODY = 65534 };

#define WORK(name)                                                                                 \
    static __attribute__((noipa)) void name(void)                                                  \
    {                                                                                              \
        burn(.2);                                                                                  \
        __asm__ volatile("");                                                                      \
    }

WORK(work_with_rights)
WORK(work_without_rights)
WORK(work_of_a_poor_child)

static void drop(const char *jail)
{
    if (strcmp(jail, "-") != 0 && (chroot(jail) != 0 || chdir("/") != 0))
        cannot("chroot: %s", strerror(errno));
    if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) != 0)
        cannot("needs root");
    if (prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        broken("prctl: %s", strerror(errno));
}

static int ended(pid_t pid)
{
    int status;
    waitpid(pid, &status, 0);
    return status >> 8;
}

int main(int argc, char **argv)
{
    const char *jail = argc > 1 ? argv[1] : "-";
    work_with_rights();
    drop(jail);
    work_without_rights();
    pid_t forked = fork();
    if (forked == 0) {
        work_of_a_poor_child();
        _exit(HOSTILE_OK);
    }
    int fork_status = ended(forked), exec_status = 0;
    if (strcmp(jail, "-") != 0) {
        fflush(stdout);
        pid_t started = fork();
        if (started == 0) {
            execl("/plain_work", "plain_work", ".2", "0", (char *)NULL);
            _exit(126);
        }
        exec_status = ended(started);
    }
    printf("drop_rights: dumpable %d, child %d, program %d\n", prctl(PR_GET_DUMPABLE), fork_status,
           exec_status);
    return HOSTILE_OK;
}
