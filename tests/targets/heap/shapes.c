/*
 * Call stacks and numbers of blocks as they come in large programs; FILE as of truth_heap.
 *
 *   frames FILE        60 calls deep, 256 bytes a frame, and 25 deep by function pointers
 *   recursion FILE     900 calls deep: whole; by two functions in turn
 *   bottomless FILE    1400 calls deep: more than is recorded
 *   tree FILE N        N different stacks of 20 calls (at most 2^18)
 *   blocks FILE N      N blocks live at once, half of them freed again
 *   tailed FILE        the allocation is the last thing that its caller does
 */
#include "tests/targets/heap/sites.h"

#define KEEP_FRAME __asm__ volatile("" ::: "memory") /* what comes before is no tail call */
#define USE(frame) __asm__ volatile("" ::"r"(frame) : "memory")

SITE(take_deep, malloc(size))
SITE(take_pointed, malloc(size))
SITE(take_recursive, malloc(size))
SITE(take_bottomless, malloc(size))

static void some_blocks(void *take(size_t))
{
    void *blocks[20];
    for (size_t i = 0; i < 20; i++)
        blocks[i] = take(i * 10 + 1);
    for (size_t i = 0; i < 17; i++)
        give(blocks[i]);
}

#define LINK(name, next)                                                                           \
    NOIPA void name(void);                                                                         \
    void name(void)                                                                                \
    {                                                                                              \
        char frame[256];                                                                           \
        USE(frame);                                                                                \
        next();                                                                                    \
        USE(frame);                                                                                \
    }

NOIPA void link_end(void);
void link_end(void)
{
    some_blocks(take_deep);
    KEEP_FRAME;
}

#define TEN(tens, next)                                                                            \
    LINK(link_##tens##9, next)                                                                     \
    LINK(link_##tens##8, link_##tens##9)                                                           \
    LINK(link_##tens##7, link_##tens##8)                                                           \
    LINK(link_##tens##6, link_##tens##7)                                                           \
    LINK(link_##tens##5, link_##tens##6)                                                           \
    LINK(link_##tens##4, link_##tens##5)                                                           \
    LINK(link_##tens##3, link_##tens##4)                                                           \
    LINK(link_##tens##2, link_##tens##3)                                                           \
    LINK(link_##tens##1, link_##tens##2)                                                           \
    LINK(link_##tens##0, link_##tens##1)
TEN(5, link_end)
TEN(4, link_50)
TEN(3, link_40)
TEN(2, link_30)
TEN(1, link_20)
TEN(0, link_10)

struct pointed {
    void (*call)(const struct pointed *, int);
};

static NOIPA void by_pointer(const struct pointed *p, int depth)
{
    if (depth > 0)
        p->call(p, depth - 1);
    else
        some_blocks(take_pointed);
    KEEP_FRAME;
}

NOIPA void ping(int depth, void *take(size_t));
NOIPA void pong(int depth, void *take(size_t));

void ping(int depth, void *take(size_t))
{
    char frame[48];
    USE(frame);
    if (depth > 0)
        pong(depth - 1, take);
    else
        some_blocks(take);
    USE(frame);
}

void pong(int depth, void *take(size_t))
{
    char frame[4000];
    USE(frame);
    if (depth > 0)
        ping(depth - 1, take);
    else
        some_blocks(take);
    USE(frame);
}

/* One of two calls at each level: as many stacks as there are paths. */
static struct site leaf_of_tree_site = {.name = "leaf_of_tree"};

NOIPA void leaf_of_tree(unsigned path);
void leaf_of_tree(unsigned path)
{
    void *volatile block = malloc(path % 100 + 1);
    leaf_of_tree_site.allocs++;
    leaf_of_tree_site.bytes += path % 100 + 1;
    leaf_of_tree_site.sizes[size_class(path % 100 + 1)]++;
    if (path % 10 == 0) {
        leaf_of_tree_site.live_blocks++;
        leaf_of_tree_site.live_bytes += path % 100 + 1;
    } else {
        free(block);
    }
}

static NOIPA void branch(unsigned path, int depth)
{
    if (depth == 0) {
        leaf_of_tree(path);
    } else if (path >> depth & 1) {
        branch(path, depth - 1);
        KEEP_FRAME;
    } else {
        branch(path, depth - 1);
        __asm__ volatile("nop" ::: "memory"); /* unlike the other call */
    }
    KEEP_FRAME;
}

static void tree(unsigned n)
{
    books.unordered = 1;
    for (unsigned i = 0; i < n; i++)
        branch(i * 2, 18);
    books.sites[books.n_sites++] = &leaf_of_tree_site;
}

static struct site one_of_many_site = {.name = "one_of_many"};

NOIPA void *one_of_many(size_t size);
void *one_of_many(size_t size)
{
    void *block = malloc(size);
    KEEP_FRAME;
    return block;
}

/* Chained by their first words: there is no list of them. */
static void many_blocks(long n)
{
    struct chained {
        struct chained *next;
    } *first = NULL, *kept = NULL;
    for (long i = 0; i < n; i++) {
        struct chained *block = one_of_many((size_t)(8 + i % 24));
        one_of_many_site.bytes += 8 + i % 24, one_of_many_site.sizes[8 + i % 24 > 16]++;
        block->next = first, first = block;
    }
    one_of_many_site.allocs = one_of_many_site.peak_blocks = n;
    one_of_many_site.peak_bytes = one_of_many_site.own_peak = one_of_many_site.bytes;
    for (long i = n - 1; first; i--) {
        struct chained *next = first->next;
        if (i % 2) {
            free(first);
            one_of_many_site.temporary += i == n - 1;
        } else {
            first->next = kept, kept = first;
            one_of_many_site.live_blocks++, one_of_many_site.live_bytes += 8 + i % 24;
        }
        first = next;
    }
    books.sites[books.n_sites++] = &one_of_many_site;
    __asm__ volatile("" ::"r"(kept));
}

/* malloc() returns to whom the last function would have: that one is on no stack. */
NOIPA void *its_tail(size_t size);
void *its_tail(size_t size)
{
    return malloc(size);
}

SITE(caller_of_tail, its_tail(size))

static void tailed(void)
{
    void *block = caller_of_tail(100);
    give(block);
}

static void run(const char *mode, long n)
{
    static const struct pointed pointed = {by_pointer};
    if (strcmp(mode, "frames") == 0) {
        link_00();
        by_pointer(&pointed, 25);
    } else if (strcmp(mode, "recursion") == 0) {
        ping(900, take_recursive);
    } else if (strcmp(mode, "bottomless") == 0) {
        ping(1400, take_bottomless);
    } else if (strcmp(mode, "tree") == 0) {
        tree((unsigned)n);
    } else if (strcmp(mode, "blocks") == 0) {
        many_blocks(n);
    } else if (strcmp(mode, "tailed") == 0) {
        tailed();
    } else {
        exit(2);
    }
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    run(argv[1], argc > 3 ? atol(argv[3]) : 200000);
    write_books(argv[2]);
    return 0;
}
