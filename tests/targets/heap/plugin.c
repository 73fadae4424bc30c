/* A library with a heap of its own uses: -DNAME=first takes the name of its functions. Two of them
 * have the same bytes but for names, so that one can be mapped where the other was. */
#include <stdlib.h>

#define JOIN(a, b)     a##b
#define FUNCTION(a, b) JOIN(a, b)
#define TAKE           FUNCTION(NAME, _take)
#define GIVE           FUNCTION(NAME, _give)

void *TAKE(size_t size);
void GIVE(void *block);

__attribute__((noipa)) void *TAKE(size_t size)
{
    void *block = malloc(size);
    __asm__ volatile("" ::: "memory");
    return block;
}

__attribute__((noipa)) void GIVE(void *block)
{
    free(block);
    __asm__ volatile("" ::: "memory");
}
