/*
 * many_threads N (default 10000): creates and ends that many threads, at most 50 at a time; each
 * computes a while with a number of its own. A profiler that keeps something for every thread
 * grows, runs out of timers, or gives the work of one to another with the same id. Checks every
 * result, and that resident memory grew by less than 200 MB. Prints the most that grew on stderr
 * when told to (second argument).
 */
#include <pthread.h>
#include <string.h>

#include "tests/targets/hostile/hostile.h"

enum { AT_ONCE = 50, LIMIT_KB = 200 * 1024 };

static __attribute__((noipa)) uint64_t work_of_one(uint64_t number)
{
    uint64_t value = number;
    for (int i = 0; i < 30000; i++) {
        value = value * 2862933555777941757u + 3037000493u;
        __asm__ volatile("" : "+r"(value));
    }
    return value;
}

static void *run(void *number)
{
    return (void *)work_of_one((uint64_t)number);
}

static long status_kb(const char *what)
{
    char line[256];
    long kb = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, what, strlen(what)) == 0)
            kb = atol(line + strlen(what));
    fclose(status);
    return kb;
}

int main(int argc, char **argv)
{
    uint64_t all = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000, wrong = 0;
    pthread_t threads[AT_ONCE];
    long before = status_kb("VmRSS:");
    for (uint64_t first = 0; first < all; first += AT_ONCE) {
        for (uint64_t i = 0; i < AT_ONCE; i++)
            if (pthread_create(&threads[i], NULL, run, (void *)(first + i)) != 0)
                broken("no thread %lu", first + i);
        for (uint64_t i = 0; i < AT_ONCE; i++) {
            void *result;
            pthread_join(threads[i], &result);
            wrong += (uint64_t)result != work_of_one(first + i);
        }
    }
    long grown = status_kb("VmHWM:") - before;
    if (wrong || grown > LIMIT_KB)
        broken("%lu wrong results, %ld KB more memory", wrong, grown);
    if (argc > 2)
        fprintf(stderr, "%ld KB more\n", grown);
    printf("%lu threads, each its own\n", all);
    return HOSTILE_OK;
}
