/* See heap_reader.h. Everything in the segment is hostile: it is copied first, and what comes out
 * of a copy is clamped. */
#include "collectors/heap/heap_reader.h"

#include <string.h>

#include "collectors/heap/heap_stacks.h"
#include "core/base/sum.h"

enum {
    ROWS_AT_ONCE = 1000, /* under one hold of the lock */
    BITS = 64,
};

/* More than any program allocates in its life: 32 PiB. */
#define VALUE_MAX (INT64_MAX >> 8)

/* A class of a row is the same class of a site. */
_Static_assert((int)HEAP_SIZE_CLASSES == (int)WIRE_HEAP_SIZES, "classes of sizes differ");
_Static_assert((int)HEAP_LIFETIMES == (int)WIRE_HEAP_LIFETIMES, "classes of lifetimes differ");

/* What the profile has of a row. */
struct known_row {
    uint32_t site; /* of the heap; PROFILE_NONE: not met yet */
    uint32_t sizes[WIRE_HEAP_SIZES];
    uint32_t lifetimes[WIRE_HEAP_LIFETIMES];
    uint32_t sampled;
    int64_t values[HEAP_COLUMNS];
    double variance_bytes2;
};

struct heap_reader {
    int pid;
    uint32_t process;
    struct heap_hello *hello;
    const struct heap_layout *layout;
    struct heap_stacks stacks;
    GArray *rows;               /* struct known_row */
    struct heap_process before; /* sums of the process's earlier images */
    int64_t live_blocks;
    uint64_t peak_epoch; /* of the peak at which all rows were looked at last */
    int64_t merged;      /* rows that the profile had no room for */
    bool was_sampled;
};

/* ---- reading ---- */

static int64_t value_of(uint64_t number)
{
    return (int64_t)MIN(number, (uint64_t)VALUE_MAX);
}

/* Of what may have gone below zero while it was read. */
static int64_t value_of_signed(int64_t number)
{
    return CLAMP(number, 0, VALUE_MAX);
}

static const struct wire_heap_row *rows_of(const struct heap_reader *reader)
{
    return (const void *)(reader->hello->part + reader->layout->rows.offset);
}

static uint32_t n_rows_of(const struct heap_reader *reader)
{
    uint32_t n = __atomic_load_n(&reader->hello->heap->n_rows, __ATOMIC_ACQUIRE);
    return MIN(n, reader->layout->rows.n_max);
}

static uint32_t n_blocks_of(const struct heap_reader *reader)
{
    uint32_t n = __atomic_load_n(&reader->hello->heap->n_blocks, __ATOMIC_ACQUIRE);
    return MIN(n, reader->layout->blocks.n_max);
}

static const struct wire_heap_block *blocks_of(const struct heap_reader *reader)
{
    return (const void *)(reader->hello->part + reader->layout->blocks.offset);
}

/* The lanes that were ever used; they are taken from the lowest on. */
static struct wire_heap_lane sum_lanes(const struct heap_reader *reader)
{
    const struct wire_heap_lane *lanes =
        (const void *)(reader->hello->part + reader->layout->lanes);
    struct wire_heap_lane sum = {0};
    for (int i = 0; i < WIRE_HEAP_LANES; i++) {
        const struct wire_heap_lane lane = lanes[i];
        if (i > 0 && lane.tid == 0)
            break;
        sum.allocs += lane.allocs;
        sum.alloc_bytes += lane.alloc_bytes;
        sum.frees += lane.frees;
        sum.unknown_frees += lane.unknown_frees;
        sum.failed += lane.failed;
        sum.unrecorded += lane.unrecorded;
    }
    return sum;
}

/* ---- rows ---- */

