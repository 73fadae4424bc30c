/*
 * CPU work whose shares are known: what a profile of this program must say.
 *
 *   truth MODE [SECONDS]
 *
 *   steady    long blocks                        deep      the same under 60 frames of 256 bytes
 *   burst     2 to 80 us at a time, shuffled     threads   four threads, each with functions of its
 * own lock4 lock1 lock999                          in step with the clock: a round each 4 ms, 1 ms,
 * 1/999 s sleeping  2 ms of work after each 4 ms boundary of the clock, asleep between
 *
 * Prints "truth FUNCTION SHARE" (they sum to 1) and "cpu SECONDS". All functions run one loop, a
 * chain of dependent multiplications, so a share of iterations is a share of time. Work in step
 * with the clock is measured by the processor's own counter instead, and leaves out the moments in
 * which something else had the processor.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define KEEP __attribute__((noipa, aligned(64)))

enum {
    FUNCTIONS = 8,
    STEPS_PER_US = 800, /* of the chain; nominal, nothing depends on its being exact */
    THREADS = 4,
    GAP_TICKS = 10000, /* longer than any step of the loop: somebody else ran */
};

#if defined(__x86_64__)
#define TICKS(t) ((t) = __builtin_ia32_rdtsc())
#elif defined(__aarch64__)
#define TICKS(t) __asm__ volatile("mrs %0, cntvct_el0" : "=r"(t))
#endif

/* What one call does: `steps` of the chain, then goes on until the counter reads `until`. */
struct task {
    uint64_t steps;
    uint64_t until;
    uint64_t busy; /* out: ticks seen while waiting for `until` */
};

#define SPIN(name)                                                                                 \
    KEEP void name(struct task *task)                                                              \
    {                                                                                              \
        uint64_t value = task->steps, seen, now;                                                   \
        for (uint64_t i = task->steps; i > 0; i--) {                                               \
            value = value * 2862933555777941757u + 3037000493u;                                    \
            __asm__ volatile("" : "+r"(value));                                                    \
        }                                                                                          \
        for (TICKS(seen); seen < task->until; seen = now) {                                        \
            TICKS(now);                                                                            \
            task->busy += now - seen < GAP_TICKS ? now - seen : 0;                                 \
        }                                                                                          \
    }

SPIN(spin_40)
SPIN(spin_25)
SPIN(spin_15)
SPIN(spin_10)
SPIN(spin_05)
SPIN(spin_03)
SPIN(spin_01)
SPIN(spin_01_too)

static const struct {
    const char *name;
    void (*run)(struct task *);
    double share;
} functions[FUNCTIONS] = {
    {"spin_40", spin_40, .40}, {"spin_25", spin_25, .25},         {"spin_15", spin_15, .15},
    {"spin_10", spin_10, .10}, {"spin_05", spin_05, .05},         {"spin_03", spin_03, .03},
    {"spin_01", spin_01, .01}, {"spin_01_too", spin_01_too, .01},
};

static double done[FUNCTIONS]; /* each entry has one writer: its thread */

/* Runs function `which` for its share of `us` microseconds. */
KEEP void part(int which, double us)
{
    struct task task = {.steps = (uint64_t)(functions[which].share * us * STEPS_PER_US)};
    functions[which].run(&task);
    done[which] += functions[which].share;
    __asm__ volatile("");
}

/* Sixty different functions of 256 bytes of stack each: link_00 calls link_01 ... link_59 calls
 * part. */
#define LINK(name, next)                                                                           \
    KEEP void name(int which, double us)                                                           \
    {                                                                                              \
        volatile char pad[256];                                                                    \
        pad[0] = (char)which;                                                                      \
        next(which, us);                                                                           \
        pad[255] = pad[0];                                                                         \
    }
