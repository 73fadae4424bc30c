/*
 * A heap to look at while it stands: 3 MiB that stay, in blocks of 1 KiB; 2 MiB more in one block
 * for a moment at the start, when the heap is at its peak; and a few temporary blocks every
 * hundredth of a second until a line comes on its input. Then it ends without freeing what stays.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOIPA __attribute__((noipa))

enum { KEPT = 3 * 1024, KEPT_BYTES = 1024, PEAK_BYTES = 2 * 1024 * 1024, PASSING = 10 };

static void *kept[KEPT];

NOIPA void *keep_block(size_t size)
{
    void *block = malloc(size);
    memset(block, 1, size);
    return block;
}

NOIPA void pass_peak(size_t size)
{
    char *block = malloc(size);
    memset(block, 2, size);
    __asm__ volatile("" ::"r"(block) : "memory");
    free(block);
}

NOIPA void *take_passing(size_t size)
{
    void *block = malloc(size);
    __asm__ volatile("" ::"r"(block) : "memory");
    return block;
}

NOIPA void build_heap(void)
{
    for (int i = 0; i < KEPT; i++)
        kept[i] = keep_block(KEPT_BYTES);
    pass_peak(PEAK_BYTES);
    __asm__ volatile("" ::: "memory");
}

NOIPA void pass_blocks(void)
{
    for (size_t i = 0; i < PASSING; i++)
        free(take_passing(100 + i));
    __asm__ volatile("" ::: "memory");
}

int main(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    build_heap();
    while (poll(&input, 1, 10) == 0)
        pass_blocks();
    return kept[KEPT - 1] == NULL;
}
