/*
 * Which rule about leaks holds for a stack of a profile.
 *
 * Context of all: holder of the profile's lock.
 */
#ifndef PROFTOP_CORE_ANALYSIS_LEAK_MATCHER_H
#define PROFTOP_CORE_ANALYSIS_LEAK_MATCHER_H

#include "core/analysis/leak_rules.h"
#include "core/model/profile.h"

/* Remembers what fits which function. */
struct leak_matcher;

/* Both are borrowed, and must stay as they are as long as it is used. Never NULL. */
struct leak_matcher *leak_matcher_new(const struct leak_rules *rules,
                                      const struct profile *profile);

/* NULL is allowed. */
void leak_matcher_free(struct leak_matcher *matcher);

/* Number of the rule that holds for a stack: of several the one that fits further in, then the
 * first. LEAK_RULE_NONE: there is none. */
int leak_matcher_find(struct leak_matcher *matcher, uint32_t stack);

#endif
