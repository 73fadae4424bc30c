/*
 * blocked MODE: computes for 0.25 s in a thread that blocks every signal: by `libc`, by the system
 * call itself (`raw`), by the attributes of the thread (`attr`), or from main before all (`main`).
 * A profiler that samples with a signal sees nothing there and may say nothing, or unblocks what
 * the program has blocked. Checks that the mask reads back as it was set, also raw for what the
 * program sent itself: a blocked signal stays pending until it is unblocked, then comes once.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "tests/targets/hostile/hostile.h"

static volatile int handled[65];

static void on_signal(int number)
{
    handled[number]++;
}

static int blocked_signals(void)
{
    sigset_t mask;
    int n = 0;
    sigemptyset(&mask);
    sigprocmask(SIG_BLOCK, NULL, &mask);
    for (int number = 1; number <= SIGRTMAX; number++)
        n += sigismember(&mask, number) == 1;
    return n;
}

/* libc is not asked, and does not know. */
static void block_raw(void)
{
    uint64_t all = ~0ull;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
}

static void *in_thread(void *mode)
{
    sigset_t all, pending;
    struct sigaction action = {.sa_handler = on_signal};
    sigfillset(&all);
    if (strcmp(mode, "raw") == 0)
        block_raw();
    if (strcmp(mode, "libc") == 0)
        pthread_sigmask(SIG_SETMASK, &all, NULL);
    int before = blocked_signals();
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        sigaction(number, &action, NULL);
        pthread_kill(pthread_self(), number);
    }
    burn(0.25);
    sigpending(&pending);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        if (handled[number] || !sigismember(&pending, number))
            broken("signal %d came through", number);
    /* All but SIGKILL and SIGSTOP, and the two that libc never blocks. */
    if (before != 60 && !(strcmp(mode, "raw") == 0 && before == 62))
        broken("%d signals are blocked at first", before);
    if (blocked_signals() != before)
        broken("%d signals are blocked, then %d", before, blocked_signals());
    sigprocmask(SIG_UNBLOCK, &all, NULL);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        if (handled[number] != 1)
            broken("signal %d came %d times", number, handled[number]);
    if (blocked_signals() > 2)
        broken("%d signals are still blocked", blocked_signals());
    return mode;
}

int main(int argc, char **argv)
{
    char *mode = argc > 1 ? argv[1] : "libc";
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all;
    sigfillset(&all);
    pthread_attr_init(&attr);
    if (strcmp(mode, "attr") == 0)
        pthread_attr_setsigmask_np(&attr, &all);
    if (strcmp(mode, "main") == 0)
        sigprocmask(SIG_BLOCK, &all, NULL);
    if (pthread_create(&thread, &attr, in_thread, mode) != 0)
        broken("no thread");
    pthread_join(thread, NULL);
    if (blocked_signals() != (strcmp(mode, "main") == 0 ? 60 : 0))
        broken("%d signals are blocked in main", blocked_signals());
    printf("%s: blocked is blocked\n", mode);
    return HOSTILE_OK;
}
