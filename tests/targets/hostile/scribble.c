/*
 * Writes over all memory that it shares with its profiler, for half a second, while it works:
 * `scribble MODE FILE`. noise: random bytes; counts: random places get numbers such as 2^63 or -1,
 * which pass more checks; zeros; heads: all but the first page. A front end that trusts lengths,
 * indexes or counts reads beyond its buffers, loops or shows absurd sums. The kernel's count of the
 * time goes to FILE.
 */
#include <string.h>

#include "tests/targets/hostile/hostile.h"
#include "tests/targets/hostile/kernel_count.h"

enum { SHARED_MOST = 64 };

static struct {
    uint64_t *start;
    size_t words;
} shared[SHARED_MOST];

static int find_shared(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096], rights[8];
    unsigned long start, end;
    int n = 0;
    while (maps && n < SHARED_MOST && fgets(line, sizeof line, maps)) {
        if (!strstr(line, "memfd:proftop") ||
            sscanf(line, "%lx-%lx %7s", &start, &end, rights) != 3 || rights[1] != 'w')
            continue;
        shared[n].start = (uint64_t *)start;
        shared[n++].words = (end - start) / sizeof(uint64_t);
    }
    if (maps)
        fclose(maps);
    return n;
}

static uint64_t random_word(void)
{
    static uint64_t state = 88172645463325252;
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static void all_noise(uint64_t *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        words[i] = random_word();
}

static void odd_counts(uint64_t *words, size_t n)
{
    static const uint64_t odd[] = {0,          1,         UINT64_MAX, UINT64_C(1) << 63,
                                   UINT32_MAX, INT32_MAX, 4096};
    for (size_t i = 0; i < n / 50 + 1; i++)
        words[random_word() % n] = odd[random_word() % (sizeof odd / sizeof *odd)];
}

static void all_zeros(uint64_t *words, size_t n)
{
    memset(words, 0, n * sizeof *words);
}

static void but_the_head(uint64_t *words, size_t n)
{
    if (n > 512)
        all_noise(words + 512, n - 512);
}

static const struct {
    const char *name;
    void (*write)(uint64_t *words, size_t n);
} modes[] = {
    {"noise", all_noise}, {"counts", odd_counts}, {"zeros", all_zeros}, {"heads", but_the_head}};

int main(int argc, char **argv)
{
    enum { N = sizeof modes / sizeof *modes };
    size_t mode = 0;
    while (mode < N && (argc < 2 || strcmp(argv[1], modes[mode].name) != 0))
        mode++;
    if (mode == N)
        return 2;
    uint64_t end = clock_ns(CLOCK_MONOTONIC) + 500000000;
    burn(.1);
    int n = find_shared();
    while (clock_ns(CLOCK_MONOTONIC) < end) {
        for (int i = 0; i < n; i++)
            modes[mode].write(shared[i].start, shared[i].words);
        burn(.005);
    }
    printf("scribble %s\n", modes[mode].name);
    if (argc > 3) { /* whether there was anything to write to */
        FILE *file = fopen(argv[3], "w");
        fprintf(file, "%d\n", n);
        fclose(file);
    }
    tell_kernel_count(argc > 2 ? argv[2] : NULL);
    return HOSTILE_OK;
}
