/*
 * Rows of the Functions table: filtered and sorted. The TUI, the text report and JSON share it.
 */
#ifndef PROFTOP_CORE_MODEL_FUNCTION_ROWS_H
#define PROFTOP_CORE_MODEL_FUNCTION_ROWS_H

#include "core/model/calltree.h"

struct function_row {
    uint32_t function;
    struct weight self, total;
};

enum function_sort {
    FUNCTION_SORT_SELF,
    FUNCTION_SORT_TOTAL,
    FUNCTION_SORT_SAMPLES,
    FUNCTION_SORT_NAME,
    FUNCTION_SORT_MODULE,
    FUNCTION_SORT_SOURCE,
    FUNCTION_SORTS,
};

/* The column of that name, as the command line takes it (self, total, samples, function, module,
 * source), or FUNCTION_SORTS. Context: any thread. */
enum function_sort function_sort_find(const char *name);

struct function_query {
    enum function_sort sort;
    bool ascending;       /* smallest first, names from A to Z; else largest first, Z to A */
    const GRegex *filter; /* keeps functions whose name or module matches; NULL: all */
    const GArray *also;   /* bool by function, shorter where the rest is false: these have rows even
                             without weight; NULL: none */
};

/*
 * Fills `rows` (struct function_row, emptied first) with every function of the tree that has
 * weight, and those asked for. Equal keys are ordered by total, then by age, so that rows do not
 * jump. Context: holder of the profile's lock.
 */
void function_rows_query(const struct calltree *tree, const struct function_query *query,
                         GArray *rows);

#endif
