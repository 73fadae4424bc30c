/*
 * A bump allocator over one block, which the kernel backs only as far as it is touched.
 */
#include "core/formats/bounded_arena.h"

#include <sys/mman.h>

enum { ARENA_BYTES = 48 << 20, ALIGNMENT = 16 };

static void *arena_alloc(void *data, size_t size)
{
    struct bounded_arena *arena = data;
    if (size > ARENA_BYTES - arena->used) {
        arena->exhausted = true;
        return NULL;
    }
    void *block = arena->memory + arena->used;
    size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    arena->used += MIN(rounded, ARENA_BYTES - arena->used);
    return block;
}

static void arena_free(void *data, void *block)
{
    (void)data;
    (void)block; /* all at once, by reset */
}

void bounded_arena_init(struct bounded_arena *arena)
{
    void *block = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block == MAP_FAILED)
        g_error("out of memory");
    arena->memory = block;
    arena->used = 0;
    arena->exhausted = false;
    arena->allocator =
        (ProtobufCAllocator){.alloc = arena_alloc, .free = arena_free, .allocator_data = arena};
}

void bounded_arena_clear(struct bounded_arena *arena)
{
    munmap(arena->memory, ARENA_BYTES);
    arena->memory = NULL;
}

void bounded_arena_reset(struct bounded_arena *arena)
{
    arena->used = 0;
    arena->exhausted = false;
}
