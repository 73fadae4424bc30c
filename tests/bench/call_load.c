/*
 * Many short calls: `call_load fib N`, the smallest body there is, or `call_load mix ROUNDS`:
 * expressions are parsed by recursive descent, their values sorted and hashed. Compiled with SCOPES
 * fib tells of itself by proftop.h.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef SCOPES
#include "collectors/target/proftop.h"
#define SCOPE PROFTOP_SCOPE("fib")
#else
#define SCOPE (void)0
#endif
#define FUNCTION __attribute__((noipa))

FUNCTION long fib(long n)
{
    SCOPE;
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

struct reader {
    const char *at;
};

FUNCTION int look(const struct reader *r)
{
    return *r->at;
}

FUNCTION void advance(struct reader *r)
{
    r->at++;
}

FUNCTION int is_digit(int c)
{
    return c >= '0' && c <= '9';
}

long sum_of(struct reader *r);

FUNCTION long number(struct reader *r)
{
    long value = 0;
    for (; is_digit(look(r)); advance(r))
        value = value * 10 + look(r) - '0';
    return value;
}

FUNCTION long factor(struct reader *r)
{
    if (look(r) != '(')
        return number(r);
    advance(r);
    long value = sum_of(r);
    advance(r);
    return value;
}

FUNCTION long product(struct reader *r)
{
    long value = factor(r);
    while (look(r) == '*') {
        advance(r);
        value = value * factor(r) % 1000003;
    }
    return value;
}

FUNCTION long sum_of(struct reader *r)
{
    long value = product(r);
    while (look(r) == '+') {
        advance(r);
        value += product(r);
    }
    return value;
}

FUNCTION int compare(const void *a, const void *b)
{
    long x = *(const long *)a, y = *(const long *)b;
    return (x > y) - (x < y);
}

FUNCTION uint64_t hash(const void *data, size_t n)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const uint8_t *)data)[i]) * 1099511628211u;
    return h;
}

FUNCTION long one_round(long round)
{
    long values[64];
    char text[128];
    for (long i = 0; i < 64; i++) {
        snprintf(text, sizeof text, "((%ld+34)*56+(7+8*9)*(10+%ld))*5+(1+2*(3+4*5))", round % 97,
                 i);
        values[i] = sum_of(&(struct reader){text});
    }
    qsort(values, 64, sizeof values[0], compare);
    return (long)(hash(values, sizeof values) & 0xffff);
}

int main(int argc, char **argv)
{
    long n = argc == 3 ? atol(argv[2]) : 0, result = 0;
    if (n <= 0)
        return 2;
    if (strcmp(argv[1], "fib") == 0)
        result = fib(n);
    else
        for (long i = 0; i < n; i++)
            result += one_round(i);
    printf("%ld\n", result);
    return 0;
}
