/*
 * Keeping last walks. Frames are kept root first and the stack is kept against the end of its
 * buffer, so that what stays from walk to walk, the outer part, stays in place.
 */
#include "core/unwind/last_walk.h"

#include <glib.h>

struct last_walk {
    uint32_t thread_key;
    GList link; /* in last_walks.recent */
    uint64_t generation;
    GArray *frames; /* struct kept_frame, root first; empty: nothing kept */
    uint8_t *stack; /* its last byte is the one before read_end */
    size_t capacity;
    uint64_t stack_start, read_end;

    /* about the sample at hand */
    bool compared;
    uint64_t equal_from; /* from here to read_end the stacks are equal */
    size_t n_left;       /* frames that may still match */
};

struct last_walks {
    GHashTable *by_key;
    GQueue recent; /* most recent first */
    size_t n_max;
};

static void walk_free(gpointer data)
{
    struct last_walk *walk = data;
    g_array_free(walk->frames, TRUE);
    g_free(walk->stack);
    g_free(walk);
}

struct last_walks *last_walks_new(size_t n_max)
{
    struct last_walks *walks = g_new0(struct last_walks, 1);
    walks->by_key = g_hash_table_new_full(NULL, NULL, NULL, walk_free);
    g_queue_init(&walks->recent);
    walks->n_max = n_max;
    return walks;
}

void last_walks_free(struct last_walks *walks)
{
    if (!walks)
        return;
    g_hash_table_destroy(walks->by_key);
    g_free(walks);
}

static struct last_walk *add_walk(struct last_walks *walks, uint32_t thread_key)
{
    if (walks->recent.length >= walks->n_max) {
        struct last_walk *oldest = g_queue_peek_tail(&walks->recent);
        g_queue_unlink(&walks->recent, &oldest->link);
        g_hash_table_remove(walks->by_key, GUINT_TO_POINTER(oldest->thread_key));
    }
    struct last_walk *walk = g_new0(struct last_walk, 1);
    walk->thread_key = thread_key;
    walk->link.data = walk;
    walk->frames = g_array_new(FALSE, FALSE, sizeof(struct kept_frame));
    g_hash_table_insert(walks->by_key, GUINT_TO_POINTER(thread_key), walk);
    g_queue_push_head_link(&walks->recent, &walk->link);
    return walk;
}

struct last_walk *last_walks_get(struct last_walks *walks, uint32_t thread_key)
{
    struct last_walk *walk = g_hash_table_lookup(walks->by_key, GUINT_TO_POINTER(thread_key));
    if (!walk)
        return add_walk(walks, thread_key);
    g_queue_unlink(&walks->recent, &walk->link);
    g_queue_push_head_link(&walks->recent, &walk->link);
    return walk;
}

void last_walk_begin(struct last_walk *walk, uint64_t generation)
{
    if (walk->generation != generation)
        last_walk_drop(walk);
    walk->generation = generation;
    walk->compared = false;
    walk->n_left = walk->frames->len;
}

bool kept_frame_fill(const struct frame *frame, uint64_t pc, struct kept_frame *ret_kept)
{
    if (frame->is_exact || frame->known != (FRAME_KEPT_BY_CALLS | FRAME_POSITION))
        return false;
    ret_kept->r[0] = frame->r[DWARF_RIP];
    ret_kept->r[1] = frame->r[DWARF_RSP];
    ret_kept->r[2] = frame->r[DWARF_RBX];
    ret_kept->r[3] = frame->r[DWARF_RBP];
    memcpy(&ret_kept->r[4], &frame->r[DWARF_R12], 4 * sizeof(uint64_t));
    ret_kept->pc = pc;
    return true;
}

/* ---- comparing ---- */

static const uint8_t *stack_at(const struct last_walk *walk, uint64_t address)
{
    return walk->stack + walk->capacity - (walk->read_end - address);
}

static bool is_equal(const struct last_walk *walk, const struct stack_view *view, uint64_t address,
                     size_t size)
{
    return memcmp(stack_at(walk, address), view->bytes + (address - view->start), size) == 0;
}

/* Finds the lowest address from which on both stacks are equal up to read_end, in steps of one
 * word. */
static uint64_t find_equal_from(const struct last_walk *walk, const struct stack_view *view)
{
    enum { STRIDE = 256, WORD = 8 };
    uint64_t lowest = MAX(walk->stack_start, view->start), at = walk->read_end;
    if (view->end < at || lowest > at)
        return UINT64_MAX;
    while (at - lowest >= STRIDE && is_equal(walk, view, at - STRIDE, STRIDE))
        at -= STRIDE;
    while (at - lowest >= WORD && is_equal(walk, view, at - WORD, WORD))
        at -= WORD;
    return at;
}

size_t last_walk_match(struct last_walk *walk, const struct kept_frame *frame,
                       const struct stack_view *view)
{
    const struct kept_frame *kept = (const struct kept_frame *)(void *)walk->frames->data;
    uint64_t sp = frame->r[1];
    while (walk->n_left > 0 && kept[walk->n_left - 1].r[1] < sp)
        walk->n_left--;
    if (walk->n_left == 0 || memcmp(kept[walk->n_left - 1].r, frame->r, sizeof(frame->r)) != 0)
        return 0;
    if (!walk->compared) {
        walk->equal_from = find_equal_from(walk, view);
        walk->compared = true;
    }
    return sp >= walk->equal_from ? walk->n_left : 0;
}

uint64_t last_walk_pc(const struct last_walk *walk, size_t i)
{
    return g_array_index(walk->frames, struct kept_frame, i).pc;
}

uint64_t last_walk_read_end(const struct last_walk *walk)
{
    return walk->read_end;
}

/* ---- keeping ---- */

static void keep_stack(struct last_walk *walk, const struct stack_view *view, uint64_t read_end,
                       uint64_t changed_end)
{
    size_t size = read_end - view->start;
    if (size > walk->capacity) {
        size_t capacity = MAX(size, 2 * walk->capacity);
        g_free(walk->stack);
        walk->stack = g_malloc(capacity);
        walk->capacity = capacity;
        changed_end = read_end;
    }
    if (size > 0)
        memcpy(walk->stack + walk->capacity - size, view->bytes, changed_end - view->start);
    walk->stack_start = view->start;
    walk->read_end = read_end;
}

void last_walk_keep(struct last_walk *walk, size_t n_same, const struct kept_frame *frames,
                    size_t n, const struct stack_view *view)
{
    bool in_place = n_same > 0 && walk->read_end == view->read_end;
    uint64_t changed_end = in_place ? MAX(walk->equal_from, view->start) : view->read_end;
    keep_stack(walk, view, MAX(view->read_end, view->start), MAX(changed_end, view->start));
    g_array_set_size(walk->frames, (guint)n_same);
    for (size_t i = n; i-- > 0;)
        g_array_append_val(walk->frames, frames[i]);
}

void last_walk_drop(struct last_walk *walk)
{
    g_array_set_size(walk->frames, 0);
}
