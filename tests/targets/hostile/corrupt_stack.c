/*
 * Computes for moments with a stack pointer and a frame pointer that lead nowhere, and puts them
 * back: `corrupt_stack`. 1600 times a quarter of a millisecond in each of two threads: unmapped
 * memory, memory without rights, the very end of a mapping, code, addresses that no process has,
 * its own frames with every word overwritten. A handler on the same stack is killed by the kernel
 * before its first instruction; one that follows the frame pointer without looking faults. The
 * computing uses no stack, and its result is checked.
 */
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/targets/hostile/hostile.h"

enum { PAGE = 4096, ROUNDS = 1600, STEPS = 500000 };

static char *places; /* a page with rights, one with none, one to be read only */

#ifdef __x86_64__

/* Steps of x = 5x + 1 with that stack and frame pointer. */
__attribute__((noipa)) uint64_t work_on_a_bad_stack(uint64_t sp, uint64_t fp)
{
    uint64_t value = 0, steps = STEPS;
    __asm__ volatile("mov %%rsp, %%r12\n mov %%rbp, %%r13\n mov %2, %%rsp\n mov %3, %%rbp\n"
                     "1: lea 1(%0, %0, 4), %0\n dec %1\n jnz 1b\n"
                     "mov %%r12, %%rsp\n mov %%r13, %%rbp\n"
                     : "+r"(value), "+r"(steps)
                     : "r"(sp), "r"(fp)
                     : "r12", "r13", "memory", "cc");
    return value;
}

/* The same on a stack that is good, but whose words above the stack pointer are all noise. */
__attribute__((noipa)) uint64_t work_above_noise(uint64_t fp)
{
    static __thread uint64_t noise[4096];
    for (size_t i = 0; i < sizeof noise / sizeof *noise; i++)
        noise[i] = (uint64_t)(&noise[(i * 7) % 4096]) ^ (i % 3 ? 0 : (uint64_t)work_above_noise);
    return work_on_a_bad_stack((uint64_t)&noise[2048], fp);
}

static void *thread_main(void *arg)
{
    const uint64_t wild[] = {0,
                             8,
                             (uint64_t)places + PAGE, /* between rights and none */
                             (uint64_t)places + PAGE + 64,
                             (uint64_t)places + 2 * PAGE + 64,
                             (uint64_t)places + 3 * PAGE,
                             (uint64_t)work_on_a_bad_stack,
                             0x7ffffffff000,
                             0xffff800000000000,
                             0xdeadbeefdeadbeef,
                             UINT64_MAX - 7};
    enum { N = sizeof wild / sizeof *wild };
    uint64_t wanted = work_above_noise(1);
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t sp = wild[i % N], fp = wild[(i * 5 + 3) % N];
        uint64_t got = i % 4 ? work_on_a_bad_stack(sp, fp) : work_above_noise(fp);
        if (got != wanted)
            broken("round %d went wrong", i);
    }
    return arg;
}

int main(void)
{
    pthread_t thread;
    places = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (places == MAP_FAILED || mprotect(places + PAGE, PAGE, PROT_NONE) != 0 ||
        mprotect(places + 2 * PAGE, PAGE, PROT_READ) != 0)
        cannot("no memory");
    if (pthread_create(&thread, NULL, thread_main, NULL) != 0)
        cannot("no thread can be started");
    thread_main(NULL);
    pthread_join(thread, NULL);
    puts("corrupt_stack: all results are right");
    return HOSTILE_OK;
}

#else

int main(void)
{
    cannot("for x86-64 only");
}

#endif
