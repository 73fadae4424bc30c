/*
 * A parent whose children do the work: `children fork|vfork|spawn|all [COUNT]`.
 * Each kind of child burns CPU in a function of its own name and ends with a status the parent
 * checks; the parent prints one line a child, in order. `children child KIND` is what the exec'd
 * ones run.
 */
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static volatile uint64_t sink;

#define BURN(name)                                                                                 \
    __attribute__((noipa)) void name(void)                                                         \
    {                                                                                              \
        uint64_t value = 7;                                                                        \
        for (long i = 0; i < 60000000; i++)                                                        \
            value = value * 2862933555777941757u + 3037000493u;                                    \
        sink = value;                                                                              \
    }

BURN(work_after_fork)
BURN(work_after_vfork)
BURN(work_after_spawn)

static int child_main(const char *kind)
{
    if (!strcmp(kind, "vfork"))
        work_after_vfork();
    else if (!strcmp(kind, "spawn"))
        work_after_spawn();
    else
        return 2;
    return 7;
}

static pid_t start_fork(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        work_after_fork();
        _exit(7);
    }
    return pid;
}

static pid_t start_vfork(void)
{
    char *const args[] = {"children", "child", "vfork", NULL};
    pid_t pid = vfork();
    if (pid == 0) {
        execv("/proc/self/exe", args);
        _exit(127);
    }
    return pid;
}

static pid_t start_spawn(void)
{
    char *const args[] = {"children", "child", "spawn", NULL};
    pid_t pid;
    return posix_spawn(&pid, "/proc/self/exe", NULL, NULL, args, environ) == 0 ? pid : -1;
}

static const struct {
    const char *name;
    pid_t (*start)(void);
} kinds[] = {{"fork", start_fork}, {"vfork", start_vfork}, {"spawn", start_spawn}};

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "all";
    int count = argc > 2 ? atoi(argv[2]) : 2;
    if (argc > 2 && !strcmp(mode, "child"))
        return child_main(argv[2]);
    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
        if (strcmp(mode, "all") != 0 && strcmp(mode, kinds[kind].name) != 0)
            continue;
        for (int i = 0; i < count; i++) {
            int status = 0;
            pid_t pid = kinds[kind].start();
            if (pid < 0 || waitpid(pid, &status, 0) != pid)
                return 1;
            printf("%s %d exited %d\n", kinds[kind].name, i, WEXITSTATUS(status));
        }
    }
    return 0;
}