static void read_values(const struct wire_heap_row *row, uint64_t peak_epoch,
                        int64_t values[HEAP_COLUMNS])
{
    int64_t live_blocks = value_of_signed((int64_t)(row->allocs - row->frees));
    int64_t live_bytes = value_of_signed(row->live_bytes);
    bool is_rebased = row->peak_epoch == peak_epoch;
    values[HEAP_ALLOCS] = value_of(row->allocs);
    values[HEAP_ALLOC_BYTES] = value_of(row->alloc_bytes);
    values[HEAP_LIVE_BLOCKS] = live_blocks;
    values[HEAP_LIVE_BYTES] = live_bytes;
    values[HEAP_PEAK_BLOCKS] = is_rebased ? value_of_signed(row->peak_blocks) : live_blocks;
    values[HEAP_PEAK_BYTES] = is_rebased ? value_of_signed(row->peak_bytes) : live_bytes;
    values[HEAP_OWN_PEAK_BYTES] = value_of_signed(row->own_peak_bytes);
    values[HEAP_TEMPORARY] = row->temporary;
    values[HEAP_REALLOCS] = row->reallocs;
    values[HEAP_REMOTE_FREES] = row->remote_frees;
}

/* Adds to a site what a row has more (or less) than is known. */
static void apply(struct heap_reader *reader, struct heap_site *site, struct known_row *known,
                  const struct wire_heap_row *row, uint64_t peak_epoch)
{
    int64_t values[HEAP_COLUMNS];
    double variance = (double)row->variance_bytes2;
    read_values(row, peak_epoch, values);
    sum_add(&reader->live_blocks, values[HEAP_LIVE_BLOCKS] - known->values[HEAP_LIVE_BLOCKS]);
    for (int i = 0; i < HEAP_COLUMNS; i++) {
        sum_add(&site->values[i], values[i] - known->values[i]);
        known->values[i] = values[i];
    }
    for (int i = 0; i < WIRE_HEAP_SIZES; i++) /* the counts are modulo 2^32 */
        site->sizes[i] += (uint32_t)(row->sizes[i] - known->sizes[i]);
    for (int i = 0; i < WIRE_HEAP_LIFETIMES; i++)
        site->lifetimes[i] += (uint32_t)(row->lifetimes[i] - known->lifetimes[i]);
    memcpy(known->sizes, row->sizes, sizeof known->sizes);
    memcpy(known->lifetimes, row->lifetimes, sizeof known->lifetimes);
    site->sampled += (uint32_t)(row->sampled - known->sampled);
    known->sampled = row->sampled;
    site->variance_bytes2 += variance - known->variance_bytes2;
    known->variance_bytes2 = variance;
    reader->was_sampled |= row->sampled > 0;
}

static struct known_row *known_row(struct heap_reader *reader, uint32_t i)
{
    guint old = reader->rows->len;
    if (i >= old) {
        g_array_set_size(reader->rows, i + 1);
        for (guint k = old; k <= i; k++)
            g_array_index(reader->rows, struct known_row, k) =
                (struct known_row){.site = PROFILE_NONE};
    }
    return &g_array_index(reader->rows, struct known_row, i);
}

static struct heap_site *site_at(const struct profile *profile, uint32_t site)
{
    return &g_array_index(profile->heap->sites, struct heap_site, site);
}

/* Where a row's stack stands in the profile. With the lock. */
static uint32_t stack_of_row(struct heap_reader *reader, struct ingest *ingest,
                             struct profile *profile, uint32_t i, uint32_t node)
{
    if (!heap_has_room(profile->heap)) {
        uint32_t other = profile_mark(profile, PROFILE_MARK_OTHER);
        reader->merged++;
        return profile_stack(profile, &other, 1);
    }
    uint32_t stack = heap_stacks_get(&reader->stacks, ingest, profile, i, node);
    profile->heap->n_frames += profile_get_stack(profile, stack)->n_frames;
    return stack;
}

/* With the lock. */
static void update_row(struct heap_reader *reader, struct ingest *ingest, struct profile *profile,
                       uint32_t i)
{
    struct wire_heap_row row = rows_of(reader)[i];
    struct known_row *known = known_row(reader, i);
    struct heap_site *site;
    if (row.allocs == 0) /* claimed, and not used yet */
        return;
    if (known->site == PROFILE_NONE) {
        uint32_t stack = stack_of_row(reader, ingest, profile, i, row.node);
        site = heap_site_get(profile->heap, stack, reader->process);
        known->site = (uint32_t)(site - site_at(profile, 0));
    }
    uint64_t epoch = __atomic_load_n(&reader->hello->heap->peak_epoch, __ATOMIC_RELAXED);
    apply(reader, site_at(profile, known->site), known, &row, epoch);
}

