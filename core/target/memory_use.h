/*
 * What the resident memory of a process consists of, from /proc/PID/smaps.
 *
 * Context: any thread.
 */
#ifndef PROFTOP_CORE_TARGET_MEMORY_USE_H
#define PROFTOP_CORE_TARGET_MEMORY_USE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Resident bytes; the parts add up to rss_bytes. */
struct memory_use {
    int64_t rss_bytes;
    int64_t
        allocator_bytes; /* anonymous memory in which the allocator has blocks, [heap] included */
    int64_t anonymous_bytes; /* other private anonymous memory: mmap(), thread stacks not known */
    int64_t stack_bytes;     /* of the main thread, and of threads whose stack is known */
    int64_t file_bytes;      /* mapped files: code, libraries, data */
    int64_t shared_bytes;    /* shared memory without a file, proftop's own excepted */
    int64_t proftop_bytes;   /* what proftop put there: its segment */
};

/*
 * Reads it. `blocks` are addresses of live blocks (n; may be 0), by which the allocator's regions
 * are known. false: the process is gone or another user's; *ret_use is untouched then. Takes about
 * 3 us for a mapping and 15 us for a resident megabyte, nearly all of it the kernel's.
 */
bool memory_use_read(int pid, const uint64_t *blocks, size_t n, struct memory_use *ret_use);

/* The same from the text of smaps. false: it cannot be read, or there is not one mapping in it. */
bool memory_use_parse(FILE *smaps, const uint64_t *blocks, size_t n, struct memory_use *ret_use);

/* Adds `more` to `sum`. */
void memory_use_add(struct memory_use *sum, const struct memory_use *more);

#endif
