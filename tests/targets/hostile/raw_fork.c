/*
 * Forks by system call, past libc and its atfork handlers: `raw_fork FILE`. fork, clone and clone3
 * in turn, each child with 20 ms of work; then a child that shares the parent's memory until it
 * ends (CLONE_VM | CLONE_VFORK, on a stack of its own). A profiler that learns of forks only from
 * libc lets such children write into the parent's buffers, or kills them with the parent's timers.
 * The parent's own work must still be counted once.
 */
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"
#include "tests/targets/hostile/kernel_count.h"

enum { ROUNDS = 5, STACK = 64 << 10 };

__attribute__((noipa)) void work_of_the_raw_child(void)
{
    burn(.02);
    __asm__ volatile("");
}

__attribute__((noipa)) void work_of_the_raw_parent(void)
{
    burn(.02);
    __asm__ volatile("");
}

static pid_t raw_fork(int round)
{
    struct clone_args args = {.exit_signal = SIGCHLD};
#ifdef SYS_fork
    if (round % 3 == 0)
        return (pid_t)syscall(SYS_fork);
#endif
    if (round % 3 == 1)
        return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    return pid < 0 ? fork() : pid; /* containers may refuse it */
}

static int shared_child(void *arg)
{
    work_of_the_raw_child();
    *(volatile int *)arg += 1;
    return HOSTILE_OK;
}

static void reap(pid_t pid, const char *what)
{
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != HOSTILE_OK << 8)
        broken("%s: status %x", what, status);
}

int main(int argc, char **argv)
{
    int shared = 0;
    char *stack =
        mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    for (int round = 0; round < ROUNDS * 3; round++) {
        pid_t pid = raw_fork(round);
        if (pid == 0) {
            work_of_the_raw_child();
            _exit(HOSTILE_OK);
        }
        work_of_the_raw_parent();
        reap(pid, "raw child");
    }
    for (int round = 0; round < ROUNDS; round++)
        reap(clone(shared_child, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, &shared),
             "child in the parent's memory");
    printf("raw_fork: %d children, %d in shared memory\n", ROUNDS * 4, shared);
    tell_kernel_count(argc > 1 ? argv[1] : NULL);
    return HOSTILE_OK;
}
