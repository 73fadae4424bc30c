/*
 * Books that programs keep of their own calls, so that what a profiler counted can be compared.
 *
 * A function written as
 *     CALLED long fib(int n) { COUNTED; ... }
 * counts its call, and the edge from the counted function around it. COUNTED_ALONE does without the
 * edge, where who called is not the stack's to say. What the books need themselves is not counted
 * by any compiler's flag.
 *
 * books_open(FILE) has them added to FILE when the program ends by exit(); lines:
 *     calls FUNCTION N
 *     edge CALLER FUNCTION N      CALLER "-": nobody that is counted
 *     slack N                     calls may be off by as much
 * They lie in memory that forked children share, so theirs are in.
 */
#ifndef COUNTED_H
#define COUNTED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BOOKS  __attribute__((no_instrument_function, patchable_function_entry(0, 0), unused))
#define CALLED __attribute__((noipa))

enum { BOOKS_MAX = 48 };

struct books {
    const char *names[BOOKS_MAX]; /* 0: nobody */
    uint64_t calls[BOOKS_MAX], edges[BOOKS_MAX][BOOKS_MAX];
    uint64_t slack;
    int without_roots; /* who called from where nobody is counted is not told */
};

static struct books *books;
static const char *books_file;
static __thread unsigned books_caller;

/* Before any counted constructor. */
static BOOKS __attribute__((constructor(101))) void books_begin(void)
{
    books = (struct books *)mmap(NULL, sizeof *books, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (books == MAP_FAILED)
        abort();
}

/* Without a lock: signal handlers count too. */
static BOOKS unsigned books_number(const char *name)
{
    for (unsigned i = 1; i < BOOKS_MAX; i++) {
        const char *there = NULL;
        if (__atomic_compare_exchange_n(&books->names[i], &there, name, 0, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE) ||
            strcmp(there, name) == 0)
            return i;
    }
    abort();
}

static BOOKS inline void books_add(unsigned caller, unsigned function, uint64_t n)
{
    __atomic_fetch_add(&books->calls[function], n, __ATOMIC_RELAXED);
    __atomic_fetch_add(&books->edges[caller][function], n, __ATOMIC_RELAXED);
}

static BOOKS inline unsigned books_enter(unsigned function)
{
    unsigned caller = books_caller;
    books_add(caller, function, 1);
    books_caller = function;
    return caller;
}

static BOOKS inline void books_leave(const unsigned *caller)
{
    books_caller = *caller;
}

#define BOOKS_NUMBER                                                                               \
    static unsigned books_own;                                                                     \
    if (!__atomic_load_n(&books_own, __ATOMIC_RELAXED))                                            \
    __atomic_store_n(&books_own, books_number(__func__), __ATOMIC_RELAXED)

#define COUNTED                                                                                    \
    BOOKS_NUMBER;                                                                                  \
    unsigned books_around __attribute__((cleanup(books_leave))) = books_enter(books_own);          \
    (void)books_around

#define COUNTED_ALONE                                                                              \
    BOOKS_NUMBER;                                                                                  \
    __atomic_fetch_add(&books->calls[books_own], 1, __ATOMIC_RELAXED)

static BOOKS void books_write(FILE *out)
{
    for (unsigned i = 1; i < BOOKS_MAX && books->names[i]; i++) {
        if (books->calls[i])
            fprintf(out, "calls %s %lu\n", books->names[i], (unsigned long)books->calls[i]);
        for (unsigned caller = books->without_roots ? 1 : 0; caller < BOOKS_MAX; caller++)
            if (books->edges[caller][i])
                fprintf(out, "edge %s %s %lu\n", caller ? books->names[caller] : "-",
                        books->names[i], (unsigned long)books->edges[caller][i]);
    }
    if (books->slack)
        fprintf(out, "slack %lu\n", (unsigned long)books->slack);
}

/* After every counted destructor. */
static BOOKS __attribute__((destructor(101))) void books_close(void)
{
    FILE *out = books_file ? fopen(books_file, "a") : NULL;
    books_file = NULL;
    if (!out)
        return;
    books_write(out);
    if (fclose(out) != 0)
        abort();
}

static BOOKS void books_open(const char *file)
{
    books_file = file;
}

#ifdef __cplusplus
}
#endif
#endif
