/*
 * Stands in for what counts calls behind patched code.
 */
#ifndef TESTS_TARGETS_CALLS_STAND_IN_H
#define TESTS_TARGETS_CALLS_STAND_IN_H

#ifdef __cplusplus
extern "C" {
#endif

#include "collectors/target/calls.h"

struct stand_in {
    bool is_on;
    bool spoils;        /* vector registers, wherever that is allowed */
    void (*look)(void); /* called by both, as what may use vector registers */
    uint64_t n_entered, n_left;
    struct calls_entry last; /* that was entered; with one thread */
};

extern struct stand_in stand_in;

#ifdef __cplusplus
}
#endif

#endif