/* The rows whose bits are set; the bits are taken away. */
static GArray *take_dirty(const struct heap_reader *reader)
{
    uint64_t *words = (uint64_t *)(void *)(reader->hello->part + reader->layout->dirty);
    uint32_t n_rows = n_rows_of(reader);
    GArray *dirty = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    for (uint32_t w = 0; w * BITS < n_rows; w++) {
        uint64_t bits = __atomic_load_n(&words[w], __ATOMIC_RELAXED)
                            ? __atomic_exchange_n(&words[w], 0, __ATOMIC_ACQUIRE)
                            : 0;
        for (; bits; bits &= bits - 1) {
            uint32_t row = w * BITS + (uint32_t)__builtin_ctzll(bits);
            if (row < n_rows)
                g_array_append_val(dirty, row);
        }
    }
    return dirty;
}

static GArray *all_rows(const struct heap_reader *reader)
{
    GArray *rows = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    for (uint32_t i = 0; i < n_rows_of(reader); i++)
        g_array_append_val(rows, i);
    return rows;
}

static void update_rows(struct heap_reader *reader, struct ingest *ingest, const GArray *rows)
{
    for (guint from = 0; from < rows->len; from += ROWS_AT_ONCE) {
        struct profile *profile = ingest_lock(ingest);
        for (guint i = from; i < rows->len && i < from + ROWS_AT_ONCE; i++)
            update_row(reader, ingest, profile, g_array_index(rows, uint32_t, i));
        heap_touch(profile->heap);
        ingest_unlock(ingest);
    }
}

/* ---- the process's sums ---- */

static const char *trouble_of(uint32_t trouble)
{
    if (trouble & WIRE_HEAP_FOREIGN_ALLOCATOR)
        return "the program has an allocator of its own inside, which cannot be watched";
    if (trouble & WIRE_HEAP_NO_REAL)
        return "the allocator behind the collector's was not found";
    if (trouble & WIRE_HEAP_NO_UNWIND_DATA)
        return "call stacks of allocations need glibc 2.35 or later";
    if (trouble & WIRE_HEAP_NO_ROOM)
        return "not all allocations could be recorded: address space or system calls are limited";
    if (trouble & WIRE_HEAP_NO_CLOCK)
        return "lifetimes are not all known: the program has forbidden the processor's clock";
    return "";
}

/* What there is to say of the process: of this heap, or that it is another program by now, which
 * has none. */
static const char *process_trouble(const struct heap_reader *reader)
{
    const struct heap_hello *hello = reader->hello;
    const char *text = trouble_of(hello->heap->trouble);
    uint32_t state = __atomic_load_n(&hello->process->segment->state, __ATOMIC_ACQUIRE);
    if (!*text && state == WIRE_STATE_EXEC)
        return "what it executed last is not seen: the figures are of what it was before";
    return text;
}

static enum heap_mode mode_of(uint32_t mode)
{
    switch (mode) {
    case WIRE_HEAP_EXACT:
        return HEAP_EXACT;
    case WIRE_HEAP_SAMPLED:
        return HEAP_SAMPLED;
    default:
        return HEAP_OFF;
    }
}

/* Of the latest peak, since the start of the run. */
static int64_t peak_time_ns(const struct wire_heap *heap, const struct heap_clock *clock)
{
    uint64_t ticks = __atomic_load_n(&heap->peak_ticks, __ATOMIC_RELAXED);
    if (ticks < clock->start.ticks)
        return -1;
    int64_t since_ns = (int64_t)((double)(ticks - clock->start.ticks) / clock->ticks_per_ns);
    return MAX(clock->start.time_ns + since_ns - clock->run_start_ns, 0);
}

