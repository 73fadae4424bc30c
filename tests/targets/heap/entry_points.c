/*
 * Every way into the allocator, with sizes that are common, odd, none and too large:
 * `entry_points FILE`. Prints what each call gave, NULL or not, aligned or not, and errno: the same
 * under any profiler. Each entry point is a site (sites.h); FILE also says how many calls there
 * were that gave no block where one was wanted, and how many blocks were freed ("process FAILED
 * FREES").
 */
#include <errno.h>
#include <limits.h>
#include <malloc.h>

#include "tests/targets/heap/sites.h"

#define TOO_MUCH ((size_t)PTRDIFF_MAX)

static int failed, freed;
static volatile size_t boundary; /* the compiler does not know it */

#define BY_POSIX(size)                                                                             \
    ({                                                                                             \
        void *aligned = NULL;                                                                      \
        int error = posix_memalign(&aligned, boundary, size);                                      \
        errno = error ? error : errno;                                                             \
        error ? NULL : aligned;                                                                    \
    })

SITE(by_malloc, malloc(size))
SITE(by_calloc, calloc(size, 1))
SITE(by_calloc_of_many, calloc(size / 8, 8))
SITE(by_realloc_of_none, realloc(NULL, size))
SITE(by_reallocarray, reallocarray(NULL, size / 4, 4))
SITE(by_memalign, memalign(boundary, size))
SITE(by_aligned_alloc, aligned_alloc(boundary, size))
SITE(by_posix_memalign, BY_POSIX(size))
SITE(by_valloc, valloc(size))
SITE(by_pvalloc, pvalloc(size))
RESIZING_SITE(by_realloc)

static void told(const char *name, size_t size, void *block, size_t alignment)
{
    int error = errno;
    printf("%s %zu: %s, errno %d\n", name, size,
           block ? (uintptr_t)block % alignment ? "not aligned" : "a block" : "NULL", error);
    failed += !block;
    if (block) {
        if (malloc_usable_size(block) < size)
            abort();
        memset(block, 0x5a, size);
        freed++;
        give(block);
    }
    errno = 77;
}

static void every_size(const char *name, void *take(size_t), size_t alignment)
{
    static const size_t sizes[] = {0, 8, 24, 4096, 100000, 5000000, TOO_MUCH - 7, SIZE_MAX - 7};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        errno = 77;
        told(name, sizes[i], take(sizes[i]), alignment);
    }
}

/* Products that do not fit. */
static void overflow(void)
{
    volatile size_t half = SIZE_MAX / 2 + 1, two = 2;
    void *volatile old = by_malloc(50);
    void *same;
    errno = 77;
    told("calloc overflow", 0, calloc(half, two), 1);
    told("reallocarray overflow", 0, reallocarray(NULL, half, two), 1);
    same = reallocarray(old, half, two); /* the old block stays */
    told("reallocarray of a block, overflow", 0, same, 1);
    failed -= 2; /* libc says no itself, before it asks the allocator */
    memset(old, 1, 50);
    freed++;
    give(old);
}

/* realloc(): in vain, to nothing, from nothing, smaller, larger. */
static void resizes(void)
{
    volatile size_t none = 0, huge = TOO_MUCH;
    char *volatile block = by_malloc(100);
    char *grown, *gone;
    memset(block, 7, 100);
    errno = 77;
    void *no = realloc(block, huge);
    failed += !no;
    printf("realloc too much: %s, errno %d, old block %s\n", no ? "a block" : "NULL", errno,
           block[0] == 7 && block[99] == 7 ? "whole" : "broken");
    grown = by_realloc(block, 200000);
    freed++;
    printf("realloc larger: %s\n", grown[0] == 7 && grown[99] == 7 ? "whole" : "broken");
    grown = by_realloc(grown, 10);
    freed++;
    printf("realloc smaller: %s\n", grown[0] == 7 && grown[9] == 7 ? "whole" : "broken");
    site_gives(grown);
    freed++;
    errno = 77;
    gone = realloc(grown, none);
    printf("realloc to nothing: %s, errno %d\n", gone ? "a block" : "NULL", errno);
    told("realloc nothing to nothing", 0, by_realloc_of_none(none), 16);
}

static void others(void)
{
    errno = 77;
    free(NULL);
    printf("free NULL: errno %d; usable size of NULL %zu\n", errno, malloc_usable_size(NULL));
    void *block = by_malloc(64);
    errno = 55;
    freed++;
    give(block);
    printf("free: errno %d\n", errno);
    static const size_t boundaries[] = {0, 1, 3, 8, 24, 32, 4096, 1 << 20};
    for (size_t i = 0; i < sizeof boundaries / sizeof *boundaries; i++) {
        boundary = boundaries[i];
        printf("boundary %zu\n", boundary);
        errno = 77;
        told("posix_memalign", 100, by_posix_memalign(100), boundary ? boundary : 1);
        if (boundary && (boundary & (boundary - 1)) == 0) {
            told("memalign", 100, by_memalign(100), boundary);
            told("aligned_alloc", 100, by_aligned_alloc(100), boundary);
        }
    }
}

static void write_process(const char *path)
{
    char line[64];
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    int n = snprintf(line, sizeof line, "process %d %d\n", failed, freed);
    write_line(fd, line, (size_t)n);
    close(fd);
}

int main(int argc, char **argv)
{
    static char buffer[1 << 16];
    if (argc != 2)
        return 2;
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer); /* no block of its own */
    books.unordered = 1;                            /* sites are called from several places */
    boundary = 64;
    every_size("malloc", by_malloc, 16);
    every_size("calloc", by_calloc, 16);
    every_size("calloc of many", by_calloc_of_many, 16);
    every_size("realloc of none", by_realloc_of_none, 16);
    every_size("reallocarray", by_reallocarray, 16);
    every_size("memalign", by_memalign, 64);
    every_size("aligned_alloc", by_aligned_alloc, 64);
    every_size("posix_memalign", by_posix_memalign, 64);
    every_size("valloc", by_valloc, 4096);
    every_size("pvalloc", by_pvalloc, 4096);
    overflow();
    resizes();
    others();
    write_books(argv[1]);
    write_process(argv[1]);
    return 0;
}
