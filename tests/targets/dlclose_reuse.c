/*
 * Two libraries that live at the same address, one after the other: `dlclose_reuse [SECONDS]`. Half
 * of the CPU time is in first_part() of reuse_first.so, half in second_part() of reuse_second.so;
 * both lie beside this program. Prints whether the addresses were the same.
 */
#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

typedef uint64_t part(uint64_t);

static volatile uint64_t sink;

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Runs `name` of the library for some seconds of CPU time; returns where it was, NULL when it could
 * not be loaded. */
static void *run_part(const char *folder, const char *library, const char *name, double seconds)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof(path), "%s/%s", folder, library);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = handle ? dlsym(handle, name) : NULL;
    if (!symbol)
        return NULL;
    for (double end = cpu_seconds() + seconds; cpu_seconds() < end;)
        sink += ((part *)symbol)(sink);
    dlclose(handle);
    return symbol;
}

int main(int argc, char **argv)
{
    char self[PATH_MAX] = "";
    double seconds = argc > 1 ? atof(argv[1]) : 1;
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) <= 0)
        return 1;
    const char *folder = dirname(self);
    void *first = run_part(folder, "reuse_first.so", "first_part", seconds / 2);
    void *second = run_part(folder, "reuse_second.so", "second_part", seconds / 2);
    if (!first || !second)
        return 1;
    printf("same address: %s\n", first == second ? "yes" : "no");
    return 0;
}
