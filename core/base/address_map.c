/*
 * The address map: one sorted array of ranges that never overlap.
 *
 * A process has some hundred mappings and looks up far more often than it changes, so a binary
 * search over an array beats any tree, and inserting may move memory.
 */
#include "core/base/address_map.h"

#include <assert.h>

struct address_map {
    GArray *ranges; /* struct mapping, by start */
    uint64_t generation;
};

static struct mapping *at(const struct address_map *map, guint i)
{
    return &g_array_index(map->ranges, struct mapping, i);
}

/* Index of the first range that ends after `address`: it holds it, or comes next. */
static guint first_ending_after(const struct address_map *map, uint64_t address)
{
    guint lo = 0, hi = map->ranges->len;
    while (lo < hi) {
        guint mid = lo + (hi - lo) / 2;
        if (at(map, mid)->end <= address)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct address_map *address_map_new(void)
{
    struct address_map *map = g_new0(struct address_map, 1);
    map->ranges = g_array_new(FALSE, FALSE, sizeof(struct mapping));
    return map;
}

struct address_map *address_map_copy(const struct address_map *map)
{
    struct address_map *copy = address_map_new();
    g_array_append_vals(copy->ranges, map->ranges->data, map->ranges->len);
    for (guint i = 0; i < copy->ranges->len; i++)
        if (at(copy, i)->elf)
            elf_file_ref(at(copy, i)->elf);
    copy->generation = map->generation;
    return copy;
}

static void drop_files(struct address_map *map, guint begin, guint end)
{
    for (guint i = begin; i < end; i++)
        elf_file_unref(at(map, i)->elf);
}

void address_map_free(struct address_map *map)
{
    if (!map)
        return;
    drop_files(map, 0, map->ranges->len);
    g_array_free(map->ranges, TRUE);
    g_free(map);
}

void address_map_clear(struct address_map *map)
{
    drop_files(map, 0, map->ranges->len);
    g_array_set_size(map->ranges, 0);
    map->generation++;
}

/* Cuts the range at `i` in two at `address`, which lies strictly inside. */
static void split(struct address_map *map, guint i, uint64_t address)
{
    struct mapping upper = *at(map, i);
    upper.file_offset += address - upper.start;
    upper.start = address;
    if (upper.elf)
        elf_file_ref(upper.elf);
    at(map, i)->end = address;
    g_array_insert_val(map->ranges, i + 1, upper);
}

void address_map_insert(struct address_map *map, const struct mapping *mapping)
{
    assert(mapping->start < mapping->end);
    struct mapping added = *mapping;
    if (added.elf)
        elf_file_ref(added.elf);

    guint begin = first_ending_after(map, added.start);
    if (begin < map->ranges->len && at(map, begin)->start < added.start)
        split(map, begin++, added.start);
    guint end = begin;
    while (end < map->ranges->len && at(map, end)->end <= added.end)
        end++;
    if (end < map->ranges->len && at(map, end)->start < added.end)
        split(map, end++, added.end);

    drop_files(map, begin, end);
    if (end > begin)
        g_array_remove_range(map->ranges, begin, end - begin);
    g_array_insert_val(map->ranges, begin, added);
    map->generation++;
}

const struct mapping *address_map_find(const struct address_map *map, uint64_t address)
{
    guint i = first_ending_after(map, address);
    if (i == map->ranges->len || at(map, i)->start > address)
        return NULL;
    return at(map, i);
}

bool mapping_vaddr(const struct mapping *mapping, uint64_t address, uint64_t *ret_vaddr)
{
    return mapping->elf &&
           elf_file_address(mapping->elf, address - mapping->start + mapping->file_offset,
                            ret_vaddr);
}

uint64_t address_map_generation(const struct address_map *map)
{
    return map->generation;
}
