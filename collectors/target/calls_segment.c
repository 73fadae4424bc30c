/* See calls_segment.h. The geometry is copied out of the segment before it is checked, and used
 * from the copies alone. */
#include "collectors/target/calls_segment.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "collectors/target/calls_probe.h"
#include "collectors/target/calls_threads.h"
#include "collectors/target/mapped_file.h"
#include "collectors/target/patch_code.h"
#include "collectors/target/patch_vectors.h"
#include "collectors/target/sampler.h"
#include "collectors/target/segment_part.h"

enum { NS_PER_MS = 1000000, WAIT_MS = 2000, LOOK_MS = 5, MARKS_MAX = 1 << 20 };

/* Mapped once; a fork wipes it. */
static struct calls *shared;
bool calls_is_on;
struct wire_calls_return *calls_returns;
uint32_t calls_clock;
static bool has_no_clock;

struct calls *calls_get(void)
{
    return shared && __atomic_load_n(&shared->is_running, __ATOMIC_ACQUIRE) ? shared : NULL;
}

void calls_stop(struct calls *calls)
{
    __atomic_store_n(&calls->is_running, 0, __ATOMIC_RELEASE);
}

void calls_note_trouble(struct calls *calls, uint32_t trouble)
{
    uint32_t *word = &calls->wire->trouble;
    if ((__atomic_load_n(word, __ATOMIC_RELAXED) & trouble) != trouble)
        __atomic_fetch_or(word, trouble, __ATOMIC_RELAXED);
}

/* ---- what is forbidden ---- */

/* A filter that was there before the program began lets pass what allocators need. */
bool calls_may_call(const struct calls *calls)
{
    const struct sampler *sampler = sampler_get();
    if (sampler && !sampler->was_filtered &&
        __atomic_load_n(&sampler->wire->has_seccomp, __ATOMIC_RELAXED))
        return false;
    return __atomic_load_n(&calls->may_call, __ATOMIC_RELAXED);
}

static void stop_clock(struct calls *calls)
{
    has_no_clock = true;
    __atomic_store_n(&calls_clock, CALLS_CLOCK_NONE, __ATOMIC_RELAXED);
    if (calls)
        calls_note_trouble(calls, WIRE_CALLS_NO_CLOCK);
}

/* Where the kernel's clock is not the processor's, reading it is a system call. */
void calls_forbid_calls(void)
{
    struct calls *calls = calls_get();
    if (!calls || getpid() != calls->pid)
        return;
    __atomic_store_n(&calls->may_call, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&calls->records.may_grow, false, __ATOMIC_RELAXED);
    __atomic_store_n(&calls->chunks.may_grow, false, __ATOMIC_RELAXED);
    __atomic_store_n(&calls->names.may_grow, false, __ATOMIC_RELAXED);
    if (calls_clock == CALLS_CLOCK_MONOTONIC)
        stop_clock(calls);
}

void calls_forbid_clock(void)
{
    struct calls *calls = calls_get();
    if (!calls || getpid() == calls->pid)
        stop_clock(calls);
}

