/*
 * Forks while 50 threads use the heap. `fork_among_threads FILE`. The child has one thread and a
 * copy of every lock as it was at that moment: a profiler that keeps a lock of its own, or whose
 * handler is interrupted by the fork, leaves a child that waits for ever. Every child uses the
 * heap, starts a thread of its own and must end by itself; an alarm tells of one that does not.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"
#include "tests/targets/hostile/kernel_count.h"

enum { THREADS = 50, FORKS = 20 };

static int stop;

static void use_the_heap(unsigned n)
{
    void *volatile blocks[16];
    for (unsigned i = 0; i < 16; i++)
        blocks[i] = malloc((n * 31 + i * 57) % 5000 + 1);
    for (unsigned i = 0; i < 16; i++)
        free(blocks[i]);
}

static void *thread_main(void *arg)
{
    for (unsigned n = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); n++) {
        use_the_heap(n);
        if (n % 32 == 0)
            usleep(2000);
    }
    return arg;
}

static void *child_thread(void *arg)
{
    use_the_heap(3);
    return arg;
}

static void child_main(void)
{
    pthread_t thread;
    alarm(10);
    for (unsigned n = 0; n < 100; n++)
        use_the_heap(n);
    burn(.001);
    if (pthread_create(&thread, NULL, child_thread, NULL) == 0 && pthread_join(thread, NULL) == 0)
        _exit(HOSTILE_OK);
    _exit(HOSTILE_BROKEN);
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, thread_main, NULL) != 0)
            cannot("%d threads are more than this machine allows", THREADS);
    for (int i = 0; i < FORKS; i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0)
            child_main();
        if (waitpid(pid, &status, 0) != pid || status != HOSTILE_OK << 8)
            broken("child %d ended with status %x", i, status);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("fork_among_threads: %d children\n", FORKS);
    tell_kernel_count(argc > 1 ? argv[1] : NULL);
    return HOSTILE_OK;
}
