/*
 * Has an allocator of its own, as programs do that link one in: every malloc() in the process is
 * this one, libc's too, and what a preloaded library defines is never called. It asks dlsym() for
 * libc's while it starts, which allocates. A profiler must say that it sees nothing of this heap,
 * and must not take libc's malloc() for what is behind the program's.
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/targets/hostile/hostile.h"

enum { HEAD = 16 };
static _Alignas(16) char area[64 << 20];
static atomic_size_t used;
static atomic_int depth_most, calls;
static _Thread_local int depth;
static void *(*libc_malloc)(size_t);

static void enter(void)
{
    calls++;
    if (++depth > depth_most)
        depth_most = depth;
    if (depth > 20)
        broken("malloc() calls itself");
    if (!libc_malloc && depth == 1)
        *(void **)&libc_malloc = dlsym(RTLD_NEXT, "malloc");
}

void *malloc(size_t size)
{
    enter();
    size_t at = atomic_fetch_add(&used, (size + HEAD + 15) & ~(size_t)15);
    depth--;
    if (at > sizeof area - size - HEAD)
        return NULL;
    memcpy(area + at, &size, sizeof size);
    return area + at + HEAD;
}

void free(void *block)
{
    if (block && ((char *)block < area || (char *)block >= area + sizeof area))
        broken("a block of another allocator is freed");
}

void *calloc(size_t n, size_t size)
{
    void *block = malloc(n * size);
    return block ? memset(block, 0, n * size) : NULL;
}

void *realloc(void *old, size_t size)
{
    size_t before = 0;
    void *block = malloc(size);
    if (old)
        memcpy(&before, (char *)old - HEAD, sizeof before);
    if (block && old)
        memcpy(block, old, before < size ? before : size);
    free(old);
    return block;
}

int main(void)
{
    for (size_t i = 1; i <= 1000; i++) {
        char *copy = strdup("a string of libc's"), *volatile block = malloc(i);
        if (copy < area || copy >= area + sizeof area)
            broken("libc uses another allocator");
        block = realloc(block, 2 * i);
        free(block);
        free(copy);
    }
    if (calls < 3000 || !libc_malloc)
        broken("%d calls", (int)calls);
    printf("heap_own_malloc: done\n");
    return HOSTILE_OK;
}
