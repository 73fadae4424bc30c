/*
 * See engines.h. A new engine is a line in this table, and its place in the first.
 */
#include "tui/cli/engines.h"

#include "collectors/perf/perf_source.h"
#include "collectors/timer/timer_source.h"
#include "core/base/error.h"

enum { ENGINES_MOST = 2 };

static const struct {
    const char *name;
    const struct source_ops *list[ENGINES_MOST + 1]; /* best first */
} choices[] = {
    {"auto", {&perf_source_ops, &timer_source_ops}},
    {"perf", {&perf_source_ops}},
    {"timer", {&timer_source_ops}},
};

const struct source_ops *const *engines_find(const char *name, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(choices); i++)
        if (g_str_equal(name ? name : "auto", choices[i].name))
            return choices[i].list;
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_USAGE,
                "there is no engine '%s': choose auto, perf or timer with --engine", name);
    return NULL;
}