static void update_process(struct heap_reader *reader, struct profile *profile,
                           const struct heap_clock *clock)
{
    const struct heap_process *before = &reader->before;
    const struct wire_heap *heap = reader->hello->heap;
    struct wire_heap_lane sum = sum_lanes(reader);
    struct heap_process *p = heap_process_get(profile->heap, reader->process);
    int64_t peak_bytes = value_of_signed(heap->peak_bytes);
    p->mode = mode_of(heap->mode);
    p->was_sampled = reader->was_sampled || before->was_sampled;
    p->trouble = profile_text(profile, process_trouble(reader));
    p->allocs = before->allocs + value_of(sum.allocs);
    p->alloc_bytes = before->alloc_bytes + value_of(sum.alloc_bytes);
    p->frees = before->frees + value_of(sum.frees);
    p->unknown_frees = before->unknown_frees + value_of(sum.unknown_frees);
    p->failed = before->failed + value_of(sum.failed);
    p->unrecorded = before->unrecorded + value_of(sum.unrecorded);
    p->early_allocs = before->early_allocs + value_of(heap->early_allocs);
    p->merged_stacks = before->merged_stacks + heap->merged + reader->merged;
    p->live_bytes = value_of_signed(heap->live_bytes);
    p->live_blocks = reader->live_blocks;
    if (peak_bytes > before->peak_bytes) {
        p->peak_bytes = peak_bytes;
        p->peak_time_ns = peak_time_ns(heap, clock);
    }
}

/* The rows to look at; none is marked as changed any more. */
static GArray *take_rows(struct heap_reader *reader, enum heap_extent extent)
{
    GArray *dirty = take_dirty(reader);
    uint64_t epoch = __atomic_load_n(&reader->hello->heap->peak_epoch, __ATOMIC_RELAXED);
    if (extent == HEAP_CHANGED || (extent == HEAP_AT_PEAK && epoch == reader->peak_epoch))
        return dirty;
    reader->peak_epoch = epoch;
    g_array_unref(dirty);
    return all_rows(reader);
}

void heap_reader_update(struct heap_reader *reader, struct ingest *ingest,
                        const struct heap_clock *clock, enum heap_extent extent)
{
    if (!reader->hello->heap)
        return;
    GArray *rows = take_rows(reader, extent);
    /* after the rows: the modules of all these are there */
    module_records_find(&reader->stacks.modules, ingest);
    update_rows(reader, ingest, rows);
    g_array_unref(rows);
    update_process(reader, ingest_lock(ingest), clock);
    ingest_unlock(ingest);
}

/* ---- blocks ---- */

static void forget_ages(const struct heap_reader *reader, struct profile *profile)
{
    for (guint i = 0; i < reader->rows->len; i++) {
        uint32_t site = g_array_index(reader->rows, struct known_row, i).site;
        if (site == PROFILE_NONE)
            continue;
        site_at(profile, site)->youngest_ns = -1;
        site_at(profile, site)->oldest_ns = -1;
    }
}

static void note_age(struct heap_site *site, int64_t age_ns)
{
    if (site->youngest_ns < 0 || age_ns < site->youngest_ns)
        site->youngest_ns = age_ns;
    if (age_ns > site->oldest_ns)
        site->oldest_ns = age_ns;
}

void heap_reader_look_at_blocks(struct heap_reader *reader, struct ingest *ingest,
                                const struct heap_clock *clock, uint32_t most)
{
    if (!reader->hello->heap || n_blocks_of(reader) > most)
        return;
    uint64_t now = tsc_now().ticks;
    const struct wire_heap_block *blocks = blocks_of(reader);
    struct profile *profile = ingest_lock(ingest);
    forget_ages(reader, profile);
    for (uint32_t i = 0; i < n_blocks_of(reader); i++) {
        const struct wire_heap_block block = blocks[i];
        if (!block.address || block.row >= reader->rows->len)
            continue;
        uint32_t site = g_array_index(reader->rows, struct known_row, block.row).site;
        uint64_t ticks = block.ticks < now ? now - block.ticks : 0;
        if (site != PROFILE_NONE)
            note_age(site_at(profile, site), (int64_t)((double)ticks / clock->ticks_per_ns));
    }
    ingest_unlock(ingest);
}

