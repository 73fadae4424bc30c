/*
 * Books of a program about its own heap: what it allocated where, as a profiler should find it. A
 * site is a function that allocates in one line and is called from one place. The books lie in
 * static memory and are written with write(), so that they do not allocate themselves.
 *
 * Lines of the file: site NAME ALLOCS BYTES LIVE_BLOCKS LIVE_BYTES PEAK_BLOCKS PEAK_BYTES
 * OWN_PEAK_BYTES TEMPORARY REALLOCS REMOTE_FREES SIZES, with "-" for what is not known, and SIZES
 * separated by commas.
 */
#ifndef PROFTOP_TESTS_TARGETS_HEAP_SITES_H
#define PROFTOP_TESTS_TARGETS_HEAP_SITES_H

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOIPA  __attribute__((noipa))
#define UNUSED __attribute__((unused))

#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* of C++ */

enum { SITES_MAX = 64, SIZE_CLASSES = 16, BOOK_SLOTS = 1 << 20 };

struct site {
    const char *name;
    int known; /* it is in the list */
    long allocs, bytes, live_blocks, live_bytes, peak_blocks, peak_bytes, own_peak;
    long temporary; /* -1: not known */
    long reallocs, remote_frees, sizes[SIZE_CLASSES];
};

struct booked {
    void *block;
    struct site *site;
    size_t size;
    pthread_t thread;
};

static struct {
    pthread_mutex_t lock;
    struct site *sites[SITES_MAX];
    int n_sites;
    int unordered; /* threads run freely: peaks and temporaries are not known */
    long live, peak;
    struct booked booked[BOOK_SLOTS];
} books = {.lock = PTHREAD_MUTEX_INITIALIZER};

static __thread void *last_block; /* of this thread */

static inline struct booked *book_slot(void *block)
{
    size_t at = ((uintptr_t)block >> 4) * 0x9e3779b97f4a7c15u >> 44;
    while (books.booked[at].block && books.booked[at].block != block)
        at = (at + 1) % BOOK_SLOTS;
    return &books.booked[at];
}

/* Linear probing: what follows an emptied slot moves up. */
static inline void book_remove(struct booked *slot)
{
    size_t at = (size_t)(slot - books.booked);
    slot->block = NULL;
    for (size_t next = (at + 1) % BOOK_SLOTS; books.booked[next].block;
         next = (next + 1) % BOOK_SLOTS) {
        struct booked moved = books.booked[next];
        books.booked[next].block = NULL;
        *book_slot(moved.block) = moved;
    }
}

static inline int size_class(size_t size)
{
    int class_ = 0;
    while (class_ < SIZE_CLASSES - 1 && size > (size_t)16 << class_)
        class_++;
    return class_;
}

static inline void note_peak(void)
{
    if (books.live <= books.peak)
        return;
    books.peak = books.live;
    for (int i = 0; i < books.n_sites; i++) {
        books.sites[i]->peak_blocks = books.sites[i]->live_blocks;
        books.sites[i]->peak_bytes = books.sites[i]->live_bytes;
    }
}

/* Books a block, once it is there. */
static UNUSED void site_took(struct site *site, void *block, size_t size)
{
    if (!block)
        return;
    pthread_mutex_lock(&books.lock);
    if (!site->known) {
        site->known = 1;
        books.sites[books.n_sites++] = site;
    }
    struct booked *slot = book_slot(block);
    slot->block = block, slot->site = site, slot->size = size, slot->thread = pthread_self();
    site->allocs++;
    site->bytes += (long)size;
    site->sizes[size_class(size)]++;
    site->live_blocks++;
    site->live_bytes += (long)size;
    if (site->live_bytes > site->own_peak)
        site->own_peak = site->live_bytes;
    books.live += (long)size;
    note_peak();
    last_block = block;
    pthread_mutex_unlock(&books.lock);
}

/* Takes a block out of the books, before it is freed. */
static UNUSED void site_gives(void *block)
{
    if (!block)
        return;
    pthread_mutex_lock(&books.lock);
    struct booked *slot = book_slot(block);
    if (!slot->block)
        abort();
    struct site *site = slot->site;
    int own = pthread_equal(slot->thread, pthread_self());
    site->live_blocks--;
    site->live_bytes -= (long)slot->size;
    site->remote_frees += !own;
    site->temporary += own && last_block == block;
    books.live -= (long)slot->size;
    book_remove(slot);
    pthread_mutex_unlock(&books.lock);
}

static UNUSED void give(void *block)
{
    site_gives(block);
    free(block);
}

/* A site called NAME that allocates by the expression, of `size`. */
#define SITE(NAME, EXPRESSION)                                                                     \
    static struct site NAME##_site = {.name = #NAME};                                              \
    NOIPA void *NAME(size_t size);                                                                 \
    void *NAME(size_t size)                                                                        \
    {                                                                                              \
        void *block = EXPRESSION;                                                                  \
        site_took(&NAME##_site, block, size);                                                      \
        return block;                                                                              \
    }

/* One that resizes. */
#define RESIZING_SITE(NAME)                                                                        \
    static struct site NAME##_site = {.name = #NAME};                                              \
    NOIPA void *NAME(void *old, size_t size);                                                      \
    void *NAME(void *old, size_t size)                                                             \
    {                                                                                              \
        NAME##_site.reallocs += old != NULL;                                                       \
        site_gives(old);                                                                           \
        void *block = realloc(old, size);                                                          \
        site_took(&NAME##_site, block, size);                                                      \
        return block;                                                                              \
    }

static UNUSED void write_line(int fd, const char *line, size_t size)
{
    if (write(fd, line, size) != (ssize_t)size)
        abort();
}

static UNUSED void write_site(int fd, const struct site *s)
{
    char line[1024], order[160], temporary[24];
    size_t n;
    snprintf(order, sizeof order, "%ld %ld %ld", s->peak_blocks, s->peak_bytes, s->own_peak);
    snprintf(temporary, sizeof temporary, "%ld", s->temporary);
    n = (size_t)snprintf(
        line, sizeof line, "site %s %ld %ld %ld %ld %s %s %ld %ld ", s->name, s->allocs, s->bytes,
        s->live_blocks, s->live_bytes, books.unordered ? "- - -" : order,
        books.unordered || s->temporary < 0 ? "-" : temporary, s->reallocs, s->remote_frees);
    for (int i = 0; i < SIZE_CLASSES; i++)
        n += (size_t)snprintf(line + n, sizeof line - n, "%ld%c", s->sizes[i],
                              i < SIZE_CLASSES - 1 ? ',' : '\n');
    write_line(fd, line, n);
}

/* Adds all sites to the file. */
static UNUSED void write_books(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        abort();
    for (int i = 0; i < books.n_sites; i++)
        write_site(fd, books.sites[i]);
    close(fd);
}

#endif
