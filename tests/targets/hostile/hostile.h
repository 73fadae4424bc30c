/*
 * What the hostile programs share: burning CPU time in a function that a profile can show, and a
 * verdict. A program prints lines that are the same in every run (no addresses, times, numbers of
 * processes) and ends with HOSTILE_OK when all was as it should be.
 */
#ifndef PROFTOP_TESTS_TARGETS_HOSTILE_H
#define PROFTOP_TESTS_TARGETS_HOSTILE_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    HOSTILE_OK = 7,
    HOSTILE_BROKEN = 9,
    HOSTILE_CANNOT = 77, /* this machine lacks what the program is about */
};

static inline uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Keeps the processor busy with `rounds` of a chain of multiplications, about a nanosecond each. */
static __attribute__((noipa, unused)) uint64_t spin(uint64_t rounds)
{
    uint64_t value = rounds;
    for (uint64_t i = 0; i < rounds; i++) {
        value = value * 2862933555777941757u + 3037000493u;
        __asm__ volatile("" : "+r"(value));
    }
    return value;
}

/* Burns that much CPU time of the calling thread. */
static __attribute__((noipa, unused)) void burn(double seconds)
{
    uint64_t until = clock_ns(CLOCK_THREAD_CPUTIME_ID) + (uint64_t)(seconds * 1e9);
    while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < until)
        spin(20000);
}

/* Ends the program at once, saying why on stdout. Safe in signal handlers: no locks, no heap. */
static __attribute__((noreturn, format(printf, 1, 2), unused)) void broken(const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    n = n < (int)sizeof line - 1 ? n : (int)sizeof line - 2;
    line[n++] = '\n';
    ssize_t written = write(STDOUT_FILENO, line, (size_t)n);
    _exit(written < 0 ? HOSTILE_BROKEN + 1 : HOSTILE_BROKEN);
}

/* As broken(), for what the machine does not have. */
#define cannot(...)                                                                                \
    do {                                                                                           \
        printf(__VA_ARGS__);                                                                       \
        putchar('\n');                                                                             \
        exit(HOSTILE_CANNOT);                                                                      \
    } while (0)

#endif
