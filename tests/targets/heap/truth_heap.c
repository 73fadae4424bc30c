/*
 * A heap whose every figure is known: `truth_heap MODE FILE` does the same each time and writes to
 * FILE what a profiler must find (sites.h). Modes:
 *
 *   lifetimes    several sites, blocks that live short, long, and a known while (lines "lifetime")
 *   temporaries  what counts as temporary: freed by the same thread before its next allocation
 *   peaks        sites that are largest at different moments, one moment at which the heap is
 *   leaks        blocks that are never freed, after others that were
 *   remote       blocks freed and resized by other threads
 *   reallocs     growing, shrinking, in place and moving, to nothing
 *   storm        eight threads resize and free each other's blocks as fast as they can
 *   sizes        each size class, at both of its ends
 *   threads      ten thousand threads, one after the other
 *   noisy        small blocks of many sizes, to be sampled; all freed but some
 */
#include <stdatomic.h>
#include <time.h>

#include "tests/targets/heap/sites.h"

SITE(take_plain, malloc(size))
SITE(take_zeroed, calloc(1, size))
SITE(take_held, malloc(size))
SITE(take_first, malloc(size))
SITE(take_second, malloc(size))
SITE(take_third, malloc(size))
SITE(take_steady, malloc(size))
RESIZING_SITE(resize_growing)
RESIZING_SITE(resize_other)

static const char *file;

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Holds a block for 20 ms and says for how long it really was: classes of lifetimes are far apart,
 * so that the profiler's clock and ours agree but when a machine stands still. */
static void hold_a_while(void)
{
    char line[64];
    int64_t until = now_ns() + 20000000, ended;
    void *block = take_held(500);
    while (now_ns() < until)
        ;
    give(block);
    ended = now_ns();
    int n = snprintf(line, sizeof line, "lifetime take_held %s\n",
                     ended - until < 70000000 ? "5" : "-"); /* 10 to 100 ms */
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0644);
    write_line(fd, line, (size_t)n);
    close(fd);
}

static void lifetimes(void)
{
    void *kept[300] = {0};
    for (size_t i = 0; i < 20000; i++) {
        size_t at = i * 7919 % 300;
        if (kept[at])
            give(kept[at]);
        kept[at] = i % 2 ? take_plain(i % 5000 + 1) : take_zeroed(i % 700);
    }
    hold_a_while();
    for (size_t i = 0; i < 250; i++)
        give(kept[i]);
}

/* Two threads take turns: each frees what it took last, but the other has taken one between. */
static pthread_barrier_t turns;

static void *second_of_two(void *arg)
{
    for (int i = 0; i < 500; i++) {
        pthread_barrier_wait(&turns);
        void *block = take_second(64);
        pthread_barrier_wait(&turns);
        give(block);
    }
    return arg;
}

static void first_of_two(void)
{
    pthread_t thread;
    pthread_barrier_init(&turns, NULL, 2);
    pthread_create(&thread, NULL, second_of_two, NULL);
    for (int i = 0; i < 500; i++) {
        void *block = take_first(48);
        pthread_barrier_wait(&turns);
        pthread_barrier_wait(&turns);
        give(block);
    }
    pthread_join(thread, NULL);
}

static void temporaries(void)
{
    void *previous = NULL, *grown = NULL;
    for (int i = 0; i < 1000; i++) /* all of them */
        give(take_plain(100));
    for (int i = 0; i < 10000; i++) { /* none: the previous one is freed */
        void *block = take_steady(80);
        if (previous)
            give(previous);
        previous = block;
    }
    for (size_t i = 1; i <= 5000; i++) /* each but the last: resizing frees */
        grown = resize_growing(grown, i * 8);
    for (int i = 0; i < 100; i++) { /* the inner one */
        void *outer = take_third(40), *inner = take_zeroed(30);
        give(inner);
        give(outer);
    }
    first_of_two();
}

enum { KIB = 1024, HELD = 40 };

