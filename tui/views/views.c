/*
 * The views, in the order of their tabs.
 */
#include "tui/views/view.h"

const struct view_ops *const views[] = {
    &view_functions, &view_flame, &view_memory, &view_threads, &view_output, NULL,
};
