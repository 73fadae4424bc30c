/*
 * The walk over DWARF entries; see the header.
 */
#include "core/symbols/die_walk.h"

enum {
    RANGES_MAX = 4096, /* of one entry */
    RANGE_STEPS = 4,   /* a range is kept in memory, an entry is not */
};

void die_walk(Dwarf_Die *root, die_visit *visit, void *arg, int64_t *steps_left)
{
    Dwarf_Die path[DIE_WALK_DEPTH_MAX];
    size_t level = 0;
    if (dwarf_child(root, &path[0]) != 0)
        return;
    while ((*steps_left)-- > 0) {
        Dwarf_Die *die = &path[level];
        if (visit(arg, die, level) == DIE_DESCENT_INTO && level + 1 < DIE_WALK_DEPTH_MAX &&
            dwarf_child(die, &path[level + 1]) == 0) {
            level++;
            continue;
        }
        while (dwarf_siblingof(&path[level], &path[level]) != 0) {
            if (level-- == 0)
                return;
        }
    }
}

bool die_ranges(Dwarf_Die *die, die_visit_range *visit, void *arg, int64_t *steps_left)
{
    ptrdiff_t offset = 0;
    Dwarf_Addr base, low, high;
    bool any = false;
    for (int i = 0; i<RANGES_MAX && * steps_left> 0; i++) {
        offset = dwarf_ranges(die, offset, &base, &low, &high);
        if (offset <= 0)
            break;
        *steps_left -= RANGE_STEPS;
        if (low < high && low > 1) { /* discarded functions begin at 0 or 1 */
            visit(arg, die, low, high);
            any = true;
        }
    }
    return any;
}
