/*
 * The functions of the allocator, in front of its own: malloc() and its kind. Each does what the
 * allocator does, returns what it returns and leaves errno as it does.
 *
 * Not here: reallocarray(), strdup() and their like, which call these; and malloc_usable_size().
 */
#ifndef PROFTOP_COLLECTORS_TARGET_MALLOC_HOOKS_H
#define PROFTOP_COLLECTORS_TARGET_MALLOC_HOOKS_H

#include <stddef.h>

#include "collectors/target/stack_walk.h"

/* As malloc() and aligned_alloc() (`alignment` 0: none is asked for), recorded as a call by
 * `caller` that asked for `asked` bytes. Context: any thread; in a hook. */
void *malloc_hooks_allocate(const struct stack_frame *caller, size_t alignment, size_t size,
                            size_t asked);

#endif
