/*
 * Starts programs as fast as it can: `spawn_storm FILE`. 300 by vfork and exec, 300 by posix_spawn,
 * two threads at it, some that do not exist. Hooks that run in a vfork child write into the
 * parent's memory: its errno, its thread-local words, its heap. Each call must give the pid, status
 * and error that it gives without a profiler, and nothing may appear on stderr.
 */
#include <errno.h>
#include <pthread.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"
#include "tests/targets/hostile/kernel_count.h"

enum { STARTS = 300, WORDS = 64 };

extern char **environ;
static char *const child[] = {"spawned", "child", NULL};

static pid_t start_vfork(const char *path)
{
    volatile int error = 0;
    pid_t pid = vfork();
    if (pid == 0) {
        execve(path, child, environ);
        error = errno;
        _exit(127);
    }
    if (error == 0)
        return pid;
    waitpid(pid, NULL, 0);
    errno = error;
    return -1;
}

static pid_t start_spawn(const char *path)
{
    pid_t pid;
    int error = posix_spawn(&pid, path, NULL, NULL, child, environ);
    if (error == 0)
        return pid;
    errno = error;
    return -1;
}

static void start_one(pid_t (*start)(const char *), int n)
{
    int status;
    errno = EDOM;
    if (n % 50 == 49) {
        if (start("/nowhere/at/all") != -1 || errno != ENOENT)
            broken("start %d of nothing: %s", n, strerror(errno));
        return;
    }
    pid_t pid = start("/proc/self/exe");
    if (pid < 0 || errno != EDOM)
        broken("start %d: pid %d, errno %d", n, (int)pid, errno);
    if (waitpid(pid, &status, 0) != pid || status != HOSTILE_OK << 8)
        broken("start %d ended with status %x", n, status);
}

static void *start_all(void *start)
{
    static __thread uint64_t guard[WORDS];
    for (uint64_t i = 0; i < WORDS; i++)
        guard[i] = i * 0x9e3779b97f4a7c15;
    for (int n = 0; n < STARTS; n++)
        start_one((pid_t(*)(const char *))start, n);
    for (uint64_t i = 0; i < WORDS; i++)
        if (guard[i] != i * 0x9e3779b97f4a7c15)
            broken("thread-local word %d was changed", (int)i);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    if (argc > 1 && strcmp(argv[1], "child") == 0)
        return HOSTILE_OK;
    if (pthread_create(&thread, NULL, start_all, (void *)start_vfork) != 0)
        cannot("no thread can be started");
    start_all((void *)start_spawn);
    pthread_join(thread, NULL);
    printf("spawn_storm: %d programs\n", 2 * STARTS);
    tell_kernel_count(argc > 1 ? argv[1] : NULL);
    return HOSTILE_OK;
}
