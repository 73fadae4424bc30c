/*
 * Walking DWARF entries without recursion and within a budget: a hostile file may nest as deep as
 * it is long, or lead in circles.
 *
 * Context: the thread that owns the Dwarf.
 */
#ifndef PROFTOP_CORE_SYMBOLS_DIE_WALK_H
#define PROFTOP_CORE_SYMBOLS_DIE_WALK_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIE_WALK_DEPTH_MAX = 256 }; /* deeper entries are not visited */

/* What to do after an entry was visited. */
enum die_descent { DIE_DESCENT_OVER, DIE_DESCENT_INTO };

/* @level  the entry's depth below the root, from 0 */
typedef enum die_descent die_visit(void *arg, Dwarf_Die *die, size_t level);

/* [low, high), never empty. */
typedef void die_visit_range(void *arg, Dwarf_Die *die, uint64_t low, uint64_t high);

/*
 * Visits the entries below `root` in preorder until `*steps_left` of them, which counts down, are
 * used up. Context: the thread that owns the Dwarf.
 */
void die_walk(Dwarf_Die *root, die_visit *visit, void *arg, int64_t *steps_left);

/*
 * Visits the address ranges of an entry's code, at most 4096; each costs some steps.
 *
 * Returns whether there was one. Context: the thread that owns the Dwarf.
 */
bool die_ranges(Dwarf_Die *die, die_visit_range *visit, void *arg, int64_t *steps_left);

#endif
