/*
 * Functions that must not be patched, by their names and their files.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_PATCH_NAMES_H
#define PROFTOP_COLLECTORS_CALLS_PATCH_NAMES_H

#include <stdbool.h>

/* Why a function of that linkage name must not be patched; NULL: nothing is known against it.
 * Context: any thread. */
const char *patch_names_refusal(const char *linkage);

/* Why a function must not be patched that ends by a jump to the one of that name, which would be
 * called from the collector; NULL: nothing is known against it. Context: any thread. */
const char *patch_names_tail_refusal(const char *linkage);

/* Why nothing of a file must be patched; NULL: nothing is known against it. Context: any thread. */
const char *patch_names_module_refusal(const char *path);

/* Why nothing of a process must be patched that has this file mapped; NULL: nothing is known
 * against it. Context: any thread. */
const char *patch_names_process_refusal(const char *path);

/* Whether a symbol names a part of a function, to which that jumps; not one that is called.
 * Context: any thread. */
bool patch_names_is_part(const char *symbol);

#endif
