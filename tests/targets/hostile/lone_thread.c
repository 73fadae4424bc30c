/*
 * Does what only a process of one thread may do: unshare() its user namespace, and counts its
 * threads while it computes. A profiler that has a thread of its own in the process makes that
 * fail.
 */
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"

static int threads(void)
{
    int n = 0;
    DIR *tasks = opendir("/proc/self/task");
    while (tasks && readdir(tasks))
        n++;
    closedir(tasks);
    return n - 2;
}

static int unshared(void)
{
    return unshare(CLONE_NEWUSER) == 0 ? 0 : errno;
}

int main(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(unshared());
    int status;
    waitpid(pid, &status, 0);
    if (WEXITSTATUS(status) == EPERM || WEXITSTATUS(status) == ENOSPC)
        cannot("no user namespaces here");
    if (status != 0)
        broken("unshare in a child: %d", WEXITSTATUS(status));
    burn(0.1);
    if (threads() != 1)
        broken("%d threads", threads());
    if ((status = unshared()) != 0)
        broken("unshare: %d", status);
    burn(0.1);
    if (threads() != 1)
        broken("%d threads in the new namespace", threads());
    puts("one thread, alone");
    return HOSTILE_OK;
}