static void fill(void *take(size_t), void **blocks, int n, size_t size)
{
    for (int i = 0; i < n; i++)
        blocks[i] = take(size);
}

static void drop(void **blocks, int n)
{
    for (int i = 0; i < n; i++)
        give(blocks[i]);
}

static void *peak_of_a_thread(void *arg)
{
    void *blocks[HELD];
    fill(take_second, blocks, 30, 100 * KIB); /* with what main holds, the heap's peak */
    drop(blocks, 30);
    return arg;
}

static void peaks(void)
{
    static void *steady[HELD], *first[HELD], *third[HELD];
    pthread_t thread;
    fill(take_steady, steady, 10, 10 * KIB);
    fill(take_first, first, 25, 100 * KIB); /* its own peak */
    drop(first, 20);
    pthread_create(&thread, NULL, peak_of_a_thread, NULL);
    pthread_join(thread, NULL);
    last_block = NULL; /* to make a thread allocates */
    drop(first + 20, 5);
    fill(take_third, third, 20, 110 * KIB); /* its own peak: less than the heap's */
    drop(third, 19);
    drop(steady, 4);
    fill(take_plain, first, 3, 1000); /* after the peak: not part of it */
}

static void leaks(void)
{
    static void *blocks[2000];
    fill(take_plain, blocks, 2000, 24);
    drop(blocks, 1900);
    fill(take_zeroed, blocks, 50, 1000);
    drop(blocks + 10, 40);
    fill(take_first, blocks, 1, 5 * 1024 * KIB);
    fill(take_second, blocks, 100, 64);
    drop(blocks, 100);
}

static void *handed[1000];

static void *frees_of_another(void *arg)
{
    for (int i = 0; i < 400; i++)
        give(handed[i]);
    for (int i = 400; i < 700; i++)
        handed[i] = resize_other(handed[i], 300);
    for (int i = 400; i < 500; i++)
        give(handed[i]);
    return arg;
}

static void remote(void)
{
    pthread_t thread;
    fill(take_plain, handed, 1000, 200);
    pthread_create(&thread, NULL, frees_of_another, NULL);
    pthread_join(thread, NULL);
    for (int i = 500; i < 900; i++)
        give(handed[i]);
}

static void reallocs(void)
{
    void *grown = NULL, *apart[100] = {0};
    for (size_t i = 1; i <= 3001; i++)
        grown = resize_growing(grown, i <= 3000 ? i * 100 : 10);
    give(grown);
    for (int round = 0; round < 10; round++)
        for (size_t i = 0; i < 100; i++)
            apart[i] = resize_other(apart[i], (i + 1) * (size_t)(round % 5 + 1) * 20);
    for (int i = 0; i < 90; i++)
        give(apart[i]);
}

/* Each block says its size and who took it, so that no thread waits for another's books. */
struct own_block {
    size_t size;
    int thread;
};

enum { STORM_THREADS = 8, STORM_SLOTS = 64, STORM_ROUNDS = 40000 };

static _Atomic(struct own_block *) slots[STORM_SLOTS];
static struct site storm_sites[STORM_THREADS][2];

static NOIPA struct own_block *storm_take(size_t size)
{
    struct own_block *block = malloc(size);
    __asm__ volatile("" ::: "memory"); /* no tail call */
    return block;
}

static NOIPA struct own_block *storm_resize(struct own_block *old, size_t size)
{
    struct own_block *block = realloc(old, size);
    __asm__ volatile("" ::: "memory");
    return block;
}

static void storm_count(struct site *site, struct own_block *block, size_t size, int thread)
{
    block->size = size, block->thread = thread;
    site->allocs++, site->bytes += (long)size, site->sizes[size_class(size)]++;
}

/* Where a block came from shows in its size: those taken are odd, those resized even. */
static void storm_gone(struct site *own, size_t size, int taker, int thread)
{
    struct site *site = &own[size % 2 == 0];
    site->live_blocks--, site->live_bytes -= (long)size, site->remote_frees += taker != thread;
}

