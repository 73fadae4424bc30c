/*
 * Stops the process that started it, its profiler, for a second and a half and works on:
 * `front_stopped FILE`. Two threads keep the processors busy. A profiler that blocks when its
 * buffers are full stops the program with it. The work done in the best 50 ms while the parent
 * stood still must be at least half of the best before; a bare run stops nobody. The kernel's count
 * of the time goes to FILE: what was lost meanwhile may have no stack, but its time must be there.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "tests/targets/hostile/hostile.h"
#include "tests/targets/hostile/kernel_count.h"

static uint64_t rounds_done;
static int stop;

static void *thread_main(void *arg)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        spin(20000);
        __atomic_fetch_add(&rounds_done, 1, __ATOMIC_RELAXED);
    }
    return arg;
}

/* The most rounds in 50 ms of so many seconds. */
static uint64_t best_of(double seconds)
{
    uint64_t best = 0;
    for (int i = 0; i < (int)(seconds * 20); i++) {
        uint64_t before = __atomic_load_n(&rounds_done, __ATOMIC_RELAXED);
        usleep(50000);
        uint64_t done = __atomic_load_n(&rounds_done, __ATOMIC_RELAXED) - before;
        best = done > best ? done : best;
    }
    return best;
}

static int is_profiler(pid_t pid)
{
    char path[64], name[64] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    FILE *file = fopen(path, "r");
    int is = file && fgets(name, sizeof name, file) && strncmp(name, "proftop", 7) == 0;
    if (file)
        fclose(file);
    return is;
}

int main(int argc, char **argv)
{
    pthread_t threads[2];
    pid_t parent = getppid();
    int stops = is_profiler(parent);
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, thread_main, NULL) != 0)
            cannot("no threads can be started");
    uint64_t before = best_of(.4);
    if (stops)
        kill(parent, SIGSTOP);
    uint64_t meanwhile = best_of(1.5);
    if (stops)
        kill(parent, SIGCONT);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    if (meanwhile * 2 < before)
        broken("slower while the profiler stood still: %d rounds, before %d", (int)meanwhile,
               (int)before);
    puts("front_stopped: at full speed");
    tell_kernel_count(argc > 1 ? argv[1] : NULL);
    return HOSTILE_OK;
}