#define TEN(t, after)                                                                              \
    LINK(link_##t##9, after)                                                                       \
    LINK(link_##t##8, link_##t##9)                                                                 \
    LINK(link_##t##7, link_##t##8)                                                                 \
    LINK(link_##t##6, link_##t##7)                                                                 \
    LINK(link_##t##5, link_##t##6)                                                                 \
    LINK(link_##t##4, link_##t##5)                                                                 \
    LINK(link_##t##3, link_##t##4)                                                                 \
    LINK(link_##t##2, link_##t##3)                                                                 \
    LINK(link_##t##1, link_##t##2)                                                                 \
    LINK(link_##t##0, link_##t##1)

TEN(5, part)
TEN(4, link_50)
TEN(3, link_40)
TEN(2, link_30)
TEN(1, link_20)
TEN(0, link_10)

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void run_blocks(double seconds, void (*call)(int, double))
{
    for (int round = (int)(seconds * 10 + .5); round > 0; round--)
        for (int which = 0; which < FUNCTIONS; which++)
            call(which, 1e5);
}

/* Rounds of `round_us` in which every function runs once, in an order that is never the same. */
static void run_bursts(double seconds, double round_us)
{
    static unsigned seed = 20;
    int order[FUNCTIONS] = {0, 1, 2, 3, 4, 5, 6, 7};
    for (long round = (long)(seconds * 1e6 / round_us + .5); round > 0; round--) {
        for (int i = FUNCTIONS - 1; i > 0; i--) {
            seed = seed * 1664525u + 1013904223u;
            int other = (int)((seed >> 16) % (unsigned)(i + 1)), was = order[i];
            order[i] = order[other];
            order[other] = was;
        }
        for (int i = 0; i < FUNCTIONS; i++)
            part(order[i], round_us);
    }
}

/* Ticks of the processor's counter in a nanosecond, from a tenth of a second of both clocks. */
static double ticks_per_ns(void)
{
    uint64_t first_ticks, last_ticks, first_ns = now_ns(), last_ns;
    TICKS(first_ticks);
    do
        last_ns = now_ns();
    while (last_ns - first_ns < 100000000u);
    TICKS(last_ticks);
    return (double)(last_ticks - first_ticks) / (double)(last_ns - first_ns);
}

/* Every round begins at a multiple of the period on CLOCK_MONOTONIC; in it each function has its
 * own place. */
static void run_locked(double seconds, double period_ns)
{
    double rate = ticks_per_ns();
    uint64_t end_ns = now_ns() + (uint64_t)(seconds * 1e9);
    for (uint64_t ns = now_ns(); ns < end_ns; ns = now_ns()) {
        uint64_t ticks;
        TICKS(ticks);
        double into_ns = (double)ns - period_ns * (double)(uint64_t)((double)ns / period_ns);
        double start = (double)ticks - into_ns * rate, place = 0;
        for (int which = 0; which < FUNCTIONS; which++) {
            place += functions[which].share;
            struct task task = {.until = (uint64_t)(start + place * period_ns * rate)};
            functions[which].run(&task);
            done[which] += (double)task.busy;
        }
    }
}

static void run_sleeping(double seconds)
{
    const uint64_t step = 4000000;
    uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
    for (uint64_t ns = now_ns(); ns < end; ns = now_ns()) {
        uint64_t next = (ns / step + 1) * step;
        struct timespec wake = {(time_t)(next / 1000000000u), (long)(next % 1000000000u)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL);
        run_bursts(.002, 2000);
    }
}

struct worker {
    pthread_t thread;
    double seconds;
    int first, last; /* the functions that are its own */
};

static void *worker_main(void *data)
{
    const struct worker *worker = data;
    for (int round = (int)(worker->seconds * 10 + .5); round > 0; round--)
        for (int which = worker->first; which <= worker->last; which++)
            part(which, 1e5);
    return NULL;
}

static void run_threads(double seconds)
{
    static const int ranges[THREADS][2] = {{0, 0}, {1, 1}, {2, 4}, {5, 7}};
    struct worker workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] =
            (struct worker){.seconds = seconds, .first = ranges[i][0], .last = ranges[i][1]};
        if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]))
            exit(1);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
}

static int run(const char *mode, double seconds)
{
    if (!strcmp(mode, "steady"))
        run_blocks(seconds, part);
    else if (!strcmp(mode, "deep"))
        run_blocks(seconds, link_00);
    else if (!strcmp(mode, "burst"))
        run_bursts(seconds, 200);
    else if (!strcmp(mode, "threads"))
        run_threads(seconds);
    else if (!strcmp(mode, "lock4"))
        run_locked(seconds, 4e6);
    else if (!strcmp(mode, "lock1"))
        run_locked(seconds, 1e6);
    else if (!strcmp(mode, "lock999"))
        run_locked(seconds, 1e9 / 999);
    else if (!strcmp(mode, "sleeping"))
        run_sleeping(seconds);
    else
        return -1;
    return 0;
}

static void print_truth(void)
{
    double sum = 0;
    struct rusage usage;
    for (int which = 0; which < FUNCTIONS; which++)
        sum += done[which];
    for (int which = 0; which < FUNCTIONS; which++)
        printf("truth %s %.6f\n", functions[which].name, done[which] / sum);
    getrusage(RUSAGE_SELF, &usage);
    printf("cpu %.6f\n", (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                             (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
}

int main(int argc, char **argv)
{
    if (argc < 2 || run(argv[1], argc > 2 ? atof(argv[2]) : 1) != 0) {
        fprintf(stderr, "usage: truth MODE [SECONDS]\n");
        return 2;
    }
    print_truth();
    return 0;
}
