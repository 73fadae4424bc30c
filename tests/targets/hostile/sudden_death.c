/*
 * Forty children that die at a random moment of their work: `sudden_death FILE`. Killed from
 * outside, by SIGSEGV, by abort, by _exit out of a thread. A profiler that collects at the end
 * loses what such a child did; one that is called at the end may hang or change the status. The
 * kernel's count of the children's time is what the profile must show.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"
#include "tests/targets/hostile/kernel_count.h"

enum { CHILDREN = 40 };

static volatile int *volatile nowhere; /* NULL, unknown to the compiler */

__attribute__((noipa)) void work_of_the_doomed(double seconds)
{
    burn(seconds);
    __asm__ volatile("");
}

static void *leave(void *arg)
{
    work_of_the_doomed(.01);
    _exit(HOSTILE_OK);
    return arg;
}

static void die(int way, double seconds)
{
    struct rlimit none = {0};
    pthread_t thread;
    setrlimit(RLIMIT_CORE, &none);
    work_of_the_doomed(seconds);
    if (way == 0)
        work_of_the_doomed(100);
    if (way == 1)
        *nowhere = 1;
    if (way == 2)
        abort();
    if (pthread_create(&thread, NULL, leave, NULL) == 0)
        work_of_the_doomed(100);
    _exit(HOSTILE_BROKEN);
}

int main(int argc, char **argv)
{
    static const int ends[] = {SIGKILL, SIGSEGV, SIGABRT, HOSTILE_OK << 8};
    srand(11);
    for (int i = 0; i < CHILDREN; i++) {
        int status;
        double seconds = (rand() % 20000) / 1e6;
        pid_t pid = fork();
        if (pid == 0)
            die(i % 4, seconds);
        if (i % 4 == 0) {
            usleep((useconds_t)(rand() % 20000));
            kill(pid, SIGKILL);
        }
        if (waitpid(pid, &status, 0) != pid || status != ends[i % 4])
            broken("child %d ended with status %x", i, status);
    }
    printf("sudden_death: %d children\n", CHILDREN);
    tell_kernel_count(argc > 1 ? argv[1] : NULL);
    return HOSTILE_OK;
}
