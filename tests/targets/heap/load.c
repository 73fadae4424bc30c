/*
 * The allocator under load, for the benchmark: `load PAIRS [THREADS]` allocates PAIRS blocks,
 * spread over the threads, from 50 call stacks of 25 calls, and frees each after 1000 later ones.
 * Most are small. Prints how many blocks and bytes.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { HELD = 1000, STACKS = 50, EACH = 4, THREADS_MAX = 16 };

struct work {
    uint64_t random, wanted, allocs, bytes;
    void *held[HELD];
};

static size_t next_size(struct work *w)
{
    static const unsigned shares[] = {50, 85, 99, 100}, least[] = {16, 128, 1024, 8192},
                          span[] = {112, 896, 7168, 57344};
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    unsigned random = (unsigned)(w->random >> 33), kind = 0;
    while (random % 100 >= shares[kind])
        kind++;
    return least[kind] + random / 100 % span[kind];
}

__attribute__((noipa)) void allocate(struct work *w)
{
    for (int i = 0; i < EACH && w->allocs < w->wanted; i++) {
        size_t size = next_size(w);
        void **slot = &w->held[w->allocs++ % HELD];
        free(*slot);
        *slot = malloc(size);
        if (*slot)
            *(volatile char *)*slot = 1;
        w->bytes += size;
    }
}

/* Two ways to each next level: which are taken makes the stack. */
__attribute__((noipa)) void level(struct work *w, unsigned path, int depth)
{
    if (depth == 0) {
        allocate(w);
    } else if (path & 1) {
        level(w, path >> 1, depth - 1);
        __asm__ volatile("" ::: "memory");
    } else {
        level(w, path >> 1, depth - 1);
        __asm__ volatile("nop" ::: "memory");
    }
    __asm__ volatile("" ::: "memory");
}

static void *run(void *arg)
{
    struct work *w = arg;
    for (unsigned i = 0; w->allocs < w->wanted; i++)
        level(w, i % STACKS, 18);
    for (int i = 0; i < HELD; i++)
        free(w->held[i]);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct work works[THREADS_MAX];
    static pthread_t threads[THREADS_MAX];
    uint64_t pairs = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000, allocs = 0, bytes = 0;
    unsigned n = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    if (n < 1 || n > THREADS_MAX)
        return 2;
    for (unsigned i = 0; i < n; i++) {
        works[i].random = i + 1, works[i].wanted = pairs / n;
        if (i > 0 && pthread_create(&threads[i], NULL, run, &works[i]) != 0)
            return 1;
    }
    run(&works[0]);
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            pthread_join(threads[i], NULL);
        allocs += works[i].allocs, bytes += works[i].bytes;
    }
    printf("allocs %lu bytes %lu\n", (unsigned long)allocs, (unsigned long)bytes);
    return 0;
}
