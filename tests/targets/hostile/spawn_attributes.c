/*
 * Starts itself by posix_spawn() and by fork() and exec with masks and handlers of every kind: all
 * signals blocked, one blocked, some ignored, some set to default by an attribute. The child prints
 * what it was given by the kernel. A profiler that hides its signal from the program must not give
 * it away, unblocked, ignored or blocked, to a program that did not ask for it.
 */
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"

extern char **environ;

/* libc's own two, of which programs know nothing. */
static const unsigned long libc_signals = 3ul << 31;

static int child(const char *name)
{
    char line[256];
    FILE *status = fopen("/proc/self/status", "re");
    burn(0.005);
    printf("%s:", name);
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "SigBlk:", 7) == 0 || strncmp(line, "SigIgn:", 7) == 0 ||
            strncmp(line, "SigPnd:", 7) == 0)
            printf(" %.6s %016lx", line, strtoul(line + 8, NULL, 16) & ~libc_signals);
    puts("");
    return 0;
}

static void check(pid_t pid, const char *name)
{
    int status;
    if (pid <= 0 || waitpid(pid, &status, 0) != pid || status != 0)
        broken("%s: no child, or it failed", name);
}

static void spawn(const char *name, const sigset_t *mask, const sigset_t *defaults)
{
    char *const argv[] = {"spawn_attributes", (char *)name, NULL};
    posix_spawnattr_t attr;
    pid_t pid = 0;
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, (short)((mask ? POSIX_SPAWN_SETSIGMASK : 0) |
                                            (defaults ? POSIX_SPAWN_SETSIGDEF : 0)));
    if (mask)
        posix_spawnattr_setsigmask(&attr, mask);
    if (defaults)
        posix_spawnattr_setsigdefault(&attr, defaults);
    posix_spawn(&pid, "/proc/self/exe", NULL, &attr, argv, environ);
    check(pid, name);
}

static void fork_and_exec(const char *name)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "spawn_attributes", name, (char *)NULL);
        _exit(1);
    }
    check(pid, name);
}

static void start_all(const char *name)
{
    char text[64];
    sigset_t all, none, one;
    sigfillset(&all);
    sigemptyset(&none);
    sigemptyset(&one);
    sigaddset(&one, SIGRTMAX - 2);
    const struct {
        const char *name;
        const sigset_t *mask, *defaults;
    } cases[] = {
        {"as it is", NULL, NULL},    {"all blocked", &all, NULL},    {"none blocked", &none, NULL},
        {"one blocked", &one, NULL}, {"one to default", NULL, &one}, {"all to default", NULL, &all},
        {"both", &all, &all}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "%s, %s", name, cases[i].name);
        spawn(text, cases[i].mask, cases[i].defaults);
    }
    snprintf(text, sizeof text, "%s, fork and exec", name);
    fork_and_exec(text);
}

int main(int argc, char **argv)
{
    sigset_t all;
    sigfillset(&all);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        return child(argv[1]);
    start_all("untouched");
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        signal(number, SIG_IGN);
    start_all("ignored");
    sigprocmask(SIG_BLOCK, &all, NULL);
    start_all("ignored and blocked");
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        signal(number, SIG_DFL);
    start_all("blocked");
    return HOSTILE_OK;
}
