/*
 * What a program that counts its own calls writes down for the test that started it.
 */
#ifndef PROFTOP_TESTS_ACCOUNT_H
#define PROFTOP_TESTS_ACCOUNT_H

#include <stdint.h>

enum { ACCOUNTS = 16 };

/* Of a function; without one, a name for a number. */
struct account {
    char name[32];
    uint64_t address;
    uint64_t calls;
    uint64_t ticks; /* that all of it took, measured from outside; 0: not measured */
};

#endif