static void storm_round(int thread, unsigned random)
{
    struct site *own = storm_sites[thread];
    struct own_block *block = atomic_exchange(&slots[random % STORM_SLOTS], NULL);
    size_t size = (random >> 8) % 2000 * 2 + 32;
    if (!block) {
        block = storm_take(size + 1);
        storm_count(&own[0], block, size + 1, thread);
    } else {
        storm_gone(own, block->size, block->thread, thread);
        block = storm_resize(block, size);
        storm_count(&own[1], block, size, thread);
        own[1].reallocs++;
    }
    block = atomic_exchange(&slots[(random >> 20) % STORM_SLOTS], block);
    if (block) {
        storm_gone(own, block->size, block->thread, thread);
        free(block);
    }
}

static void *storm_thread(void *arg)
{
    int thread = (int)(intptr_t)arg;
    unsigned random = (unsigned)thread * 2654435761u + 1;
    for (int i = 0; i < STORM_ROUNDS; i++) {
        storm_round(thread, random >> 2);
        random = random * 1664525u + 1013904223u;
        random ^= random >> 15;
    }
    return arg;
}

static void storm(void)
{
    static struct site sums[2] = {{.name = "storm_take"}, {.name = "storm_resize"}};
    pthread_t threads[STORM_THREADS];
    books.unordered = 1;
    for (intptr_t i = 0; i < STORM_THREADS; i++)
        pthread_create(&threads[i], NULL, storm_thread, (void *)i);
    for (int i = 0; i < STORM_THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int which = 0; which < 2; which++) {
        struct site *sum = &sums[which];
        for (int i = 0; i < STORM_THREADS; i++) {
            struct site *s = &storm_sites[i][which];
            sum->allocs += s->allocs, sum->bytes += s->bytes, sum->reallocs += s->reallocs;
            sum->live_blocks += s->allocs + s->live_blocks,
                sum->live_bytes += s->bytes + s->live_bytes;
            sum->remote_frees += s->remote_frees;
            for (int k = 0; k < SIZE_CLASSES; k++)
                sum->sizes[k] += s->sizes[k];
        }
        books.sites[books.n_sites++] = sum;
    }
}

static void sizes(void)
{
    for (int class_ = -1; class_ < SIZE_CLASSES + 2; class_++) /* -1: 0 and 1 bytes */
        for (size_t more = 0; more < 2; more++)
            for (int n = 0; n <= class_ + 1; n++)
                give(take_plain((class_ < 0 ? 0 : (size_t)16 << class_) + more));
}

static void *short_thread(void *arg)
{
    void *block = take_plain((size_t)(intptr_t)arg % 100 + 1);
    give(take_zeroed(16));
    if ((intptr_t)arg % 10 != 0)
        give(block);
    return arg;
}

static void many_threads(void)
{
    for (intptr_t i = 0; i < 10000; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, short_thread, (void *)i) != 0)
            abort();
        pthread_join(thread, NULL);
    }
}

static void noisy(void)
{
    static void *kept[500];
    unsigned random = 1;
    for (size_t i = 0; i < 40000; i++) {
        size_t at = i % 500, size;
        random = random * 1664525u + 1013904223u;
        size = 16u << (random >> 29);
        size += random >> 8 & (size - 1);
        if (kept[at])
            give(kept[at]);
        kept[at] = i % 4 == 0 ? take_first(size) : i % 4 == 1 ? take_second(20) : take_plain(size);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } modes[] = {{"lifetimes", lifetimes},  {"temporaries", temporaries},
                 {"peaks", peaks},          {"leaks", leaks},
                 {"remote", remote},        {"reallocs", reallocs},
                 {"storm", storm},          {"sizes", sizes},
                 {"threads", many_threads}, {"noisy", noisy}};
    for (size_t i = 0; argc == 3 && i < sizeof modes / sizeof *modes; i++)
        if (strcmp(argv[1], modes[i].name) == 0) {
            file = argv[2];
            modes[i].run();
            write_books(file);
            return 0;
        }
    return 2;
}
