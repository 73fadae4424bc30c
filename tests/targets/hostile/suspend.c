/*
 * Waits for signals with sigsuspend(), ppoll(), pselect() and epoll_pwait(), each of which puts
 * another mask in place for the time of the call, and counts: it must return for the signal that
 * another thread sends, after its handler, and for no other reason. A profiler's signal that comes
 * through the other mask wakes it; one that changes the mask lets it sleep for good.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "tests/targets/hostile/hostile.h"

enum { ROUNDS = 100 };

static atomic_int handled, asked;
static atomic_bool done;
static int epoll;

static void on_signal(int number)
{
    (void)number;
    atomic_fetch_add(&handled, 1);
}

static void *sender(void *thread)
{
    for (int sent = 0; !atomic_load(&done);)
        if (atomic_load(&asked) > sent) {
            spin(20000);
            sent++;
            pthread_kill(*(pthread_t *)thread, SIGUSR1);
        }
    return NULL;
}

static int wait_for_signal(int way, const sigset_t *open)
{
    struct timespec limit = {10, 0};
    struct epoll_event event;
    switch (way) {
    case 0:
        return sigsuspend(open);
    case 1:
        return ppoll(NULL, 0, &limit, open);
    case 2:
        return pselect(0, NULL, NULL, NULL, &limit, open);
    default:
        return epoll_pwait(epoll, &event, 1, 10000, open);
    }
}

int main(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    pthread_t self = pthread_self(), thread;
    sigset_t blocked, all_but_one, open, now;
    epoll = epoll_create1(EPOLL_CLOEXEC);
    sigemptyset(&open);
    sigfillset(&all_but_one);
    sigdelset(&all_but_one, SIGUSR1);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigaction(SIGUSR1, &action, NULL);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    pthread_create(&thread, NULL, sender, &self);
    for (int way = 0; way < 4; way++)
        for (int round = 0; round < ROUNDS; round++) {
            int before = atomic_load(&handled);
            burn(0.0005);
            atomic_fetch_add(&asked, 1);
            int result = wait_for_signal(way, round & 1 ? &open : &all_but_one);
            if (result != -1 || errno != EINTR || atomic_load(&handled) != before + 1)
                broken("way %d: result %d, errno %d, %d signals", way, result, errno,
                       atomic_load(&handled) - before);
            sigprocmask(SIG_BLOCK, NULL, &now);
            for (int number = 1; number <= SIGRTMAX; number++)
                if (sigismember(&now, number) == 1 && number != SIGUSR1)
                    broken("way %d: %d stayed blocked", way, number);
        }
    atomic_store(&done, true);
    pthread_join(thread, NULL);
    printf("%d waits, %d signals\n", 4 * ROUNDS, atomic_load(&handled));
    return HOSTILE_OK;
}
