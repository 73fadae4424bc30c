/*
 * Changes its group id in a process of many threads, over and over, while all compute. libc sends a
 * signal of its own to each thread for that, and waits until all have done it. A profiler that
 * takes this signal, or answers for a thread, leaves threads with the rights that were dropped.
 * Checks each thread's id by the system call itself after each change.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>

#include "tests/targets/hostile/hostile.h"

enum { THREADS = 2, CHANGES = 150, FIRST = 4711 };

static atomic_int wanted, confirmed;
static atomic_bool done;

static void *confirms(void *arg)
{
    int seen = 0;
    while (!atomic_load(&done)) {
        int now = atomic_load(&wanted);
        if (now != seen) {
            gid_t group = (gid_t)syscall(SYS_getegid);
            if (group != (gid_t)now)
                broken("a thread has group %u, wanted %d", group, now);
            seen = now;
            atomic_fetch_add(&confirmed, 1);
        }
        spin(10000);
    }
    return arg;
}

int main(void)
{
    const struct timespec pause = {0, 100000};
    pthread_t threads[THREADS];
    if (geteuid() != 0)
        cannot("not root");
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, confirms, NULL);
    for (int i = 0; i < CHANGES; i++) {
        if (setresgid((gid_t)-1, (gid_t)(FIRST + i), (gid_t)-1) != 0)
            broken("setresgid: %d", errno);
        atomic_store(&wanted, FIRST + i);
        while (atomic_load(&confirmed) < (i + 1) * THREADS)
            nanosleep(&pause, NULL);
    }
    atomic_store(&done, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("%d changes in %d threads\n", CHANGES, THREADS + 1);
    return HOSTILE_OK;
}
