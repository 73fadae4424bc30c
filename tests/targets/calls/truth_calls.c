/*
 * Calls of many shapes, counted by the program itself: `truth_calls MODE FILE` adds its books to
 * FILE, as of counted.h. Prints what it computed, the same in each run.
 *
 * Mode "load" goes on until SIGTERM. Mode "times" adds lines of what it measured of its functions
 * in all: time FUNCTION TOTAL SELF, ns.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "tests/targets/calls/counted.h"

static volatile long sink;

/* ---- recursion ---- */

CALLED long fib(int n)
{
    COUNTED;
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

long is_odd(int n);

CALLED long is_even(int n)
{
    COUNTED;
    return n == 0 ? 1 : is_odd(n - 1) + 0;
}

CALLED long is_odd(int n)
{
    COUNTED;
    return n == 0 ? 0 : is_even(n - 1) + 0;
}

long ring_third(int n);

CALLED long ring_leaf(int n)
{
    COUNTED;
    return n * 3;
}

CALLED long ring_first(int n)
{
    COUNTED;
    return n <= 0 ? ring_leaf(n) : ring_third(n - 1) + ring_leaf(n);
}

CALLED long ring_second(int n)
{
    COUNTED;
    return n <= 0 ? ring_leaf(n) : ring_first(n - 1) + ring_second(n - 3);
}

CALLED long ring_third(int n)
{
    COUNTED;
    return n <= 0 ? 1 : ring_second(n - 1) - ring_leaf(n);
}

CALLED long descend(long n)
{
    COUNTED;
    return n == 0 ? 0 : 1 + descend(n - 1);
}

static BOOKS long recursion(void)
{
    long sum = fib(24);
    for (int i = 0; i < 200; i++)
        sum += is_even(i) + ring_first(i % 24);
    return sum;
}

static BOOKS long deep(void)
{
    return descend(100000) + descend(100000);
}

/* ---- threads ---- */

enum { THREADS = 8, ITEMS = 31250 };

CALLED long leaf_of_scope(long x)
{
    COUNTED;
    return x ^ 5;
}

CALLED long first_scope(long x)
{
    COUNTED;
    return x + 1;
}

CALLED long second_scope(long x)
{
    COUNTED;
    return leaf_of_scope(x) + 1;
}

CALLED long work_item(long x)
{
    COUNTED;
    return first_scope(x) + second_scope(x);
}

CALLED void *work_thread(void *argument)
{
    COUNTED;
    long sum = 0;
    for (int i = 0; i < ITEMS; i++)
        sum += work_item(i);
    *(long *)argument = sum;
    return NULL;
}

static BOOKS long threads(void)
{
    pthread_t ids[THREADS];
    long sums[THREADS], sum = 0;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&ids[i], NULL, work_thread, &sums[i]) != 0)
            abort();
    for (int i = 0; i < THREADS; i++) {
        pthread_join(ids[i], NULL);
        sum += sums[i];
    }
    return sum;
}

/* The same over and over until SIGTERM, checked each time. */
static volatile sig_atomic_t is_over;

static BOOKS void on_term(int number)
{
    (void)number;
    is_over = 1;
}

static BOOKS void *load_thread(void *argument)
{
    for (long i = 0; !is_over; i++)
        if (work_item(i & 0xffff) != (i & 0xffff) + ((i & 0xffff) ^ 5) + 2)
            abort();
    return argument;
}

static BOOKS long load(void)
{
    pthread_t ids[3];
    signal(SIGTERM, on_term);
    alarm(100); /* whoever was to send it is gone */
    for (int i = 0; i < 3; i++)
        if (pthread_create(&ids[i], NULL, load_thread, NULL) != 0)
            abort();
    for (int i = 0; i < 3; i++)
        pthread_join(ids[i], NULL);
    return 3;
}

/* ---- callbacks ---- */

CALLED int compare_longs(const void *a, const void *b)
{
    COUNTED;
    long x = *(const long *)a, y = *(const long *)b;
    return (x > y) - (x < y);
}

CALLED long twice(long x)
{
    COUNTED;
    return x * 2;
}

CALLED long less_one(long x)
{
    COUNTED;
    return x - 1;
}

