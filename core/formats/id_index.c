/*
 * A sorted array: smaller than a hash table, and duplicates show as neighbours.
 */
#include "core/formats/id_index.h"

struct id_position {
    uint64_t id;
    uint32_t position;
};

void id_index_init(struct id_index *index)
{
    index->ids = g_array_new(FALSE, FALSE, sizeof(struct id_position));
    index->in_order = true;
}

void id_index_clear(struct id_index *index)
{
    if (index->ids)
        g_array_unref(index->ids);
    index->ids = NULL;
}

void id_index_add(struct id_index *index, uint64_t id)
{
    struct id_position entry = {.id = id, .position = index->ids->len};
    index->in_order &= id == (uint64_t)entry.position + 1;
    g_array_append_val(index->ids, entry);
}

static gint compare(gconstpointer left, gconstpointer right)
{
    const struct id_position *a = left, *b = right;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return (a->position > b->position) - (a->position < b->position);
}

static const struct id_position *at(const struct id_index *index, guint i)
{
    return &g_array_index(index->ids, struct id_position, i);
}

bool id_index_build(struct id_index *index, uint32_t *ret_position)
{
    if (index->in_order)
        return true;
    g_array_sort(index->ids, compare);
    for (guint i = 1; i < index->ids->len; i++)
        if (at(index, i)->id == at(index, i - 1)->id) {
            *ret_position = at(index, i)->position;
            return false;
        }
    return true;
}

uint32_t id_index_find(const struct id_index *index, uint64_t id)
{
    guint low = 0, high = index->ids->len;
    if (index->in_order)
        return id >= 1 && id <= high ? (uint32_t)(id - 1) : UINT32_MAX;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (at(index, middle)->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < index->ids->len && at(index, low)->id == id ? at(index, low)->position
                                                             : UINT32_MAX;
}
