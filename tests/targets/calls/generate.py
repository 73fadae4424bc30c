#!/usr/bin/python3 -S
"""Prints a C program of many functions that call each other: generate.py FUNCTIONS SEED

The same in each run. The program: PROGRAM graph ROUNDS (they call each other, recursion included, to a depth of 10), all THREADS
(each thread calls each function once), share THREADS (each thread calls its own). It prints a checksum.
"""
import sys

HEAD = """/* Written by generate.py. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWN __attribute__((no_instrument_function, patchable_function_entry(0, 0)))
#define FUNCTION __attribute__((noipa))
typedef unsigned operation(unsigned x, int depth);
"""
TAIL = """
struct part { int first, step; unsigned sum; };

OWN static void *calls_part(void *argument)
{
    struct part *part = argument;
    for (int i = part->first; i < FUNCTIONS; i += part->step)
        part->sum += table[i]((unsigned)i + 1, 0);
    return NULL;
}

OWN static unsigned in_threads(int n, int all)
{
    static struct part parts[64];
    pthread_t ids[64];
    unsigned sum = 0;
    for (int i = 0; i < n; i++) {
        parts[i] = (struct part){.first = all ? 0 : i, .step = all ? 1 : n};
        if (pthread_create(&ids[i], NULL, calls_part, &parts[i]) != 0)
            abort();
    }
    for (int i = 0; i < n; i++) {
        pthread_join(ids[i], NULL);
        sum += parts[i].sum;
    }
    return sum;
}

OWN int main(int argc, char **argv)
{
    int n = argc == 3 ? atoi(argv[2]) : 0;
    unsigned sum = 0;
    if (n < 1 || n > 64 && strcmp(argv[1], "graph") != 0)
        return 2;
    if (strcmp(argv[1], "graph") == 0)
        for (int i = 0; i < n; i++)
            sum += table[(unsigned)i * 7u % FUNCTIONS]((unsigned)i * 2654435761u, 10);
    else
        sum = in_threads(n, strcmp(argv[1], "all") == 0);
    printf("%u\\n", sum);
    fflush(stdout);
    if (getenv("GENERATED_WAIT")) /* to be looked at */
        getchar();
    return 0;
}
"""


class Random:
    """SplitMix64."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        mask = (1 << 64) - 1
        self.state = self.state + 0x9E3779B97F4A7C15 & mask
        z = self.state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
        return (z ^ z >> 31) % n


def call(random, number, functions):
    """One call: of a neighbour, of any, of itself, or by pointer; mostly on a condition."""
    kind = random.below(20)
    if kind == 0:
        callee = f"f{number}"
    elif kind < 3:
        callee = f"table[x * {2 * random.below(500) + 1}u % FUNCTIONS]"
    elif kind < 15:
        callee = f"f{(number + 1 + random.below(12)) % functions}"
    else:
        callee = f"f{random.below(functions)}"
    condition = f"if (x >> {random.below(16)} & 1) " if random.below(5) else ""
    return f"    {condition}s += {callee}(x * {random.below(9999) * 2 + 1}u + {number}u, depth - 1);"


def function(random, number, functions):
    lines = [f"FUNCTION unsigned f{number}(unsigned x, int depth)", "{", f"    unsigned s = x ^ {number}u;",
             "    if (depth <= 0)", "        return s;"]
    lines += [call(random, number, functions) for _ in range(1 + random.below(4))]
    return lines + ["    return s;", "}", ""]


def main():
    functions, random = int(sys.argv[1]), Random(int(sys.argv[2]))
    print(HEAD)
    print(f"enum {{ FUNCTIONS = {functions} }};\nextern operation *const table[FUNCTIONS];")
    print("\n".join(f"operation f{i};" for i in range(functions)))
    for i in range(functions):
        print("\n".join(function(random, i, functions)))
    print("operation *const table[FUNCTIONS] = {" + ", ".join(f"f{i}" for i in range(functions)) + "};")
    print(TAIL)


if __name__ == "__main__":
    main()
