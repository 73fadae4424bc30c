/*
 * Calls exit() while eight threads use the heap, in eight children one after the other:
 * `exit_storm FILE`. Destructors and atexit handlers run while the threads go on: hooks whose state
 * was taken down crash, handlers that wait for a sampling thread hang. Each child must leave with
 * its status.
 */
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"
#include "tests/targets/hostile/kernel_count.h"

enum { THREADS = 8, CHILDREN = 8 };

__attribute__((noipa)) void work_until_exit(void)
{
    for (unsigned n = 1;; n++) {
        void *volatile block = malloc(n % 3000 + 1);
        block = realloc(block, n % 7000 + 1);
        free(block);
    }
}

static void *thread_main(void *arg)
{
    work_until_exit();
    return arg;
}

static void at_exit(void)
{
    burn(.002);
    free(malloc(100));
}

static void child_main(void)
{
    pthread_t thread;
    alarm(10);
    atexit(at_exit);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread, NULL, thread_main, NULL) != 0)
            exit(HOSTILE_CANNOT);
    burn(.005);
    exit(HOSTILE_OK);
}

int main(int argc, char **argv)
{
    for (int i = 0; i < CHILDREN; i++) {
        int status;
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0)
            child_main();
        if (waitpid(pid, &status, 0) != pid || status != HOSTILE_OK << 8)
            broken("child %d ended with status %x", i, status);
    }
    printf("exit_storm: %d children\n", CHILDREN);
    tell_kernel_count(argc > 1 ? argv[1] : NULL);
    return HOSTILE_OK;
}
