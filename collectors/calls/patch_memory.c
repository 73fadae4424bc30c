/*
 * See patch_memory.h.
 */
#include "collectors/calls/patch_memory.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int patch_memory_open(int pid)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    return open(path, O_RDWR | O_CLOEXEC);
}

bool patch_memory_read(int fd, uint64_t address, void *ret_bytes, size_t n)
{
    return address <= INT64_MAX && pread(fd, ret_bytes, n, (off_t)address) == (ssize_t)n;
}

bool patch_memory_change(int fd, uint64_t address, const uint8_t *old, const uint8_t *bytes,
                         size_t n)
{
    uint8_t there[PATCH_CHANGE_MAX];
    assert(n <= sizeof there);
    if (!patch_memory_read(fd, address, there, n))
        return false;
    if (memcmp(there, bytes, n) == 0)
        return true;
    return memcmp(there, old, n) == 0 && pwrite(fd, bytes, n, (off_t)address) == (ssize_t)n;
}
