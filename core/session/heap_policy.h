/*
 * How the heap is to be measured, as the user asks for it.
 */
#ifndef PROFTOP_CORE_SESSION_HEAP_POLICY_H
#define PROFTOP_CORE_SESSION_HEAP_POLICY_H

#include <stdbool.h>

enum heap_policy {
    HEAP_POLICY_AUTO, /* exact until the hooks cost more than the budget, then sampled */
    HEAP_POLICY_EXACT,
    HEAP_POLICY_SAMPLED,
    HEAP_POLICY_OFF,
};

/* The policy of that name (auto, exact, sampled, off); false: there is none. Context: any thread.
 */
bool heap_policy_find(const char *name, enum heap_policy *ret_policy);

/* "auto", "exact", ... Context: any thread. */
const char *heap_policy_name(enum heap_policy policy);

#endif
