/*
 * Work in a function that is inlined twice over: with debug information a profile can still name
 * inline_inner and inline_middle inside inline_outer. `inlines [SECONDS]`.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static volatile uint64_t sink;

static inline __attribute__((always_inline)) uint64_t inline_inner(uint64_t value)
{
    for (int i = 0; i < 2000000; i++)
        value = value * 2862933555777941757u + 3037000493u;
    return value;
}

static inline __attribute__((always_inline)) uint64_t inline_middle(uint64_t value)
{
    return inline_inner(value) ^ 1;
}

__attribute__((noipa)) void inline_outer(void)
{
    sink = inline_middle(sink);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 1;
    while ((double)clock() / CLOCKS_PER_SEC < seconds)
        inline_outer();
    puts("inlines done");
    return 0;
}