size_t heap_reader_addresses(const struct heap_reader *reader, uint64_t *ret_addresses, size_t n)
{
    if (!reader->hello->heap || n == 0)
        return 0;
    const struct wire_heap_block *blocks = blocks_of(reader);
    uint32_t n_blocks = n_blocks_of(reader);
    uint32_t step = MAX(n_blocks / (uint32_t)n, 1u);
    size_t found = 0;
    for (uint32_t i = 0; i < n_blocks && found < n; i += step)
        if (blocks[i].address)
            ret_addresses[found++] =
                blocks[i].address & ~(WIRE_BLOCK_SAMPLED | WIRE_BLOCK_ANNOUNCED);
    return found;
}

/* ---- life ---- */

struct heap_reader *heap_reader_new(struct heap_hello *hello, const struct heap_layout *layout,
                                    struct ingest *ingest)
{
    struct heap_reader *reader = g_new0(struct heap_reader, 1);
    reader->pid = hello->process->pid;
    reader->hello = hello;
    reader->layout = layout;
    reader->rows = g_array_new(FALSE, FALSE, sizeof(struct known_row));
    heap_stacks_init(&reader->stacks, hello, layout);
    struct profile *profile = ingest_lock(ingest);
    reader->process = profile_process(profile, reader->pid);
    struct heap_process *p = heap_process_get(profile->heap, reader->process);
    p->ended = false;
    reader->before = *p;
    ingest_unlock(ingest);
    return reader;
}

void heap_reader_free(struct heap_reader *reader)
{
    if (!reader)
        return;
    heap_stacks_clear(&reader->stacks);
    g_array_unref(reader->rows);
    heap_hello_free(reader->hello);
    g_free(reader);
}

int heap_reader_pid(const struct heap_reader *reader)
{
    return reader->pid;
}

uint32_t heap_reader_process(const struct heap_reader *reader)
{
    return reader->process;
}

void heap_reader_end_image(struct heap_reader *reader, struct ingest *ingest)
{
    struct profile *profile = ingest_lock(ingest);
    struct heap_process *p = heap_process_get(profile->heap, reader->process);
    for (guint i = 0; i < reader->rows->len; i++) {
        const struct known_row *known = &g_array_index(reader->rows, struct known_row, i);
        if (known->site == PROFILE_NONE)
            continue;
        struct heap_site *site = site_at(profile, known->site);
        site->values[HEAP_LIVE_BLOCKS] -= known->values[HEAP_LIVE_BLOCKS];
        site->values[HEAP_LIVE_BYTES] -= known->values[HEAP_LIVE_BYTES];
    }
    p->live_bytes = p->live_blocks = 0;
    heap_touch(profile->heap);
    ingest_unlock(ingest);
}

/* A collector that begins has a row at once. */
static const char *why_nothing(const struct wire_heap *heap)
{
    if (heap && __atomic_load_n(&heap->n_rows, __ATOMIC_RELAXED) == 0)
        return "its collector did not begin: proftop was too busy to answer it in time, or the "
               "process ended first";
    return "no call of malloc() was seen; an allocator that is linked statically cannot be";
}

void heap_reader_end(struct heap_reader *reader, struct ingest *ingest)
{
    struct profile *profile = ingest_lock(ingest);
    struct heap_process *p = heap_process_get(profile->heap, reader->process);
    p->ended = true;
    if (p->allocs == 0 && !*p->trouble && p->mode != HEAP_OFF)
        p->trouble = profile_text(profile, why_nothing(reader->hello->heap));
    heap_touch(profile->heap);
    ingest_unlock(ingest);
}

void heap_reader_set_mode(struct heap_reader *reader, enum wire_heap_mode mode,
                          uint64_t sample_bytes)
{
    struct wire_heap *heap = reader->hello->heap;
    if (!heap)
        return;
    __atomic_store_n(&heap->sample_bytes, sample_bytes, __ATOMIC_RELAXED);
    __atomic_store_n(&heap->mode, (uint32_t)mode, __ATOMIC_RELEASE);
}
