/*
 * Many threads: `many_threads N BUSY CHURN` starts N threads that wait, of which BUSY work, and
 * CHURN that do nothing but start threads, each of which works for a moment and ends. Says "ready"
 * when all run. Ends at the end of its standard input, and then prints how often each busy thread's
 * work was done and how many threads came and went.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { STACK_BYTES = 64 << 10, SHORT_NS = 4 * 1000 * 1000 };

static pthread_barrier_t all_run;
static atomic_bool done;
static atomic_ulong rounds, born;
static pthread_attr_t small;

__attribute__((noinline)) void crunch(void)
{
    for (volatile int i = 0; i < 100000; i++)
        ;
    atomic_fetch_add(&rounds, 1);
}

static void *wait_for_end(void *arg)
{
    pthread_barrier_wait(&all_run);
    while (!done)
        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
    return arg;
}

static void *work(void *arg)
{
    pthread_barrier_wait(&all_run);
    while (!done)
        crunch();
    return arg;
}

static long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000 + now.tv_nsec;
}

__attribute__((noinline)) void *live_shortly(void *arg)
{
    for (long end = now_ns() + SHORT_NS; now_ns() < end;)
        ;
    atomic_fetch_add(&born, 1);
    return arg;
}

static void *churn(void *arg)
{
    pthread_t thread;
    pthread_barrier_wait(&all_run);
    while (!done)
        if (pthread_create(&thread, &small, live_shortly, NULL) == 0)
            pthread_join(thread, NULL);
    return arg;
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 500, busy = argc > 2 ? atoi(argv[2]) : 4,
        churners = argc > 3 ? atoi(argv[3]) : 0;
    pthread_t *threads = calloc((size_t)n, sizeof *threads);
    char byte;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_BYTES);
    pthread_barrier_init(&all_run, NULL, (unsigned)n + 1);
    for (int i = 0; i < n; i++) {
        void *(*body)(void *) = i < busy ? work : i < busy + churners ? churn : wait_for_end;
        if (pthread_create(&threads[i], &small, body, NULL) != 0)
            return 1;
    }
    pthread_barrier_wait(&all_run);
    puts("ready");
    fflush(stdout);
    if (argc > 4)
        pthread_exit(NULL);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    done = 1;
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    printf("%lu rounds, %lu threads\n", rounds, born);
    free(threads);
    return 0;
}
