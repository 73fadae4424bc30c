/*
 * A server that forks for every request: `prefork FILE`. 200 children in two seconds, each does 4
 * ms of work with the heap in a function of its own name and leaves by _exit; the parent works too
 * and keeps a count of its own. A profiler whose children write into the parent's buffers, or whose
 * lock is held at the moment of the fork, shows wrong numbers for the parent or hangs. Every child
 * checks its blocks; the parent checks every child and its own thread-local words.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"
#include "tests/targets/hostile/kernel_count.h"

enum { CHILDREN = 150, BLOCKS = 100 };

static __thread uint64_t guard[64];

__attribute__((noipa)) void work_of_the_child(void)
{
    char *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc((size_t)i * 37 + 1);
        memset(blocks[i], i, (size_t)i * 37 + 1);
    }
    burn(.004);
    for (int i = 0; i < BLOCKS; i++) {
        for (int k = 0; k <= i * 37; k++)
            if (blocks[i][k] != (char)i)
                _exit(HOSTILE_BROKEN);
        free(blocks[i]);
    }
}

__attribute__((noipa)) void work_of_the_parent(void)
{
    burn(.004);
    __asm__ volatile("");
}

static void reap(int n)
{
    for (int i = 0; i < n; i++) {
        int status;
        if (wait(&status) < 0 || status != HOSTILE_OK << 8)
            broken("a child ended with status %x", status);
    }
}

int main(int argc, char **argv)
{
    for (int i = 0; i < 64; i++)
        guard[i] = (uint64_t)i * 0x9e3779b97f4a7c15;
    for (int i = 0; i < CHILDREN; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            work_of_the_child();
            _exit(HOSTILE_OK);
        }
        if (pid < 0)
            broken("fork: %s", strerror(errno));
        work_of_the_parent();
        if (i % 10 == 9)
            reap(10);
    }
    for (int i = 0; i < 64; i++)
        if (guard[i] != (uint64_t)i * 0x9e3779b97f4a7c15)
            broken("thread-local word %d was changed", i);
    printf("prefork: %d children\n", CHILDREN);
    tell_kernel_count(argc > 1 ? argv[1] : NULL);
    return HOSTILE_OK;
}
