/* See scope_allocs.h. The heap's lanes count every allocation of a thread, in all modes but off. */
#include "collectors/target/scope_allocs.h"

#include "collectors/target/heap_record.h"

/* NULL: the calling thread's allocations are not counted, or not apart from those of others. */
static const struct wire_heap_lane *lane_of_thread(void)
{
    struct heap_thread *thread = heap_is_on ? heap_thread_self() : NULL;
    if (!thread || thread->shares_lane ||
        __atomic_load_n(&thread->heap->wire->mode, __ATOMIC_RELAXED) == WIRE_HEAP_OFF)
        return NULL;
    return thread->lane;
}

void scope_allocs_begin(struct proftop_alloc_scope *scope)
{
    const struct wire_heap_lane *lane = lane_of_thread();
    if (!lane)
        return;
    scope->begin_bytes = lane->alloc_bytes;
    scope->begin_blocks = lane->allocs;
    scope->begin_frees = lane->frees;
    scope->is_measured = 1;
}

/* In a forked child, and in another thread, the lane is another one. */
void scope_allocs_end(struct proftop_alloc_scope *scope)
{
    if (!scope->is_measured)
        return;
    const struct wire_heap_lane *lane = lane_of_thread();
    scope->is_measured = lane && lane->alloc_bytes >= scope->begin_bytes &&
                         lane->allocs >= scope->begin_blocks && lane->frees >= scope->begin_frees;
    scope->bytes = scope->is_measured ? lane->alloc_bytes - scope->begin_bytes : 0;
    scope->blocks = scope->is_measured ? lane->allocs - scope->begin_blocks : 0;
    scope->frees = scope->is_measured ? lane->frees - scope->begin_frees : 0;
}

static const void *tagged(const void *block)
{
    return (const void *)((uintptr_t)block | WIRE_BLOCK_ANNOUNCED);
}

void scope_allocs_add(const struct stack_frame *caller, const void *block, size_t bytes)
{
    struct heap_call call;
    if (heap_is_on && block && heap_call_begin(&call, caller, bytes))
        heap_call_end(&call, tagged(block));
}

void scope_allocs_remove(const struct stack_frame *caller, const void *block)
{
    if (heap_is_on && block)
        heap_note_free(tagged(block), caller->sp);
}
