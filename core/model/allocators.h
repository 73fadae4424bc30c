/*
 * Functions that only allocate, on behalf of whoever called them.
 */
#ifndef PROFTOP_CORE_MODEL_ALLOCATORS_H
#define PROFTOP_CORE_MODEL_ALLOCATORS_H

#include <stdbool.h>

/* Whether the function of that name (as in the symbol table) is one. Context: any thread. */
bool allocators_have(const char *linkage);

#endif
