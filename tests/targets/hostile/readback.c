/*
 * Reads back all of its signal state: every handler, masks, pending signals, alternate stacks,
 * stack bounds, in the main thread and in another. A profiler that keeps a handler, an alternate
 * stack, a blocked or a pending signal in the process shows in one of these. Then sets each of
 * them, by every function that libc has for it, and reads back exactly what it set.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/targets/hostile/hostile.h"

static void on_signal(int number)
{
    (void)number;
}

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* all that libc has */

static void on_signal_info(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info, (void)context;
}

static void check_handlers_are(void *handler, const char *when)
{
    for (int number = 1; number <= SIGRTMAX; number++) {
        struct sigaction old;
        memset(&old, 0xaa, sizeof old);
        if (number >= 32 && number < SIGRTMIN)
            continue;
        if (sigaction(number, NULL, &old) != 0)
            broken("%s: sigaction of %d: %d", when, number, errno);
        if (number != SIGKILL && number != SIGSTOP && (void *)old.sa_handler != handler)
            broken("%s: signal %d has another handler", when, number);
    }
}

static void check_handlers_are_untouched(void)
{
    check_handlers_are(NULL, "at first");
    for (int number = 1; number <= SIGRTMAX; number++) {
        struct sigaction old;
        if (number >= 32 && number < SIGRTMIN)
            continue;
        memset(&old, 0xaa, sizeof old);
        sigaction(number, NULL, &old);
        if (old.sa_flags != 0)
            broken("at first: signal %d has flags %x", number, old.sa_flags);
        for (int masked = 1; masked <= SIGRTMAX; masked++)
            if (sigismember(&old.sa_mask, masked) == 1)
                broken("at first: signal %d masks %d", number, masked);
    }
}

/* Apart from the one that libc sets, and shows. */
static int flags_of(const struct sigaction *action)
{
    return action->sa_flags & ~0x04000000;
}

/* Each signal gets flags and a mask of its own, and reads them back. */
static void set_handlers_apart(void)
{
    for (int number = 1; number <= SIGRTMAX; number++) {
        struct sigaction wanted = {.sa_sigaction = on_signal_info}, old;
        if (number == SIGKILL || number == SIGSTOP || (number >= 32 && number < SIGRTMIN))
            continue;
        wanted.sa_flags = SA_SIGINFO | (number & 1 ? SA_RESTART : 0) |
                          (number & 2 ? SA_ONSTACK : 0) | (number & 4 ? SA_NODEFER : 0);
        sigemptyset(&wanted.sa_mask);
        sigaddset(&wanted.sa_mask, number % 31 + 1);
        sigaddset(&wanted.sa_mask, SIGRTMAX);
        if (sigaction(number, &wanted, NULL) != 0)
            broken("cannot handle signal %d", number);
        sigaction(number, NULL, &old);
        if (old.sa_sigaction != on_signal_info || flags_of(&old) != wanted.sa_flags)
            broken("signal %d: other flags than were set: %x %x", number, flags_of(&old),
                   wanted.sa_flags);
        for (int masked = 1; masked <= SIGRTMAX; masked++)
            if (masked != SIGKILL && masked != SIGSTOP &&
                sigismember(&old.sa_mask, masked) != sigismember(&wanted.sa_mask, masked))
                broken("signal %d: %d in its mask changed", number, masked);
    }
}

static void set_handlers_the_old_way(void)
{
    for (int number = 1; number <= SIGRTMAX; number++) {
        struct sigaction old;
        if (number == SIGKILL || number == SIGSTOP || (number >= 32 && number < SIGRTMIN))
            continue;
        if (signal(number, on_signal) == SIG_ERR)
            broken("signal(%d)", number);
        sigaction(number, NULL, &old);
        if (old.sa_handler != on_signal || flags_of(&old) != SA_RESTART)
            broken("signal(%d) is not there, flags %x", number, flags_of(&old));
        siginterrupt(number, 1);
        sigaction(number, NULL, &old);
        if (old.sa_handler != on_signal || flags_of(&old) != 0)
            broken("siginterrupt(%d) changed more", number);
        if (signal(number, SIG_IGN) != on_signal || signal(number, SIG_DFL) != SIG_IGN)
            broken("signal(%d) forgets what was set", number);
    }
}

static void check_mask_is(const sigset_t *wanted, const char *when)
{
    sigset_t mask;
    sigemptyset(&mask);
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    for (int number = 1; number <= SIGRTMAX; number++)
        if (number != SIGKILL && number != SIGSTOP && (number < 32 || number >= SIGRTMIN) &&
            sigismember(&mask, number) != sigismember(wanted, number))
            broken("%s: %d is %s", when, number,
                   sigismember(&mask, number) ? "blocked" : "not blocked");
    sigpending(&mask);
    for (int number = 1; number <= SIGRTMAX; number++)
        if (sigismember(&mask, number) == 1)
            broken("%s: %d is pending", when, number);
}

