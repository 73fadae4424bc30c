/*
 * Prints everything that a program can see of itself and that a launcher or a preloaded library
 * could disturb. The output must be the same, byte for byte, with and without proftop. Options, in
 * this order, put a child between: fork | vfork | exec | spawn ...   do it that way, then
 * print (exec, vfork and spawn run this file again) "exec fork" therefore executes itself and
 * prints from a forked child of that image.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void print_descriptors(void)
{
    for (int fd = 0; fd < 1024; fd++) {
        char link[64], target[512];
        if (fcntl(fd, F_GETFD) < 0)
            continue;
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        char *number = strchr(target, '[');
        if (number) /* pipe:[123]: the number differs from run to run */
            *number = '\0';
        printf("fd %d %s flags %o cloexec %d\n", fd, target, fcntl(fd, F_GETFL),
               fcntl(fd, F_GETFD));
    }
}

static void print_status(void)
{
    static const char *const wanted[] = {
        "Threads:",    "SigQ:",         "SigPnd:",      "ShdPnd:",         "SigBlk:", "SigIgn:",
        "SigCgt:",     "CapInh:",       "CapPrm:",      "CapEff:",         "CapBnd:", "CapAmb:",
        "NoNewPrivs:", "Seccomp:",      "TracerPid:",   "Umask:",          "Uid:",    "Gid:",
        "Groups:",     "Cpus_allowed:", "CoreDumping:", "Seccomp_filters:"};
    char line[4096];
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof line, file))
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            if (strncmp(line, wanted[i], strlen(wanted[i])) == 0 && strcmp(wanted[i], "SigQ:"))
                fputs(line, stdout);
    if (file)
        fclose(file);
}

static void print_dispositions(void)
{
    for (int signal = 1; signal < NSIG; signal++) {
        struct sigaction action;
        if (sigaction(signal, NULL, &action) != 0)
            continue;
        printf("signal %d %s flags %x\n", signal,
               action.sa_handler == SIG_DFL   ? "default"
               : action.sa_handler == SIG_IGN ? "ignored"
                                              : "handled",
               (unsigned)action.sa_flags);
    }
}

static void print_limits(void)
{
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        struct rlimit limit;
        if (getrlimit((__rlimit_resource_t)i, &limit) == 0)
            printf("limit %d %llu %llu\n", i, (unsigned long long)limit.rlim_cur,
                   (unsigned long long)limit.rlim_max);
    }
}

static void print_auxv(const char *name, char **envp)
{
    size_t n = 0;
    while (envp[n])
        n++;
    const ElfW(auxv_t) *auxv = (const void *)(envp + n + 1);
    for (int i = 0; i < 64 && auxv[i].a_type != AT_NULL; i++)
        if (auxv[i].a_type == AT_PAGESZ || auxv[i].a_type == AT_SECURE || auxv[i].a_type == AT_UID)
            printf("auxv by %s: %lu = %lu\n", name, (unsigned long)auxv[i].a_type,
                   (unsigned long)auxv[i].a_un.a_val);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_environment(const char *name, char **envp)
{
    size_t n = 0;
    while (envp && envp[n])
        n++;
    printf("%s has %zu entries\n", name, n);
    char **sorted = calloc(n + 1, sizeof *sorted);
    memcpy(sorted, envp, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare);
    for (size_t i = 0; i < n; i++)
        printf("%s %s\n", name, sorted[i]);
    free(sorted);
}

static void print_process(void)
{
    char cwd[4096];
    struct itimerval timer;
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (terminal >= 0)
        close(terminal);
    printf("cwd %s\n", getcwd(cwd, sizeof cwd));
    printf("nice %d\n", getpriority(PRIO_PROCESS, 0));
    printf("group leader %d, session leader %d, parent's group %d, parent's session %d\n",
           getpgrp() == getpid(), getsid(0) == getpid(), getpgrp() == getpgid(getppid()),
           getsid(0) == getsid(getppid()));
    printf("terminal %d stdin %d stdout %d stderr %d\n", terminal >= 0, isatty(0), isatty(1),
           isatty(2));
    for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++)
        if (getitimer((__itimer_which_t)which, &timer) == 0)
            printf("timer %d %ld\n", which, (long)timer.it_value.tv_sec);
    printf("dumpable %d, no_new_privs %d, personality %x, subreaper, deathsig ",
           prctl(PR_GET_DUMPABLE), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
           (unsigned)personality(0xffffffff));
    int reaper = -1, death = -1;
    prctl(PR_GET_CHILD_SUBREAPER, &reaper);
    prctl(PR_GET_PDEATHSIG, &death);
    printf("%d %d\n", reaper, death);
    printf("timer slack %d, thp %d\n", prctl(PR_GET_TIMERSLACK),
           prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
}

static void print_posix_timers(void)
{
    int n = 0;
    char line[256];
    FILE *file = fopen("/proc/self/timers", "re");
    while (file && fgets(line, sizeof line, file))
        n++;
    if (file)
        fclose(file);
    printf("posix timer lines %d\n", n);
}

static void print_all(int first_errno, char **envp)
{
    static const char *const names[] = {"LD_PRELOAD", "PROFTOP_SOCKET", "PROFTOP_TOKEN",
                                        "PROFTOP_CHILDREN", "PROFTOP_SECCOMP"};
    printf("errno at start %d\n", first_errno);
    print_descriptors();
    print_status();
    print_dispositions();
    print_limits();
    print_environment("environ", environ);
    print_environment("envp", envp);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        printf("getenv %s %s\n", names[i], getenv(names[i]) ? getenv(names[i]) : "(none)");
    print_auxv("environ", environ);
    print_auxv("envp", envp);
    printf("dlerror %s\n", dlerror() ? "set" : "none");
    print_process();
    print_posix_timers();
    fflush(stdout);
}

static int wait_for(pid_t pid)
{
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 99;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_vfork(char **rest)
{
    pid_t pid = vfork();
    if (pid == 0) {
        execv("/proc/self/exe", rest);
        _exit(98);
    }
    return wait_for(pid);
}

static int run_spawn(char **rest)
{
    pid_t pid;
    if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, rest, environ) != 0)
        return 97;
    return wait_for(pid);
}

int main(int argc, char **argv, char **envp)
{
    int first_errno = errno;
    for (int i = 1; i < argc; i++) {
        argv[i - 1] = argv[0];
        char **rest = argv + i;
        const char *way = argv[i];
        rest[0] = argv[0];
        if (strcmp(way, "exec") == 0)
            return execvp("/proc/self/exe", rest);
        if (strcmp(way, "vfork") == 0)
            return run_vfork(rest);
        if (strcmp(way, "spawn") == 0)
            return run_spawn(rest);
        if (strcmp(way, "fork") == 0) {
            errno = first_errno;
            pid_t pid = fork();
            if (pid != 0)
                return wait_for(pid);
            first_errno = errno;
        }
    }
    print_all(first_errno, envp);
    return 0;
}
