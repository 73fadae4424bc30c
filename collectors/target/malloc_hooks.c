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

/* malloc() jumps here, so that the frame is that of its caller. */
static SLOW void *allocate_slowly(size_t size)
{
    struct stack_frame caller = STACK_FRAME_OF_CALLER();
    struct heap_call call;
    bool is_seen = heap_call_begin(&call, &caller, size);
    void *block = real_malloc.malloc(size);
    if (is_seen)
        heap_call_end(&call, block);
    return block;
}

EXPORT void *malloc(size_t size)
{
    struct heap_thread *thread = heap_plain_begin(size);
    if (!thread)
        return allocate_slowly(size);
    thread->plain--;
    void *block = real_malloc.malloc(size);
    struct wire_heap_lane *lane = thread->counted;
    if (__builtin_expect(!block, 0)) {
        heap_bump(&lane->failed, 1);
        heap_unmark_plain(thread);
        return NULL;
    }
    thread->left -= (int64_t)size;
    heap_bump(&lane->allocs, 1);
    heap_bump(&lane->alloc_bytes, size);
    heap_unmark_plain(thread);
    return block;
}

/* The name by which the library itself finds it. */
HIDDEN extern __typeof__(malloc) proftop_own_malloc __attribute__((alias("malloc"), copy(malloc)));

/* As allocate_slowly(). */
static SLOW void free_slowly(void *block)
{
    if (block)
        heap_note_free(block, (uintptr_t)__builtin_frame_address(0));
    real_malloc_free(block);
}

static inline void release(void *block)
{
    struct heap_thread *thread = heap_plain_begin_free(block);
    if (!thread) {
        free_slowly(block);
        return;
    }
    thread->plain--;
    heap_bump(&thread->counted->frees, 1);
    heap_unmark_plain(thread);
    real_malloc_free(block);
}

EXPORT void free(void *block)
{
    release(block);
}

EXPORT void cfree(void *block)
{
    release(block);
}

/* The sizes are hints: free() may always be called instead. */
EXPORT void free_sized(void *block, size_t size)
{
    (void)size;
    release(block);
}

EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size)
{
    (void)alignment;
    (void)size;
    release(block);
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
