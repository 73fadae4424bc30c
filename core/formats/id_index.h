/*
 * From the ids that a file gives its records to the records' positions.
 *
 * Context: one thread at a time.
 */
#ifndef PROFTOP_CORE_FORMATS_ID_INDEX_H
#define PROFTOP_CORE_FORMATS_ID_INDEX_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Add all ids in order, then build, then find. */
struct id_index {
    GArray *ids;   /* of struct id_position */
    bool in_order; /* ids are 1, 2, 3, ...: as most writers count */
};

/* An index without ids. Context: one thread. */
void id_index_init(struct id_index *index);

/* Also for one that is all zeroes. */
void id_index_clear(struct id_index *index);

/* The next record's id. */
void id_index_add(struct id_index *index, uint64_t id);

/* Makes the ids searchable. false: two records have the same id, `*ret_position` is the later one.
 */
bool id_index_build(struct id_index *index, uint32_t *ret_position);

/* Position of the record with that id, or UINT32_MAX. O(log n), O(1) when in order. */
uint32_t id_index_find(const struct id_index *index, uint64_t id);

#endif
