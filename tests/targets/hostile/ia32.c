/*
 * A 32-bit program without any library, for systems that have neither the headers nor the libraries
 * of one: about 0.4 s of work, 2.5 s of life, one line, the status of all that is well. A profiler
 * that preloads into it makes the loader complain; one that takes its registers for 64-bit ones
 * walks garbage. Built as a program that says so where the compiler cannot make it.
 */
#ifdef __i386__

enum { NR_EXIT = 1, NR_WRITE = 4, NR_NANOSLEEP = 162 };

static long call(long number, long a, const void *b, long c)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}

__attribute__((noinline)) unsigned work_of_32_bits(unsigned rounds)
{
    unsigned value = 1;
    for (unsigned i = 0; i < rounds; i++) {
        value = value * 1103515245u + 12345u;
        __asm__ volatile("" : "+r"(value));
    }
    return value;
}

void _start(void)
{
    static const char line[] = "ia32\n";
    const struct {
        int seconds, nanoseconds;
    } nap = {2, 200000000};
    work_of_32_bits(250000000);
    call(NR_NANOSLEEP, (long)&nap, 0, 0);
    call(NR_WRITE, 1, line, sizeof line - 1);
    call(NR_EXIT, 7, 0, 0);
}

#else

#include <stdio.h>

int main(void)
{
    puts("the compiler makes no 32-bit programs");
    return 77;
}

#endif
