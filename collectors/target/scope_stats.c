/*
 * See scope_stats.h. Least and greatest durations of the time since a reset are those of the
 * records where they are of that time; otherwise the buckets tell them to a power of two.
 */
#include "collectors/target/scope_stats.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "collectors/target/segment_part.h"

enum { PATIENCE_MS = 1000 };

_Static_assert(sizeof((struct proftop_stat *)0)->name > WIRE_CALLS_NAME_MAX, "a 0 ends each");

/* Of a name. */
struct scope_sums {
    uint64_t calls, total, self; /* ticks */
    uint64_t all;                /* of all calls, those within others of the name too */
    uint64_t min, max;
    uint32_t buckets[WIRE_CALLS_BUCKETS];
};

/* ---- adding up ---- */

static bool lock(struct scopes *scopes)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    for (int i = 0; i < PATIENCE_MS; i++) {
        if (!__atomic_exchange_n(&scopes->stats_lock, 1, __ATOMIC_ACQUIRE))
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

static void unlock(struct scopes *scopes)
{
    __atomic_store_n(&scopes->stats_lock, 0, __ATOMIC_RELEASE);
}

/* Recursive calls are calls, but their time is that of the outermost one already. */
static void add_record(struct scope_sums *sums, const struct wire_calls_record *from)
{
    struct wire_calls_record record = *(const volatile struct wire_calls_record *)from;
    if (record.calls == 0)
        return;
    if (sums->calls == 0 || record.min < sums->min)
        sums->min = record.min;
    if (record.max > sums->max)
        sums->max = record.max;
    sums->calls += record.calls;
    sums->self += record.self;
    sums->all += record.sum;
    if (!record.is_recursive)
        sums->total += record.sum;
    for (int i = 0; i < WIRE_CALLS_BUCKETS; i++)
        sums->buckets[i] += record.buckets[i];
}

static void add_records(struct calls *calls, struct scope_sums *sums, uint32_t n_names)
{
    uint32_t n = __atomic_load_n(&calls->wire->n_records, __ATOMIC_ACQUIRE);
    for (uint32_t i = 1; i < n && i < calls->records.n_max; i++) {
        const struct wire_calls_record *record = segment_area_at(&calls->records, i);
        if (record && record->module == WIRE_CALLS_MODULE_NAMES && record->function < n_names)
            add_record(&sums[record->function], record);
    }
}

static uint32_t n_names_of(const struct scopes *scopes)
{
    uint32_t n = __atomic_load_n(&scopes->n_names, __ATOMIC_RELAXED);
    return n < SCOPES_NAMES_MAX ? n : SCOPES_NAMES_MAX;
}

/* By number of the name; to be unmapped. NULL: no memory. */
static struct scope_sums *add_up(struct scopes *scopes, uint32_t n_names)
{
    struct scope_sums *sums = segment_private_map(n_names * sizeof *sums);
    if (sums)
        add_records(scopes->calls, sums, n_names);
    return sums;
}

/* ---- since the reset ---- */

static void take_off(struct scope_sums *sums, const struct scope_sums *before)
{
    if (before->calls == 0)
        return;
    sums->calls -= before->calls;
    sums->total -= before->total;
    sums->self -= before->self;
    sums->all -= before->all;
    for (int i = 0; i < WIRE_CALLS_BUCKETS; i++)
        sums->buckets[i] -= before->buckets[i];
    int first = 0, last = WIRE_CALLS_BUCKETS - 1;
    while (first < last && sums->buckets[first] == 0)
        first++;
    while (last > first && sums->buckets[last] == 0)
        last--;
    uint64_t from = first ? UINT64_C(1) << (WIRE_CALLS_FIRST_BUCKET_BITS + first - 1) : 0;
    uint64_t below = UINT64_C(1) << (WIRE_CALLS_FIRST_BUCKET_BITS + last);
    if (sums->min == before->min && sums->min < from)
        sums->min = from;
    if (sums->max == before->max && last < WIRE_CALLS_BUCKETS - 1 && sums->max > below)
        sums->max = below;
}

/* In an order for which a child that another thread forks meanwhile unmaps nothing that is not its
 * own: names only get more. */
static void forget(struct scopes *scopes, struct scope_sums *instead)
{
    struct scope_sums *before = scopes->reset;
    uint32_t n_before = scopes->n_reset;
    __atomic_store_n(&scopes->reset, instead, __ATOMIC_RELEASE);
    if (before)
        munmap(before, n_before * sizeof *before);
}

void scope_stats_forget(struct scopes *scopes)
{
    forget(scopes, NULL);
}

void scope_stats_reset(struct scopes *scopes)
{
    int saved_errno = errno;
    if (calls_may_call(scopes->calls) && lock(scopes)) {
        uint32_t n_names = n_names_of(scopes);
        struct scope_sums *now = add_up(scopes, n_names);
        if (now) {
            forget(scopes, now);
            scopes->n_reset = n_names;
        }
        unlock(scopes);
    }
    errno = saved_errno;
}

/* ---- rows ---- */

/* Numbers of the names that have calls, those with most time first. */
static uint32_t sort(const struct scope_sums *sums, uint32_t n_names, uint32_t *numbers)
{
    uint32_t n = 0;
    for (uint32_t i = 1; i < n_names; i++)
        if (sums[i].calls)
            numbers[n++] = i;
    for (uint32_t gap = n / 2; gap > 0; gap /= 2) {
        for (uint32_t i = gap; i < n; i++) {
            uint32_t moved = numbers[i], to = i;
            for (; to >= gap && sums[numbers[to - gap]].total < sums[moved].total; to -= gap)
                numbers[to] = numbers[to - gap];
            numbers[to] = moved;
        }
    }
    return n;
}

static double ns_per_tick(const struct scopes *scopes)
{
    struct scopes_moment now = scopes_now();
    if (calls_clock == CALLS_CLOCK_MONOTONIC || now.ticks <= scopes->start.ticks)
        return 1;
    return (double)(now.ns - scopes->start.ns) / (double)(now.ticks - scopes->start.ticks);
}

static uint64_t ns_of(uint64_t ticks, double ns_each)
{
    return (uint64_t)((double)ticks * ns_each + 0.5);
}

static struct proftop_stat row_of(const struct scope_sums *sums, double ns_each)
{
    return (struct proftop_stat){
        .total_ns = ns_of(sums->total, ns_each),
        .self_ns = ns_of(sums->self, ns_each),
        .calls = sums->calls,
        .average_ns = sums->calls ? ns_of(sums->all, ns_each) / sums->calls : 0,
        .min_ns = ns_of(sums->min, ns_each),
        .max_ns = ns_of(sums->max, ns_each),
    };
}

/* The caller's array. */
struct rows {
    char *at;
    size_t n, bytes_each;
};

static void write_rows(const struct scopes *scopes, const struct rows *rows,
                       const struct scope_sums *sums, const uint32_t *numbers)
{
    double ns_each = ns_per_tick(scopes);
    for (size_t i = 0; i < rows->n; i++) {
        struct proftop_stat row = row_of(&sums[numbers[i]], ns_each);
        memcpy(row.name, scopes->names[numbers[i]], sizeof scopes->names[0]);
        char *to = rows->at + i * rows->bytes_each;
        memset(to, 0, rows->bytes_each);
        memcpy(to, &row, rows->bytes_each < sizeof row ? rows->bytes_each : sizeof row);
    }
}

static size_t get_rows(struct scopes *scopes, struct rows rows)
{
    uint32_t n_names = n_names_of(scopes);
    struct scope_sums *sums = add_up(scopes, n_names);
    uint32_t *numbers = segment_private_map(n_names * sizeof *numbers);
    size_t n = 0;
    if (sums && numbers) {
        for (uint32_t i = 0; i < scopes->n_reset; i++)
            take_off(&sums[i], &scopes->reset[i]);
        n = sort(sums, n_names, numbers);
        rows.n = rows.n < n ? rows.n : n;
        write_rows(scopes, &rows, sums, numbers);
    }
    if (sums)
        munmap(sums, n_names * sizeof *sums);
    if (numbers)
        munmap(numbers, n_names * sizeof *numbers);
    return n;
}

size_t scope_stats_get(struct scopes *scopes, struct proftop_stat *out, size_t n, size_t bytes_each)
{
    int saved_errno = errno;
    size_t n_rows = 0;
    if (calls_may_call(scopes->calls) && lock(scopes)) {
        n_rows = get_rows(scopes, (struct rows){(char *)out, n, bytes_each});
        unlock(scopes);
    }
    errno = saved_errno;
    return n_rows;
}
