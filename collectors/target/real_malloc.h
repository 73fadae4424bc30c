/*
 * The allocator that our functions stand in front of, by RTLD_NEXT. Until it is found, blocks come
 * from a pool of our own: looking for it may itself allocate.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_REAL_MALLOC_H
#define PROFTOP_COLLECTORS_TARGET_REAL_MALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Callable at any time: at first these point to functions that look for the real ones. */
struct real_malloc {
    void *(*malloc)(size_t);
    void (*free)(void *);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    void *(*memalign)(size_t, size_t);
    void *(*valloc)(size_t);
    void *(*pvalloc)(size_t);
};

extern struct real_malloc real_malloc __attribute__((visibility("hidden")));

enum { REAL_MALLOC_POOL_BYTES = 64 << 10 };

extern char real_malloc_pool[] __attribute__((visibility("hidden")));

/* Finds them. Context: constructor, or the first call before that. */
void real_malloc_resolve(void);

/* What is wrong with them: bits of enum wire_heap_trouble. Context: any, after they were found. */
uint32_t real_malloc_trouble(void);

/* Whether a block is from our pool. Context: any. */
static inline bool real_malloc_is_pooled(const void *block)
{
    return (uintptr_t)block - (uintptr_t)real_malloc_pool < REAL_MALLOC_POOL_BYTES;
}

/* As the real function, of any block. Context: any. */
static inline void real_malloc_free(void *block)
{
    if (__builtin_expect(!real_malloc_is_pooled(block), 1))
        real_malloc.free(block);
}

/* As the real function, of any block. Context: any. */
void *real_malloc_realloc(void *block, size_t size);

#endif