CALLED long by_pointer(long (*operation)(long), long x)
{
    COUNTED;
    return operation(x) + 1;
}

static BOOKS long callbacks(void)
{
    static long values[20000];
    long (*const operations[])(long) = {twice, less_one, twice};
    long sum = 0;
    uint64_t seed = 1;
    for (int i = 0; i < 20000; i++)
        values[i] = (long)((seed = seed * 6364136223846793005u + 1442695040888963407u) >> 33);
    qsort(values, 20000, sizeof values[0], compare_longs);
    for (int i = 0; i < 30000; i++)
        sum += by_pointer(operations[i % 3], values[i % 20000]);
    return sum;
}

/* ---- tail calls ---- */

CALLED long tail_third(long x)
{
    COUNTED_ALONE;
    return x + 3;
}

CALLED long tail_second(long x)
{
    COUNTED_ALONE;
    return tail_third(x + 2);
}

CALLED long tail_first(long x)
{
    COUNTED_ALONE;
    return x & 1 ? tail_second(x + 1) : tail_third(x);
}

CALLED long tail_loop(long n, long sum)
{
    COUNTED_ALONE;
    return n == 0 ? sum : tail_first(sum + n);
}

static BOOKS long tails(void)
{
    long sum = 0;
    for (int i = 0; i < 50000; i++)
        sum = tail_loop(i, sum) & 0xffff;
    return sum;
}

/* ---- inlined functions, which the compiler's hooks see ---- */

static inline __attribute__((always_inline)) long inlined_leaf(long x)
{
    COUNTED;
    return x + sink;
}

static inline __attribute__((always_inline)) long inlined_outer(long x)
{
    COUNTED;
    return inlined_leaf(x) + inlined_leaf(x + 1);
}

CALLED long has_inlined(long x)
{
    COUNTED;
    return inlined_outer(x) + inlined_leaf(x);
}

static BOOKS long inlines(void)
{
    long sum = 0;
    for (int i = 0; i < 20000; i++)
        sum += has_inlined(i);
    return sum;
}

/* ---- times ---- */

static int64_t times[3]; /* of outer, inner, naps: in all */

static BOOKS int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static BOOKS void spin(int64_t ns)
{
    for (int64_t end = now_ns() + ns; now_ns() < end;)
        ;
}

CALLED void spin_inner(void)
{
    COUNTED;
    spin(1000000);
}

CALLED void naps(void)
{
    COUNTED;
    const struct timespec a_while = {.tv_nsec = 2000000};
    nanosleep(&a_while, NULL);
}

static BOOKS void measured(void (*function)(void), int64_t *sum)
{
    int64_t begin = now_ns();
    function();
    *sum += now_ns() - begin;
}

CALLED void spin_outer(void)
{
    COUNTED;
    spin(2000000);
    measured(spin_inner, &times[1]);
    measured(spin_inner, &times[1]);
    measured(naps, &times[2]);
}

static BOOKS long known_times(void)
{
    for (int i = 0; i < 50; i++)
        measured(spin_outer, &times[0]);
    return 50;
}

static BOOKS void write_times(const char *file)
{
    FILE *out = fopen(file, "a");
    if (!out)
        abort();
    fprintf(out, "time spin_outer %ld %ld\n", (long)times[0],
            (long)(times[0] - times[1] - times[2]));
    fprintf(out, "time spin_inner %ld %ld\n", (long)times[1], (long)times[1]);
    fprintf(out, "time naps %ld %ld\n", (long)times[2], (long)times[2]);
    fclose(out);
}

BOOKS int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        long (*run)(void);
    } modes[] = {
        {"recursion", recursion}, {"deep", deep},   {"threads", threads},
        {"callbacks", callbacks}, {"tails", tails}, {"inlines", inlines},
        {"times", known_times},   {"load", load},
    };
    if (argc != 3)
        return 2;
    books_open(argv[2]);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(argv[1], modes[i].name) == 0) {
            printf("%s: %ld\n", argv[1], modes[i].run());
            if (modes[i].run == known_times)
                write_times(argv[2]);
            return 7;
        }
    return 2;
}
