/* See tsc.h. */
#include "core/session/tsc.h"

#include <cpuid.h>
#include <glib.h>
#include <time.h>
#include <x86intrin.h>

enum { BASELINE_NS = 2000000, TRIES = 5 };

static int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool kernel_uses_it(void)
{
    const char *path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    char *name = NULL;
    bool uses =
        g_file_get_contents(path, &name, NULL, NULL) && g_str_equal(g_strchomp(name), "tsc");
    g_free(name);
    return uses;
}

bool tsc_is_invariant(void)
{
    enum { LEAF = 0x80000007, BIT = 1 << 8 };
    unsigned eax, ebx, ecx, edx;
    if (__get_cpuid(LEAF, &eax, &ebx, &ecx, &edx) && edx & BIT)
        return true;
    return kernel_uses_it();
}

/* The reading of the clock that took least, so that nothing came in between. */
struct tsc_moment tsc_now(void)
{
    struct tsc_moment best = {0};
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        uint64_t before = __rdtsc();
        int64_t now_ns = clock_ns();
        uint64_t after = __rdtsc();
        if (after - before >= least)
            continue;
        least = after - before;
        best = (struct tsc_moment){.ticks = before + (after - before) / 2, .time_ns = now_ns};
    }
    return best;
}

double tsc_ticks_per_ns(const struct tsc_moment *start)
{
    struct tsc_moment now = tsc_now();
    while (now.time_ns - start->time_ns < BASELINE_NS)
        now = tsc_now();
    return (double)(now.ticks - start->ticks) / (double)(now.time_ns - start->time_ns);
}
