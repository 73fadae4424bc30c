/*
 * C++'s operator new and delete in all their forms, so that an allocation by new is that of new's
 * caller, and exactly one. Where the program has its own, these stay out of it.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_NEW_HOOKS_H
#define PROFTOP_COLLECTORS_TARGET_NEW_HOOKS_H

/* Looks for the real ones. Context: constructor, after real_malloc_resolve(). */
void new_hooks_resolve(void);

#endif
