/* See open_calls.h. */
#include "collectors/calls/open_calls.h"

#include <string.h>

enum {
    ENDED_FRAMES = 256, /* beyond the open ones, which may hold calls that have just ended */
};

/* Frames of a lane, outermost first. */
struct walk {
    const struct wire_calls_chunk *chunks;
    uint32_t n_chunks;
    uint32_t chunk; /* number of the one that holds the next frame; 0: there is none */
    uint32_t i;     /* of the next frame in it */
};

static const struct wire_calls_lane *lanes_of(const struct calls_hello *hello)
{
    return (const void *)(hello->part + hello->layout->lanes);
}

static struct walk walk_begin(const struct calls_hello *hello, const struct wire_calls_lane *lane)
{
    uint32_t n = __atomic_load_n(&hello->wire->n_chunks, __ATOMIC_ACQUIRE);
    return (struct walk){.chunks = (const void *)(hello->part + hello->layout->chunks.offset),
                         .n_chunks = MIN(n, hello->layout->chunks.n_max),
                         .chunk = lane->first_chunk};
}

static uint32_t frames_max(const struct calls_hello *hello)
{
    uint32_t n = __atomic_load_n(&hello->wire->n_chunks, __ATOMIC_ACQUIRE);
    return MIN(n, hello->layout->chunks.n_max) * WIRE_CALLS_FRAMES;
}

/* The next frame, NULL behind the last. */
static const struct wire_calls_frame *walk_next(struct walk *walk)
{
    if (walk->chunk > 0 && walk->i == WIRE_CALLS_FRAMES) {
        walk->chunk = walk->chunk < walk->n_chunks ? walk->chunks[walk->chunk].next : 0;
        walk->i = 0;
    }
    if (walk->chunk == 0 || walk->chunk >= walk->n_chunks)
        return NULL;
    return &walk->chunks[walk->chunk].frames[walk->i++];
}

/* ---- what is open ---- */

/* A frame that was whole when it was copied, and was the same one before and after. */
static bool read_frame(const struct wire_calls_frame *from, struct wire_calls_frame *ret_frame)
{
    uint32_t record = __atomic_load_n(&from->record, __ATOMIC_ACQUIRE);
    *ret_frame = *from;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return record != 0 && __atomic_load_n(&from->record, __ATOMIC_RELAXED) == record;
}

static uint64_t less(uint64_t from, uint64_t what)
{
    return from > what ? from - what : 0;
}

/* The net time so far of each frame of a lane. */
static void read_lane(struct walk walk, uint32_t depth, uint64_t now, GArray *frames)
{
    struct wire_calls_frame frame;
    const struct wire_calls_frame *from;
    g_array_set_size(frames, 0);
    while (depth-- > 0 && (from = walk_next(&walk))) {
        if (!read_frame(from, &frame)) /* it has just begun or ended, and so have those within */
            break;
        g_array_append_val(frames, frame);
    }
    /* the probes of what is open further in are not counted in `cost` yet: they are few */
    for (guint i = 0; i < frames->len; i++) {
        struct wire_calls_frame *f = &g_array_index(frames, struct wire_calls_frame, i);
        f->start = less(less(now, f->start), f->cost); /* from here on: how long it has taken */
    }
}

static struct open_call *call_of(GArray *calls, GHashTable *index, uint32_t record)
{
    guint i = GPOINTER_TO_UINT(g_hash_table_lookup(index, GUINT_TO_POINTER(record)));
    if (i == 0) {
        const struct open_call call = {.record = record};
        g_array_append_val(calls, call);
        i = calls->len;
        g_hash_table_insert(index, GUINT_TO_POINTER(record), GUINT_TO_POINTER(i));
    }
    return &g_array_index(calls, struct open_call, i - 1);
}

static void add_lane(const GArray *frames, GArray *calls, GHashTable *index)
{
    for (guint i = 0; i < frames->len; i++) {
        const struct wire_calls_frame *f = &g_array_index(frames, struct wire_calls_frame, i);
        uint64_t within = i + 1 < frames->len ? (f + 1)->start : 0;
        struct open_call *call = call_of(calls, index, f->record);
        call->calls++;
        call->self += less(less(f->start, f->inner), within);
        call->total += f->start;
    }
}

