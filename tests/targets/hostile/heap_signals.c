/*
 * Uses the heap in signal handlers: `heap_signals MODE FILE` with tests/targets/heap/bump.c
 * preloaded, whose functions may be interrupted and called anywhere. FILE gets how many blocks were
 * allocated, and how many signals came.
 *
 *   storm   handlers allocate and free wherever they come, also within a call of the allocator
 *   jump    handlers leave by siglongjmp(), out of whatever they interrupted
 *
 * A lock that is held, or a level that is counted, while a handler runs is the end of a careless
 * hook.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>

#include "tests/targets/hostile/hostile.h"

enum { THREADS = 2, SIGNALS = 5000 };

static volatile sig_atomic_t done;
static volatile long handled, taken;
static pthread_t threads[THREADS];
static _Thread_local sigjmp_buf back;
static _Thread_local volatile sig_atomic_t may_jump;
static int jumping;

static void handler(int number)
{
    void *blocks[3];
    for (size_t i = 0; i < 3; i++) {
        blocks[i] = malloc(i * 40 + (size_t)number);
        if (!blocks[i])
            broken("no memory in a handler");
        memset(blocks[i], 1, i * 40 + (size_t)number);
    }
    free(blocks[1]);
    blocks[0] = realloc(blocks[0], 500);
    __atomic_add_fetch(&taken, 4, __ATOMIC_RELAXED);
    free(blocks[0]);
    free(blocks[2]);
    __atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED);
    if (jumping && may_jump)
        siglongjmp(back, 1);
}

__attribute__((noipa)) void work_between_signals(unsigned i)
{
    char *volatile block = malloc(i % 200 + 1);
    memset(block, (int)i, i % 200 + 1);
    block = realloc(block, i % 300 + 200);
    if (block[i % 200] != (char)i)
        broken("a block was changed");
    free(block);
    __atomic_add_fetch(&taken, 2, __ATOMIC_RELAXED);
}

/* A timer that interrupts the calling thread, however busy the others are. */
static void interrupt_me(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
    struct itimerspec often = {{0, 100000}, {0, 100000}};
    timer_t timer;
    event._sigev_un._tid = gettid();
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 ||
        timer_settime(timer, 0, &often, NULL) != 0)
        cannot("no timers");
}

static void *worker(void *arg)
{
    volatile unsigned i = 0;
    interrupt_me();
    sigsetjmp(back, 1);
    may_jump = 1;
    while (!done)
        work_between_signals(i++), spin(300);
    may_jump = 0;
    return arg;
}

/* Until as many signals as are wanted have come: a thread that hangs lets them run out. */
static void wait_for_signals(void)
{
    struct timespec pause = {0, 1000000};
    uint64_t until = clock_ns(CLOCK_MONOTONIC) + 10000000000;
    while (handled < SIGNALS) {
        if (clock_ns(CLOCK_MONOTONIC) > until)
            broken("a thread hangs: %ld signals were handled", (long)handled);
        nanosleep(&pause, NULL);
    }
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = handler};
    jumping = argc > 1 && strcmp(argv[1], "jump") == 0;
    if (!dlsym(RTLD_DEFAULT, "bump_used"))
        cannot("the allocator for this is not preloaded");
    sigaction(SIGUSR1, &action, NULL);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, worker, NULL) != 0)
            cannot("no threads");
    wait_for_signals();
    done = 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    FILE *file = fopen(argc > 2 ? argv[2] : "/dev/null", "w");
    fprintf(file, "%ld %ld\n", (long)taken, (long)handled);
    fclose(file);
    printf("heap_signals: done\n");
    return HOSTILE_OK;
}
