/*
 * Processes and threads as the outermost frames of a profile's stacks, for pictures and lists that
 * know nothing but stacks.
 */
#ifndef PROFTOP_CORE_MODEL_OWNERS_H
#define PROFTOP_CORE_MODEL_OWNERS_H

#include "core/model/profile.h"

/*
 * Puts the name of its process outside of every stack, and with `threads` its thread, "[NAME
 * tid=TID]", below that (not of the heap's sites, which know none). In a stack that would get too
 * deep the outermost frames give way.
 *
 * For a profile that is complete: nothing may be added to it afterwards, and trees must be made
 * anew. Context: holder of the profile's lock.
 */
void owners_add(struct profile *profile, bool threads);

#endif