void open_calls_read(const struct calls_hello *hello, uint64_t now, GArray *calls)
{
    const struct wire_calls_lane *lanes = lanes_of(hello);
    GHashTable *index = g_hash_table_new(NULL, NULL);
    GArray *frames = g_array_new(FALSE, FALSE, sizeof(struct wire_calls_frame));
    uint32_t left = frames_max(hello); /* all lanes together cannot have more */
    g_array_set_size(calls, 0);
    for (uint32_t i = 0; i < WIRE_CALLS_LANES; i++) {
        struct wire_calls_lane lane = lanes[i];
        if (lane.depth == 0)
            continue;
        read_lane(walk_begin(hello, &lane), MIN(lane.depth, left), now, frames);
        left -= frames->len;
        add_lane(frames, calls, index);
    }
    g_array_unref(frames);
    g_hash_table_unref(index);
}

/* ---- return addresses ---- */

static uint64_t sp_of(const struct wire_calls_frame *frame)
{
    return __atomic_load_n(&frame->sp, __ATOMIC_RELAXED);
}

/* Goes on to the chunk behind as long as that begins no further in than `slot`. */
static void skip_chunks(struct walk *walk, uint32_t *depth, uint64_t slot)
{
    while (*depth > WIRE_CALLS_FRAMES && walk->chunk < walk->n_chunks) {
        uint32_t next = walk->chunks[walk->chunk].next;
        if (next == 0 || next >= walk->n_chunks || sp_of(&walk->chunks[next].frames[0]) < slot)
            return;
        walk->chunk = next;
        *depth -= WIRE_CALLS_FRAMES;
    }
}

/* Open calls lie ever further in; behind them, those that have just ended do too. */
static uint64_t find_in_lane(struct walk walk, uint32_t depth, uint64_t slot)
{
    const struct wire_calls_frame *from;
    uint64_t found = 0;
    skip_chunks(&walk, &depth, slot);
    for (uint32_t i = 0; i < depth + ENDED_FRAMES && (from = walk_next(&walk)); i++) {
        if (sp_of(from) == slot && from->return_address != 0)
            found = from->return_address;
        if (i < depth && sp_of(from) < slot)
            break;
    }
    return found;
}

/* Lanes are handed out in order, and each to a thread. */
static uint64_t find_open(const struct calls_hello *hello, int tid, uint64_t slot)
{
    const struct wire_calls_lane *lanes = lanes_of(hello);
    uint64_t found = 0;
    for (uint32_t i = 0; i < WIRE_CALLS_LANES && found == 0; i++) {
        struct wire_calls_lane lane = lanes[i];
        if (i > 0 && lane.tid == 0)
            break;
        if (lane.tid == tid && lane.first_chunk != 0)
            found =
                find_in_lane(walk_begin(hello, &lane), MIN(lane.depth, frames_max(hello)), slot);
    }
    return found;
}

/* Of the calls that were entered lately. */
static size_t find_lately(const struct calls_hello *hello, uint64_t slot,
                          uint64_t addresses[WIRE_CALLS_RETURNS_OF_SLOT])
{
    size_t n = 0;
    const struct wire_calls_return *from =
        (const struct wire_calls_return *)(const void *)(hello->part + hello->layout->returns) +
        WIRE_CALLS_RETURNS_OF(slot);
    for (const struct wire_calls_return *end = from + WIRE_CALLS_RETURNS_OF_SLOT; from < end;
         from++) {
        uint64_t before = __atomic_load_n(&from->slot, __ATOMIC_ACQUIRE);
        uint64_t address = __atomic_load_n(&from->address, __ATOMIC_ACQUIRE);
        uint64_t after = __atomic_load_n(&from->slot, __ATOMIC_RELAXED);
        if (before == slot && after == slot && address != 0)
            addresses[n++] = address;
    }
    return n;
}

/* Moves what is known of the stack as it is now to the front. */
static size_t put_first(uint64_t *addresses, size_t n, uint64_t first)
{
    size_t at = 0;
    while (at < n && addresses[at] != first)
        at++;
    if (at == n && n < WIRE_CALLS_RETURNS_OF_SLOT)
        n++;
    memmove(addresses + 1, addresses, MIN(at, n - 1) * sizeof *addresses);
    addresses[0] = first;
    return n;
}

size_t open_calls_return_addresses(const struct calls_hello *hello, int tid, uint64_t slot,
                                   uint64_t *ret_addresses, size_t n)
{
    uint64_t found[WIRE_CALLS_RETURNS_OF_SLOT];
    size_t n_found = find_lately(hello, slot, found);
    uint64_t open = find_open(hello, tid, slot);
    if (open != 0)
        n_found = put_first(found, n_found, open);
    n = MIN(n, n_found);
    memcpy(ret_addresses, found, n * sizeof *found);
    return n;
}
