/*
 * own_rt_signal MODE: takes every real-time signal for itself, one after the other, with a timer
 * and with signals that it queues to itself while it computes. A profiler that samples with one of
 * them sees its handler replaced, feeds its own ticks to the program, or swallows the program's.
 * Checks that its handler gets each signal that was sent, in order, with its own siginfo, none
 * else.
 *
 *   turn    by sigaction, one signal at a time, given back before the next
 *   all     by sigaction, all of them at once
 *   signal  by signal(), all at once
 *   raw     by the system call itself, all at once, as Go's run time does it
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "tests/targets/hostile/hostile.h"

enum { QUEUED = 20, SIGNALS = 65 };

static struct seen {
    volatile int ticks;
    volatile int queued;
    volatile int bare; /* came to a handler that is told the number only */
} seen[SIGNALS];
static int timers[SIGNALS]; /* an address of its own for each signal */

static void on_signal_info(int number, siginfo_t *info, void *context)
{
    int error = errno;
    ucontext_t *interrupted = context;
    if (number != info->si_signo)
        broken("handler of %d is told of %d", number, info->si_signo);
    if (info->si_code == SI_TIMER) {
        if (info->si_value.sival_ptr != &timers[number])
            broken("signal %d came from a timer that is not the program's", number);
        seen[number].ticks++;
    } else if (info->si_code == SI_QUEUE) {
        if (info->si_value.sival_int != seen[number].queued || info->si_pid != getpid())
            broken("signal %d: queued value %d, wanted %d", number, info->si_value.sival_int,
                   seen[number].queued);
        seen[number].queued++;
    } else {
        broken("signal %d with code %d", number, info->si_code);
    }
    for (int blocked = 1; blocked <= SIGRTMAX; blocked++)
        if (sigismember(&interrupted->uc_sigmask, blocked) == 1)
            broken("signal %d interrupted code that had %d blocked", number, blocked);
    errno = error;
}

static void on_signal(int number)
{
    seen[number].bare++;
}

#ifdef __x86_64__
__asm__(".text\n.type give_back, @function\ngive_back: mov $15, %eax\nsyscall\n.size give_back, "
        ".-give_back");
extern void give_back(void);
#endif

/* As the kernel wants it; libc's sigaction() is not told. */
static void handle_raw(int number)
{
#ifdef __x86_64__
    struct {
        void (*handler)(int, siginfo_t *, void *);
        unsigned long flags;
        void (*restorer)(void);
        uint64_t mask;
    } action = {on_signal_info, SA_SIGINFO | SA_RESTART | 0x04000000, give_back, 0};
    if (syscall(SYS_rt_sigaction, number, &action, NULL, 8) != 0)
        broken("rt_sigaction of %d: %d", number, errno);
#else
    (void)number;
    cannot("x86-64 only");
#endif
}

static void handle(int number)
{
    struct sigaction action = {.sa_sigaction = on_signal_info, .sa_flags = SA_SIGINFO | SA_RESTART};
    if (sigaction(number, &action, NULL) != 0)
        broken("sigaction of %d: %d", number, errno);
}

static void give_up(int number)
{
    struct sigaction ours, fallback = {.sa_handler = SIG_DFL};
    if (sigaction(number, &fallback, &ours) != 0 || ours.sa_sigaction != on_signal_info)
        broken("signal %d is not the program's any more", number);
}

/* A tick each 2 ms, and QUEUED signals in between, over `milliseconds` of work. */
static void use(int number, int milliseconds)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
                             .sigev_signo = number,
                             .sigev_value.sival_ptr = &timers[number]};
    struct itimerspec period = {{0, 2000000}, {0, 2000000}};
    timer_t timer;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 ||
        timer_settime(timer, 0, &period, NULL) != 0)
        broken("no timer for signal %d: %d", number, errno);
    for (int i = 0; i < QUEUED; i++) {
        if (sigqueue(getpid(), number, (union sigval){.sival_int = i}) != 0)
            broken("sigqueue of %d: %d", number, errno);
        burn(milliseconds * 1e-3 / QUEUED);
    }
    timer_delete(timer);
}

static void check(int number, bool told)
{
    const struct seen *got = &seen[number];
    if (told && (got->queued != QUEUED || got->ticks < 2 || got->bare))
        broken("signal %d: %d queued, %d ticks", number, got->queued, got->ticks);
    if (!told && (got->bare < QUEUED + 2 || got->queued || got->ticks))
        broken("signal %d: %d signals", number, got->bare);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "turn";
    bool turn = strcmp(mode, "turn") == 0, told = strcmp(mode, "signal") != 0;
    for (int number = SIGRTMIN; number <= SIGRTMAX && !turn; number++) {
        if (strcmp(mode, "raw") == 0)
            handle_raw(number);
        else if (told)
            handle(number);
        else
            signal(number, on_signal);
    }
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        if (turn)
            handle(number);
        use(number, 9);
        check(number, told);
        if (turn)
            give_up(number);
    }
    printf("%s: %d signals, each its own\n", mode, SIGRTMAX - SIGRTMIN + 1);
    return HOSTILE_OK;
}
