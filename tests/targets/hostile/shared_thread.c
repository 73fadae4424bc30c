/*
 * A thread made by clone() alone, which therefore has the thread-local memory of the one that made
 * it. Both call functions that are counted, at the same time.
 */
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tests/targets/hostile/hostile.h"

enum { STACK_BYTES = 1 << 20, ROUNDS = 300000 };

/* Built with -finstrument-functions or not: libc has these, which do nothing. */
void __cyg_profile_func_enter(void *function, void *from);
void __cyg_profile_func_exit(void *function, void *from);

static int lives = 1;

static __attribute__((noipa)) long descend(long depth)
{
    __cyg_profile_func_enter((void *)descend, NULL);
    long result = depth == 0 ? 1 : descend(depth - 1) + 1;
    __cyg_profile_func_exit((void *)descend, NULL);
    return result;
}

static __attribute__((noipa)) long step(long x)
{
    __cyg_profile_func_enter((void *)step, NULL);
    long result = descend(0) + x;
    __cyg_profile_func_exit((void *)step, NULL);
    return result;
}

static __attribute__((noipa)) long take_turns(void)
{
    long sum = 0;
    for (int i = 0; i < ROUNDS; i++)
        sum += i % 16 == 0 ? descend(i % 50) : step(i);
    return sum;
}

static int run(void *data)
{
    *(long *)data = take_turns();
    syscall(SYS_exit, 0);
    return 0;
}

int main(void)
{
    const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                      CLONE_SYSVSEM | CLONE_CHILD_CLEARTID;
    static long theirs;
    char *stack =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED ||
        clone(run, stack + STACK_BYTES - 64, flags, &theirs, NULL, NULL, &lives) < 0)
        cannot("no thread");
    long ours = take_turns();
    while (__atomic_load_n(&lives, __ATOMIC_SEQ_CST))
        syscall(SYS_futex, &lives, FUTEX_WAIT, 1, NULL, NULL, 0);
    if (ours != theirs)
        broken("one has counted %ld, the other %ld", ours, theirs);
    puts("both have counted the same");
    return HOSTILE_OK;
}
