/*
 * Forbids itself the processor's clock, as those do who want each run to be the same: reading it is
 * SIGSEGV from then on. Then allocates, in two threads and in a forked child.
 */
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"

static __attribute__((noipa)) void *take_without_clock(void *unused)
{
    char *volatile blocks[100];
    for (int round = 0; round < 1000; round++) {
        for (size_t i = 0; i < 100; i++)
            blocks[i] = malloc(i + 1);
        for (size_t i = 0; i < 100; i++)
            free(blocks[i]);
    }
    return unused;
}

int main(void)
{
    pthread_t thread;
    int status;
    if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) != 0)
        cannot("no PR_SET_TSC");
    if (pthread_create(&thread, NULL, take_without_clock, NULL) != 0)
        cannot("no thread");
    take_without_clock(NULL);
    pthread_join(thread, NULL);
    pid_t child = fork();
    if (child == 0) {
        take_without_clock(NULL);
        _exit(HOSTILE_OK);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        cannot("no child");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != HOSTILE_OK)
        broken("the child ended by %d", status);
    puts("no clock was needed");
    return HOSTILE_OK;
}