static void set_masks(void)
{
    sigset_t none, all, some, old;
    sigemptyset(&none);
    sigfillset(&all);
    check_mask_is(&none, "at first");
    for (int number = 1; number <= SIGRTMAX; number++) {
        if (number == SIGKILL || number == SIGSTOP || (number >= 32 && number < SIGRTMIN))
            continue;
        sigemptyset(&some);
        sigaddset(&some, number);
        sigprocmask(number & 1 ? SIG_BLOCK : SIG_SETMASK, &some, &old);
        burn(0.001);
        check_mask_is(&some, "one blocked");
        sigprocmask(SIG_UNBLOCK, &all, &old);
        if (!sigismember(&old, number))
            broken("sigprocmask does not give %d back", number);
        check_mask_is(&none, "none blocked");
    }
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    burn(0.05);
    check_mask_is(&all, "all blocked");
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    check_mask_is(&none, "none blocked again");
}

static void check_altstack(void)
{
    stack_t old = {.ss_sp = &old, .ss_size = 1}, wanted = {.ss_size = 65536};
    if (sigaltstack(NULL, &old) != 0 || old.ss_flags != SS_DISABLE || old.ss_sp || old.ss_size)
        broken("an alternate stack at first: flags %d, %zu bytes", old.ss_flags, old.ss_size);
    wanted.ss_sp = malloc(wanted.ss_size);
    memset(&old, 0xaa, sizeof old);
    if (sigaltstack(&wanted, &old) != 0 || old.ss_flags != SS_DISABLE)
        broken("setting an alternate stack shows flags %d", old.ss_flags);
    sigaltstack(NULL, &old);
    if (old.ss_sp != wanted.ss_sp || old.ss_size != wanted.ss_size || old.ss_flags != 0)
        broken("another alternate stack than was set: %zu bytes, flags %d", old.ss_size,
               old.ss_flags);
    burn(0.01);
    stack_t small = {.ss_sp = wanted.ss_sp, .ss_size = 100};
    if (sigaltstack(&small, NULL) != -1 || errno != ENOMEM)
        broken("an alternate stack of 100 bytes is no error");
    small.ss_flags = 77;
    if (sigaltstack(&small, NULL) != -1 || errno != EINVAL)
        broken("an alternate stack with flags of 77 is no error");
    wanted.ss_flags = SS_DISABLE;
    if (sigaltstack(&wanted, &old) != 0 || old.ss_size != wanted.ss_size)
        broken("cannot disable the alternate stack");
    if (sigaltstack(NULL, &old) != 0 || old.ss_flags != SS_DISABLE)
        broken("the alternate stack is not disabled");
    free(wanted.ss_sp);
}

static void check_stack(size_t wanted)
{
    pthread_attr_t attr;
    void *start;
    size_t size, guard;
    char here;
    if (pthread_getattr_np(pthread_self(), &attr) != 0)
        broken("pthread_getattr_np failed");
    pthread_attr_getstack(&attr, &start, &size);
    pthread_attr_getguardsize(&attr, &guard);
    if (&here < (char *)start || &here >= (char *)start + size)
        broken("the thread is not on its stack");
    if (wanted && (size != wanted || guard != (size_t)sysconf(_SC_PAGESIZE)))
        broken("a stack of %zu bytes, guard of %zu", size, guard);
    pthread_attr_destroy(&attr);
}

static void *in_thread(void *arg)
{
    sigset_t none;
    sigemptyset(&none);
    check_mask_is(&none, "a new thread");
    check_altstack();
    check_stack(128 * 1024);
    burn(0.05);
    set_masks();
    return arg;
}

int main(void)
{
    struct rlimit limit;
    pthread_attr_t attr;
    pthread_t thread;
    void *result;
    check_handlers_are_untouched();
    check_altstack();
    set_masks();
    getrlimit(RLIMIT_STACK, &limit);
    check_stack(0);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 128 * 1024);
    if (pthread_create(&thread, &attr, in_thread, NULL) != 0 || pthread_join(thread, &result) != 0)
        broken("no thread");
    set_handlers_the_old_way();
    check_handlers_are(NULL, "after signal()");
    set_handlers_apart();
    burn(0.1);
    check_handlers_are((void *)on_signal_info, "after sigaction()");
    puts("all reads back as it was set");
    return HOSTILE_OK;
}