uint64_t calls_other_ticks(void)
{
    struct timespec now;
    if (calls_clock == CALLS_CLOCK_NONE || clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return 0;
    return (uint64_t)now.tv_sec * 1000 * NS_PER_MS + (uint64_t)now.tv_nsec;
}

/* ---- mapping ---- */

/* What proftop has set, read once. */
struct geometry {
    uint64_t lanes_offset, modules_offset, counters_offset, marks_offset, returns_offset;
    uint32_t n_marks_max, clock;
    struct wire_area records, chunks, names;
};

static const uint64_t LANES_BYTES = WIRE_CALLS_LANES * sizeof(struct wire_calls_lane);
static const uint64_t MODULES_BYTES = WIRE_MODULES * sizeof(struct wire_module);
static const uint64_t COUNTERS_BYTES = WIRE_CALLS_COUNTERS * sizeof(struct wire_calls_counter);

static const uint64_t RETURNS_BYTES = WIRE_CALLS_RETURNS * sizeof(struct wire_calls_return);

static uint64_t marks_bytes(uint32_t n)
{
    return (uint64_t)n * sizeof(struct wire_calls_mark);
}

static struct geometry read_geometry(const struct wire_calls *wire)
{
    const volatile struct wire_calls *there = wire;
    return (struct geometry){
        .lanes_offset = there->lanes_offset,
        .modules_offset = there->modules_offset,
        .counters_offset = there->counters_offset,
        .marks_offset = there->marks_offset,
        .returns_offset = there->returns_offset,
        .n_marks_max = there->n_marks_max,
        .clock = there->clock,
        .records = wire->records,
        .chunks = wire->chunks,
        .names = wire->names,
    };
}

/* Takes back what there is of it. */
static void unmap_all(struct calls *calls)
{
    segment_part_unmap(calls->lanes, LANES_BYTES);
    segment_part_unmap(calls->counters, COUNTERS_BYTES);
    segment_part_unmap(calls->marks, marks_bytes(calls->n_marks_max));
    segment_part_unmap(calls->returns, RETURNS_BYTES);
    segment_part_unmap(calls->modules.table, MODULES_BYTES);
    segment_area_unmap(&calls->records);
    segment_area_unmap(&calls->chunks);
    segment_area_unmap(&calls->names);
}

static bool map_areas(struct calls *calls, const struct geometry *geometry,
                      const struct segment_file *file)
{
    return segment_area_map(&calls->records, file->fd, &geometry->records,
                            sizeof(struct wire_calls_record), file->bytes) &&
           segment_area_map(&calls->chunks, file->fd, &geometry->chunks,
                            sizeof(struct wire_calls_chunk), file->bytes) &&
           segment_area_map(&calls->names, file->fd, &geometry->names,
                            sizeof(struct wire_calls_name), file->bytes);
}

static bool map_all(struct calls *calls, const struct geometry *geometry,
                    const struct segment_file *file)
{
    if (geometry->n_marks_max > MARKS_MAX || geometry->n_marks_max == 0)
        return false;
    calls->n_marks_max = geometry->n_marks_max;
    calls->lanes = segment_part_map(file, geometry->lanes_offset, LANES_BYTES);
    calls->counters = segment_part_map(file, geometry->counters_offset, COUNTERS_BYTES);
    calls->marks =
        segment_part_map(file, geometry->marks_offset, marks_bytes(geometry->n_marks_max));
    calls->returns = segment_part_map(file, geometry->returns_offset, RETURNS_BYTES);
    struct wire_module *table = segment_part_map(file, geometry->modules_offset, MODULES_BYTES);
    calls->modules.table = table;
    if (!calls->lanes || !calls->counters || !calls->marks || !calls->returns || !table ||
        !map_areas(calls, geometry, file))
        return false;
    segment_modules_init(&calls->modules, &calls->wire->n_modules, table);
    return true;
}

void calls_each_part(struct calls *calls, void (*visit)(void *part, size_t bytes))
{
    visit(calls->wire, (size_t)segment_part_bytes(sizeof *calls->wire));
    visit(calls->lanes, (size_t)segment_part_bytes(LANES_BYTES));
    visit(calls->counters, (size_t)segment_part_bytes(COUNTERS_BYTES));
    visit(calls->marks, (size_t)segment_part_bytes(marks_bytes(calls->n_marks_max)));
    visit(calls->returns, (size_t)segment_part_bytes(RETURNS_BYTES));
    visit(calls->modules.table, (size_t)segment_part_bytes(MODULES_BYTES));
    segment_area_each(&calls->records, visit);
    segment_area_each(&calls->chunks, visit);
    segment_area_each(&calls->names, visit);
}

/* ---- starting ---- */

static void set_to_one_at_least(uint32_t *count)
{
    if (*count == 0)
        *count = 1;
}

static void fill(struct calls *calls, uint32_t clock)
{
    struct wire_calls *wire = calls->wire;
    calls->pid = getpid();
    calls->may_call = 1;
    calls->n_lanes = 1;
    set_to_one_at_least(&wire->n_records);
    set_to_one_at_least(&wire->n_chunks);
    set_to_one_at_least(&wire->n_names);
    if (has_no_clock) /* the parent's, before it forked */
        stop_clock(calls);
    else
        calls_clock = clock == WIRE_CALLS_TSC ? CALLS_CLOCK_TSC : CALLS_CLOCK_MONOTONIC;
}

/* Once code can be patched, as that is measured too. */
static void measure_probes(struct calls *calls, bool has_code)
{
    calls_probe_measure(calls->probes, has_code);
    for (int i = 0; i < WIRE_CALLS_WAYS; i++)
        calls->wire->probes[i] = calls->probes[i];
}

/* Until proftop lets the program begin; its orders are carried out meanwhile. Time is told by what
 * was slept: the clock may be forbidden. */
static void wait_for_go(struct wire_calls *wire)
{
    const struct timespec look = {.tv_nsec = (long)LOOK_MS * NS_PER_MS};
    uint32_t n_done = 0;
    int slept_ms = 0;
    while (__atomic_load_n(&wire->go, __ATOMIC_ACQUIRE) == 0 && slept_ms < WAIT_MS) {
        uint32_t n = __atomic_load_n(&wire->n_mappings, __ATOMIC_ACQUIRE);
        if (n != n_done)
            patch_code_carry_out();
        else if (syscall(SYS_futex, &wire->go, FUTEX_WAIT, 0, &look, NULL, 0) != 0 &&
                 errno == ETIMEDOUT)
            slept_ms += LOOK_MS;
        n_done = n;
    }
}

static void tell_ready(struct wire_calls *wire)
{
    __atomic_store_n(&wire->is_ready, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &wire->is_ready, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
    wait_for_go(wire);
}

static bool prepare(struct wire_calls *wire, const struct segment_file *file)
{
    struct geometry geometry = read_geometry(wire);
    if (!shared)
        shared = segment_private_map(sizeof *shared);
    if (!shared)
        return false;
    shared->wire = wire;
    vector_state_init();
    mapped_file_resolve();
    if (!map_all(shared, &geometry, file)) {
        unmap_all(shared);
        return false;
    }
    fill(shared, geometry.clock);
    calls_thread_is_refused = false;
    return true;
}

void calls_start(struct wire_segment *segment, int fd)
{
    struct segment_file file;
    if (!(segment->features & WIRE_FEATURE_CALLS) || segment->calls_offset == 0 ||
        !segment_file_init(&file, fd))
        return;
    struct wire_calls *wire = segment_part_map(&file, segment->calls_offset, sizeof *wire);
    if (!wire)
        return;
    if (!prepare(wire, &file)) {
        __atomic_fetch_or(&wire->trouble, WIRE_CALLS_NO_ROOM, __ATOMIC_RELAXED);
        return;
    }
    calls_returns = shared->returns;
    measure_probes(shared, patch_code_start(wire, fd, file.bytes));
    __atomic_store_n(&shared->is_running, 1, __ATOMIC_RELEASE);
    calls_is_on = true;
    tell_ready(wire);
}

void calls_note_end(void)
{
    struct calls *calls = calls_get();
    if (calls)
        __atomic_store_n(&calls->wire->end_ticks, calls_ticks(), __ATOMIC_RELAXED);
}
