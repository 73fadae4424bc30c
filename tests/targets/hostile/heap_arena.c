/*
 * Gets its memory from the system and parts it itself: next to nothing goes through malloc(). The
 * heap is small, and that is no mistake; what is resident lies elsewhere.
 */
#include <string.h>
#include <sys/mman.h>

#include "tests/targets/hostile/hostile.h"

int main(void)
{
    enum { BYTES = 64 << 20 };
    char *arena = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
         *at = arena;
    if (arena == MAP_FAILED)
        cannot("no memory");
    for (size_t i = 0; at < arena + BYTES - 4096; i++) {
        memset(at, (int)i, i % 4000);
        at += i % 4000;
    }
    void *volatile block = malloc(100);
    printf("heap_arena: done\n");
    return block ? HOSTILE_OK : HOSTILE_BROKEN;
}
