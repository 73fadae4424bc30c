/*
 * dlclose(): tells proftop when libraries go, so that an address is not looked up in what has been
 * mapped at its place since.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_LIBRARY_HOOKS_H
#define PROFTOP_COLLECTORS_TARGET_LIBRARY_HOOKS_H

/* Finds the real function, so that no later call needs the loader. Context: constructor. */
void library_hooks_resolve(void);

#endif
