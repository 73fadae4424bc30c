/*
 * See malloc_hooks.h. malloc() and free() have a short way for calls that are counted only; all
 * else is the same everywhere: begin, the allocator, end.
 */
#include "collectors/target/malloc_hooks.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "collectors/target/heap_record.h"
#include "collectors/target/real_malloc.h"

#define EXPORT __attribute__((visibility("default")))
#define SLOW   __attribute__((noinline))
#define HIDDEN __attribute__((visibility("hidden")))

void *malloc(size_t size);
void free(void *block);
void *calloc(size_t n, size_t size);
void *realloc(void *block, size_t size);
int posix_memalign(void **ret_block, size_t alignment, size_t size);
void *aligned_alloc(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size);
void *valloc(size_t size);
void *pvalloc(size_t size);
void cfree(void *block);
void free_sized(void *block, size_t size);
void free_aligned_sized(void *block, size_t alignment, size_t size);

static SLOW void *allocate_slowly(const struct stack_frame *caller, size_t size)
{
    struct heap_call call;
    if (heap_thread_is_off())
        return real_malloc.malloc(size);
    bool is_seen = heap_call_begin(&call, caller, size);
    void *block = real_malloc.malloc(size);
    if (is_seen)
        heap_call_end(&call, block);
    return block;
}

static SLOW void *sample(const struct stack_frame *caller, void *block, size_t size)
{
    heap_record_sample(caller, block, size);
    return block;
}

EXPORT void *malloc(size_t size)
{
    if (!heap_is_on)
        return real_malloc.malloc(size);
    struct stack_frame caller = STACK_FRAME_OF_CALLER();
    struct heap_thread *thread = heap_thread_plain();
    if (!thread)
        return allocate_slowly(&caller, size);
    void *block = real_malloc.malloc(size);
    struct wire_heap_lane *lane = thread->lane;
    heap_count_plain_call(thread);
    thread->last_block = 0;
    if (__builtin_expect(!block, 0)) {
        lane->failed++;
        return NULL;
    }
    lane->allocs++;
    lane->alloc_bytes += size;
    if (__builtin_expect((thread->left -= (int64_t)size) < 0, 0))
        return sample(&caller, block, size);
    return block;
}

/* The name by which the library itself finds it. */
HIDDEN extern __typeof__(malloc) proftop_own_malloc __attribute__((alias("malloc"), copy(malloc)));

/* Of a block that goes back to the allocator. */
static inline void note_free(void *block, uintptr_t sp)
{
    if (!heap_is_on || !block)
        return;
    struct heap_thread *thread = heap_thread_plain();
    if (thread && block != thread->deleting &&
        heap_blocks_is_absent(thread->heap, (uintptr_t)block)) {
        heap_count_plain_call(thread);
        thread->lane->frees++;
    } else {
        heap_note_free(block, sp);
    }
}

EXPORT void free(void *block)
{
    note_free(block, (uintptr_t)__builtin_frame_address(0));
    real_malloc_free(block);
}

EXPORT void cfree(void *block)
{
    note_free(block, (uintptr_t)__builtin_frame_address(0));
    real_malloc_free(block);
}

/* The sizes are hints: free() may always be called instead. */
EXPORT void free_sized(void *block, size_t size)
{
    (void)size;
    note_free(block, (uintptr_t)__builtin_frame_address(0));
    real_malloc_free(block);
}

EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size)
{
    (void)alignment;
    (void)size;
    note_free(block, (uintptr_t)__builtin_frame_address(0));
    real_malloc_free(block);
}

EXPORT void *calloc(size_t n, size_t size)
{
    struct stack_frame caller = STACK_FRAME_OF_CALLER();
    struct heap_call call;
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        bytes = SIZE_MAX; /* which the allocator refuses */
    bool is_seen = heap_call_begin(&call, &caller, bytes);
    void *block = real_malloc.calloc(n, size);
    if (is_seen)
        heap_call_end(&call, block);
    return block;
}

EXPORT void *realloc(void *old, size_t size)
{
    struct stack_frame caller = STACK_FRAME_OF_CALLER();
    struct heap_call call;
    bool is_seen = old ? heap_call_begin_realloc(&call, &caller, old, size)
                       : heap_call_begin(&call, &caller, size);
    void *block = real_malloc_realloc(old, size);
    if (!is_seen)
        return block;
    if (old)
        heap_call_end_realloc(&call, block);
    else
        heap_call_end(&call, block);
    return block;
}

EXPORT int posix_memalign(void **ret_block, size_t alignment, size_t size)
{
    struct stack_frame caller = STACK_FRAME_OF_CALLER();
    struct heap_call call;
    bool is_seen = heap_call_begin(&call, &caller, size);
    int error = real_malloc.posix_memalign(ret_block, alignment, size);
    if (is_seen)
        heap_call_end(&call, error ? NULL : *ret_block);
    return error;
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    struct stack_frame caller = STACK_FRAME_OF_CALLER();
    struct heap_call call;
    bool is_seen = heap_call_begin(&call, &caller, size);
    void *block = real_malloc.aligned_alloc(alignment, size);
    if (is_seen)
        heap_call_end(&call, block);
    return block;
}

EXPORT void *memalign(size_t alignment, size_t size)
{
    struct stack_frame caller = STACK_FRAME_OF_CALLER();
    struct heap_call call;
    bool is_seen = heap_call_begin(&call, &caller, size);
    void *block = real_malloc.memalign(alignment, size);
    if (is_seen)
        heap_call_end(&call, block);
    return block;
}

EXPORT void *valloc(size_t size)
{
    struct stack_frame caller = STACK_FRAME_OF_CALLER();
    struct heap_call call;
    bool is_seen = heap_call_begin(&call, &caller, size);
    void *block = real_malloc.valloc(size);
    if (is_seen)
        heap_call_end(&call, block);
    return block;
}

EXPORT void *pvalloc(size_t size)
{
    struct stack_frame caller = STACK_FRAME_OF_CALLER();
    struct heap_call call;
    bool is_seen = heap_call_begin(&call, &caller, size);
    void *block = real_malloc.pvalloc(size);
    if (is_seen)
        heap_call_end(&call, block);
    return block;
}

void *malloc_hooks_allocate(const struct stack_frame *caller, size_t alignment, size_t size,
                            size_t asked)
{
    struct heap_call call;
    bool is_seen = heap_call_begin(&call, caller, asked);
    void *block = alignment ? real_malloc.aligned_alloc(alignment, size) : real_malloc.malloc(size);
    if (is_seen)
        heap_call_end(&call, block);
    return block;
}
