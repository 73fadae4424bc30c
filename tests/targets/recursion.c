/*
 * Recursion, direct and through a second function: `recursion [DEPTH] [ROUNDS]`. The work is done
 * at the bottom, in leaf(), so a stack that was cut short has lost main. Prints a checksum.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static volatile uint64_t sink;

__attribute__((noipa)) uint64_t leaf(uint64_t value)
{
    for (int i = 0; i < 30000000; i++)
        value = value * 2862933555777941757u + 3037000493u;
    return value;
}

uint64_t odd(long depth, uint64_t value);

__attribute__((noipa)) uint64_t even(long depth, uint64_t value)
{
    uint64_t result = depth <= 0 ? leaf(value) : odd(depth - 1, value + 1);
    sink += result;
    return result;
}

__attribute__((noipa)) uint64_t odd(long depth, uint64_t value)
{
    uint64_t result = depth <= 0 ? leaf(value) : even(depth - 1, value + 2);
    sink += result;
    return result;
}

__attribute__((noipa)) uint64_t straight(long depth, uint64_t value)
{
    uint64_t result = depth <= 0 ? leaf(value) : straight(depth - 1, value ^ 5);
    sink += result;
    return result;
}

int main(int argc, char **argv)
{
    long depth = argc > 1 ? atol(argv[1]) : 100;
    int rounds = argc > 2 ? atoi(argv[2]) : 10;
    uint64_t sum = 0;
    for (int i = 0; i < rounds; i++)
        sum += even(depth, (uint64_t)i) + straight(depth, (uint64_t)i);
    printf("depth %ld sum %016llx\n", depth, (unsigned long long)sum);
    return 0;
}
