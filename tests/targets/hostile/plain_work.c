/*
 * Works, waits and ends: `plain_work [WORK [LIFE]]`, in seconds, 0.3 and 2.6 when not given. Built
 * for every kind of program into which nothing can be loaded (static, static-pie, musl) and
 * installed set-user-ID, as which it does no work, since the kernel lets nobody measure it; lives
 * long enough to be looked at more than once. Prints whether it is set-user-ID.
 */
#include <stdbool.h>

#include "tests/targets/hostile/hostile.h"

__attribute__((noipa)) void plain_work(double seconds)
{
    burn(seconds);
    __asm__ volatile("");
}

int main(int argc, char **argv)
{
    bool privileged = getuid() != geteuid();
    double work = argc > 1 ? atof(argv[1]) : .3, life = argc > 2 ? atof(argv[2]) : 2.6;
    uint64_t end = clock_ns(CLOCK_MONOTONIC) + (uint64_t)(life * 1e9);
    if (!privileged)
        plain_work(work);
    while (clock_ns(CLOCK_MONOTONIC) < end)
        usleep(20000);
    printf("plain_work%s\n", privileged ? ", set-user-ID" : "");
    return HOSTILE_OK;
}
