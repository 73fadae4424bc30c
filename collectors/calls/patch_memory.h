/*
 * Reads and changes the memory of another process, code included, through /proc/PID/mem.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_PATCH_MEMORY_H
#define PROFTOP_COLLECTORS_CALLS_PATCH_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PATCH_CHANGE_MAX = 8 };

/* Opens it; -1 with errno. It is that of the program that runs now: after an exec nothing can be
 * read. Close with close(2). Context: any thread. */
int patch_memory_open(int pid);

/* Reads exactly `n` bytes. Context: any thread. */
bool patch_memory_read(int fd, uint64_t address, void *ret_bytes, size_t n);

/* Writes `n` bytes, at most PATCH_CHANGE_MAX, if those that are there are `old`, or `bytes`
 * already. Context: any thread. */
bool patch_memory_change(int fd, uint64_t address, const uint8_t *old, const uint8_t *bytes,
                         size_t n);

#endif
