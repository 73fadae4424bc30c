/*
 * See heap_accounts.h. A change of a row is several words, each changed by itself: proftop may see
 * some of them earlier than others. What changes last is the heap's size, always by an atomic, so
 * that a row's bit of `dirty` is looked at after the change is there for all to see.
 */
#include "collectors/target/heap_accounts.h"

#include <sys/single_threaded.h>

#include "collectors/target/heap_sampling.h"

static uint64_t add64(uint64_t *word, uint64_t n)
{
    if (!__libc_single_threaded)
        return __atomic_add_fetch(word, n, __ATOMIC_RELAXED);
    uint64_t sum = *word + n;
    __atomic_store_n(word, sum, __ATOMIC_RELAXED);
    return sum;
}

static void add32(uint32_t *word, uint64_t n)
{
    if (__libc_single_threaded)
        __atomic_store_n(word, *word + (uint32_t)n, __ATOMIC_RELAXED);
    else
        __atomic_fetch_add(word, (uint32_t)n, __ATOMIC_RELAXED);
}

/* True if that is a new most. */
static bool raise_to(int64_t *most, int64_t n)
{
    int64_t before = __atomic_load_n(most, __ATOMIC_RELAXED);
    while (n > before)
        if (__atomic_compare_exchange_n(most, &before, n, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return true;
    return false;
}

/* ---- which row ---- */

/* Counts a stack without a row once, as far as it is remembered. */
static void count_merged(struct heap_thread *thread, uint32_t node)
{
    uint32_t *seen = &thread->merged_seen[node % HEAP_MERGED_SEEN];
    if (*seen == node + 1)
        return;
    *seen = node + 1;
    __atomic_fetch_add(&thread->heap->wire->merged, 1, __ATOMIC_RELAXED);
}

static uint32_t make_row(struct heap *heap, struct wire_heap_node *node, uint32_t number)
{
    uint32_t *n_rows = &heap->wire->n_rows, none = 0;
    if (__atomic_load_n(n_rows, __ATOMIC_RELAXED) >= heap->rows.n_max)
        return WIRE_ROW_OTHER;
    uint32_t made = __atomic_fetch_add(n_rows, 1, __ATOMIC_RELAXED);
    struct wire_heap_row *row = segment_area_need(&heap->rows, made);
    if (!row)
        return WIRE_ROW_OTHER;
    __atomic_store_n(&row->node, number, __ATOMIC_RELAXED);
    if (__atomic_compare_exchange_n(&node->row, &none, made, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return made;
    __atomic_store_n(&row->node, 0, __ATOMIC_RELAXED); /* another thread was first */
    return none;
}

uint32_t heap_accounts_of_node(struct heap_thread *thread, uint32_t number)
{
    struct heap *heap = thread->heap;
    struct wire_heap_node *node = number ? segment_area_at(&heap->nodes, number) : NULL;
    uint32_t row = node ? __atomic_load_n(&node->row, __ATOMIC_ACQUIRE) : WIRE_ROW_OTHER;
    if (node && row == WIRE_ROW_OTHER)
        row = make_row(heap, node, number);
    if (row == WIRE_ROW_OTHER)
        count_merged(thread, number);
    return row;
}

/* ---- changes ---- */

/* How many blocks a block stands for: 1, if it was not sampled. */
static uint64_t weight_of(const struct heap *heap, const struct wire_heap_block *block)
{
    if (!(block->address & WIRE_BLOCK_SAMPLED))
        return 1;
    return heap_sampling_weight(block->size, block->address & ~WIRE_BLOCK_SAMPLED,
                                heap_sample_bytes(heap));
}

static uint32_t size_class(uint64_t size)
{
    if (size <= 16)
        return 0;
    uint32_t class = 64 - (uint32_t)__builtin_clzll((size - 1) >> 4);
    return class < WIRE_HEAP_SIZES ? class : WIRE_HEAP_SIZES - 1;
}

static uint32_t lifetime_class(const struct heap *heap, uint64_t ticks)
{
    uint32_t class = 0;
    while (class < WIRE_HEAP_LIFETIMES - 1 && ticks >= heap->lifetime_ticks[class])
        class ++;
    return class;
}

/* What the row held at the heap's peak is kept before it changes for the first time since. */
static void keep_peak(const struct heap *heap, struct wire_heap_row *row)
{
    uint64_t epoch = __atomic_load_n(&heap->wire->peak_epoch, __ATOMIC_RELAXED);
    if (row->peak_epoch == epoch)
        return;
    row->peak_bytes = row->live_bytes;
    row->peak_blocks = (int64_t)(row->allocs - row->frees);
    __atomic_store_n(&row->peak_epoch, epoch, __ATOMIC_RELEASE);
}

static void mark_dirty(struct heap *heap, uint32_t row)
{
    uint64_t *word = &heap->dirty[row / 64], bit = UINT64_C(1) << row % 64;
    if (!(__atomic_load_n(word, __ATOMIC_RELAXED) & bit))
        __atomic_fetch_or(word, bit, __ATOMIC_RELEASE);
}

static void grow_heap(struct wire_heap *wire, int64_t bytes, uint64_t ticks)
{
    int64_t live = __atomic_add_fetch(&wire->live_bytes, bytes, __ATOMIC_SEQ_CST);
    if (!raise_to(&wire->peak_bytes, live))
        return;
    add64(&wire->peak_epoch, 1);
    __atomic_store_n(&wire->peak_ticks, ticks, __ATOMIC_RELAXED);
}

static void count_variance(struct wire_heap_row *row, uint64_t size, uint64_t weight)
{
    uint64_t before = __atomic_load_n(&row->variance_bytes2, __ATOMIC_RELAXED), sum;
    unsigned __int128 part = (unsigned __int128)(weight - 1) * weight;
    bool is_over = part >> 64 || size >> 32;
    part = is_over ? 0 : part * (size * size);
    do {
        is_over |= part >> 64 || __builtin_add_overflow(before, (uint64_t)part, &sum);
        if (is_over)
            sum = UINT64_MAX;
    } while (!__atomic_compare_exchange_n(&row->variance_bytes2, &before, sum, false,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

void heap_accounts_add(struct heap *heap, const struct wire_heap_block *block, bool is_realloc)
{
    struct wire_heap_row *row = segment_area_at(&heap->rows, block->row);
    if (!row)
        return;
    uint64_t weight = weight_of(heap, block), bytes = weight * block->size;
    keep_peak(heap, row);
    add64(&row->allocs, weight);
    add64(&row->alloc_bytes, bytes);
    add32(&row->sizes[size_class(block->size)], weight);
    if (is_realloc)
        add32(&row->reallocs, weight);
    if (block->address & WIRE_BLOCK_SAMPLED) {
        add32(&row->sampled, 1);
        count_variance(row, block->size, weight);
    }
    int64_t live = (int64_t)add64((uint64_t *)&row->live_bytes, bytes);
    raise_to(&row->own_peak_bytes, live);
    grow_heap(heap->wire, (int64_t)bytes, block->ticks);
    mark_dirty(heap, block->row);
}

void heap_accounts_remove(struct heap *heap, const struct wire_heap_block *block,
                          const struct heap_end *end)
{
    struct wire_heap_row *row = segment_area_at(&heap->rows, block->row);
    if (!row)
        return;
    uint64_t weight = weight_of(heap, block), bytes = weight * block->size;
    keep_peak(heap, row);
    add64(&row->frees, weight);
    if (end->ticks) /* there is a clock */
        add32(&row->lifetimes[lifetime_class(heap, end->ticks - block->ticks)], weight);
    if (end->is_temporary)
        add32(&row->temporary, weight);
    if (end->is_remote)
        add32(&row->remote_frees, weight);
    add64((uint64_t *)&row->live_bytes, -bytes);
    __atomic_fetch_sub(&heap->wire->live_bytes, (int64_t)bytes, __ATOMIC_SEQ_CST);
    mark_dirty(heap, block->row);
}
