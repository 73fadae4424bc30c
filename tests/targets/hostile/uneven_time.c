/*
 * Time that does not run evenly: `uneven_time FILE [CGROUP]`. Two threads work while the program is
 * stopped and continued by a child of its own, moved from processor to processor, and (given a
 * folder of the cpu controller) throttled to a tenth of one. A profiler that weighs samples by the
 * wall clock or by the asked period shows more than the processors can do. The kernel's count of
 * the CPU time goes to FILE.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"
#include "tests/targets/hostile/kernel_count.h"

__attribute__((noipa)) void uneven_work(void)
{
    burn(.4);
    __asm__ volatile("");
}

static void *thread_main(void *arg)
{
    uneven_work();
    return arg;
}

static int write_number(const char *folder, const char *file, long number)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *out = fopen(path, "w");
    if (!out)
        return 0;
    int written = fprintf(out, "%ld\n", number) > 0;
    return fclose(out) == 0 && written;
}

/* In a child: stops and continues the parent, and moves it between processors. */
static void disturb(pid_t parent)
{
    for (int i = 0; i < 8; i++) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(i % (int)sysconf(_SC_NPROCESSORS_ONLN), &one);
        sched_setaffinity(parent, sizeof one, &one);
        usleep(40000);
        kill(parent, SIGSTOP);
        usleep(40000);
        kill(parent, SIGCONT);
    }
    _exit(HOSTILE_OK);
}

int main(int argc, char **argv)
{
    const char *group = argc > 2 ? argv[2] : NULL;
    pthread_t thread;
    int status;
    pid_t child = fork();
    if (child == 0)
        disturb(getppid());
    if (pthread_create(&thread, NULL, thread_main, NULL) != 0)
        cannot("no thread can be started");
    uneven_work();
    pthread_join(thread, NULL);
    waitpid(child, &status, 0);
    if (group) {
        if (!write_number(group, "cpu.cfs_quota_us", 10000) ||
            !write_number(group, "tasks", getpid()))
            cannot("the group cannot be used");
        burn(.05);
    }
    puts("uneven_time: done");
    tell_kernel_count(argc > 1 ? argv[1] : NULL);
    return HOSTILE_OK;
}
