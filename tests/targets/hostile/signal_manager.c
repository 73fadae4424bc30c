/*
 * signal_manager MODE: a thread that takes every signal, by `sigwait`, `sigtimedwait` or
 * `signalfd`, while two others compute with everything blocked and the program sends signals of all
 * kinds to itself. A profiler whose sampling signal is for the process, or stays pending, hands it
 * to that thread. Checks that exactly what was sent arrives, in order, with its own values.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>

#include "tests/targets/hostile/hostile.h"

enum { ROUNDS = 5, STOP = -1 };

static atomic_bool done;
static atomic_int taken;
static sigset_t all;

static int by_signalfd(int fd, int *ret_value)
{
    struct signalfd_siginfo info;
    ssize_t n = read(fd, &info, sizeof info);
    if (n != sizeof info)
        broken("signalfd: %zd bytes, %d", n, errno);
    if (info.ssi_code != SI_QUEUE || info.ssi_pid != (uint32_t)getpid())
        broken("signalfd: signal %u with code %d", info.ssi_signo, info.ssi_code);
    *ret_value = info.ssi_int;
    return (int)info.ssi_signo;
}

static int by_sigtimedwait(int *ret_value)
{
    struct timespec limit = {10, 0};
    siginfo_t info;
    int number = sigtimedwait(&all, &info, &limit);
    if (number < 0)
        broken("sigtimedwait: %d", errno);
    if (info.si_code != SI_QUEUE || info.si_pid != getpid())
        broken("sigtimedwait: signal %d with code %d", number, info.si_code);
    *ret_value = info.si_value.sival_int;
    return number;
}

/* The values sent with a signal are its number and the round. */
static void *manager(void *mode)
{
    int fd = strcmp(mode, "signalfd") == 0 ? signalfd(-1, &all, SFD_CLOEXEC) : -1, number, value;
    for (;;) {
        if (strcmp(mode, "sigwait") == 0) {
            if (sigwait(&all, &number) != 0)
                broken("sigwait failed");
            value = number + 100 * (atomic_load(&taken) / (SIGRTMAX - SIGRTMIN + 1));
        } else {
            number = fd >= 0 ? by_signalfd(fd, &value) : by_sigtimedwait(&value);
        }
        if (number == SIGTERM)
            return mode;
        int n = atomic_load(&taken), each = SIGRTMAX - SIGRTMIN + 1;
        int wanted = SIGRTMIN + n % each + 100 * (n / each);
        if (value != wanted || number != wanted % 100)
            broken("signal %d with value %d, wanted %d", number, value, wanted);
        atomic_fetch_add(&taken, 1);
    }
}

static void *computes(void *arg)
{
    while (!atomic_load(&done))
        burn(0.01);
    return arg;
}

int main(int argc, char **argv)
{
    char *mode = argc > 1 ? argv[1] : "sigwait";
    pthread_t manages, threads[2];
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    pthread_create(&manages, NULL, manager, mode);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, computes, NULL);
    int sent = 0;
    for (int round = 0; round < ROUNDS; round++)
        for (int number = SIGRTMIN; number <= SIGRTMAX; number++, sent++) {
            sigqueue(getpid(), number, (union sigval){.sival_int = number + 100 * round});
            while (atomic_load(&taken) <= sent)
                burn(0.0005);
        }
    burn(0.1);
    sigqueue(getpid(), SIGTERM, (union sigval){.sival_int = STOP});
    pthread_join(manages, NULL);
    atomic_store(&done, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("%s: %d sent, %d taken\n", mode, sent, atomic_load(&taken));
    return HOSTILE_OK;
}
