/*
 * Starts threads by the clone system call itself, without thread-local storage of their own: they
 * share that of the thread that started them, and libc does not know them. A profiler that keeps
 * its state there mixes two threads up. The threads compute, the main thread does too; checks what
 * both have computed and the thread-local variables of the main thread.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>

#include "tests/targets/hostile/hostile.h"

enum { STACK = 65536, THREADS = 3, ROUNDS = 150000000 };

static __thread uint64_t mine[64];
static uint64_t results[THREADS + 1];
static int tids[THREADS];

static __attribute__((noipa)) void work_in_raw_thread(uint64_t *ret_result)
{
    *ret_result = spin(ROUNDS);
}

/* On the new stack: nothing but computing, then the end of this thread alone. */
static int run(void *result)
{
    work_in_raw_thread(result);
    syscall(SYS_exit, 0);
    __builtin_unreachable();
}

static void wait_for(int *tid)
{
    int value;
    while ((value = __atomic_load_n(tid, __ATOMIC_ACQUIRE)) != 0)
        syscall(SYS_futex, tid, FUTEX_WAIT, value, NULL, NULL, 0);
}

int main(void)
{
    const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                      CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
    for (int i = 0; i < 64; i++)
        mine[i] = (uint64_t)i * 4711;
    errno = 4711;
    for (int i = 0; i < THREADS; i++) {
        char *stack = malloc(STACK);
        if (clone(run, stack + STACK, flags, &results[i], &tids[i], NULL, &tids[i]) < 0)
            broken("clone: %d", errno);
    }
    work_in_raw_thread(&results[THREADS]);
    for (int i = 0; i < THREADS; i++)
        wait_for(&tids[i]);
    for (int i = 0; i < THREADS; i++)
        if (results[i] != results[THREADS])
            broken("thread %d computed something else", i);
    for (int i = 0; i < 64; i++)
        if (mine[i] != (uint64_t)i * 4711)
            broken("thread-local variable %d changed", i);
    printf("%d threads without storage of their own\n", THREADS);
    return HOSTILE_OK;
}
