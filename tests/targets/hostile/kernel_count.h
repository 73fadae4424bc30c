/*
 * What the kernel counted for a program and the children that it waited for, told to the test by a
 * file beside stdout (which must be the same in every run). The test runs a program bare and then
 * under each engine: each run appends one line, in nanoseconds, so the order tells whose it is.
 */
#ifndef PROFTOP_TESTS_TARGETS_KERNEL_COUNT_H
#define PROFTOP_TESTS_TARGETS_KERNEL_COUNT_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static inline uint64_t used_ns(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000u +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000u;
}

/* Appends the line; `path` NULL: nobody asked. To be called last. */
static inline void tell_kernel_count(const char *path)
{
    char line[32];
    if (!path)
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    int n = snprintf(line, sizeof line, "%llu\n",
                     (unsigned long long)(used_ns(RUSAGE_SELF) + used_ns(RUSAGE_CHILDREN)));
    if (fd < 0 || write(fd, line, (size_t)n) != n)
        _exit(99);
    close(fd);
}

#endif
