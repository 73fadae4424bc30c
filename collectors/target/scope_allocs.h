/*
 * What a block of code allocates, as the heap counts it, and blocks that allocators of the
 * program's own hand out.
 *
 * Such a block may lie where one of malloc()'s begins. So its address is told apart from theirs, by
 * WIRE_BLOCK_ANNOUNCED.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_SCOPE_ALLOCS_H
#define PROFTOP_COLLECTORS_TARGET_SCOPE_ALLOCS_H

#include <stddef.h>

#include "collectors/target/proftop.h"
#include "collectors/target/stack_walk.h"

/* proftop_alloc_begin(). Context: any thread; keeps errno. */
void scope_allocs_begin(struct proftop_alloc_scope *scope);

/* proftop_alloc_end(). Context: as scope_allocs_begin(). */
void scope_allocs_end(struct proftop_alloc_scope *scope);

/* proftop_allocated(), by whom. Context: as scope_allocs_begin(). */
void scope_allocs_add(const struct stack_frame *caller, const void *block, size_t bytes);

/* proftop_freed(), by whom. Context: as scope_allocs_begin(). */
void scope_allocs_remove(const struct stack_frame *caller, const void *block);

#endif
