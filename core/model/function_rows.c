/*
 * Filtering and sorting of the Functions table.
 */
#include "core/model/function_rows.h"

#include <string.h>

static const char *const sort_names[FUNCTION_SORTS] = {
    [FUNCTION_SORT_SELF] = "self",       [FUNCTION_SORT_TOTAL] = "total",
    [FUNCTION_SORT_SAMPLES] = "samples", [FUNCTION_SORT_NAME] = "function",
    [FUNCTION_SORT_MODULE] = "module",   [FUNCTION_SORT_SOURCE] = "source",
};

enum function_sort function_sort_find(const char *name)
{
    for (int i = 0; i < FUNCTION_SORTS; i++)
        if (strcmp(sort_names[i], name) == 0)
            return (enum function_sort)i;
    return FUNCTION_SORTS;
}

struct sort_context {
    const struct profile *profile;
    const struct function_query *query;
};

static int compare_numbers(int64_t a, int64_t b)
{
    return (a < b) - (a > b); /* largest first */
}

static int compare_sources(const struct function *a, const struct function *b)
{
    if ((*a->file == 0) != (*b->file == 0))
        return *a->file == 0 ? 1 : -1; /* unknown ones last */
    int order = strcmp(a->file, b->file);
    return order ? order : (a->decl_line > b->decl_line) - (a->decl_line < b->decl_line);
}

/* The numbers that a column sorts by; 0 where it sorts by text. */
static int64_t number_of(const struct function_row *row, enum function_sort sort)
{
    switch (sort) {
    case FUNCTION_SORT_SELF:
        return row->self.value;
    case FUNCTION_SORT_TOTAL:
        return row->total.value;
    case FUNCTION_SORT_SAMPLES:
        return row->self.count;
    default:
        return 0;
    }
}

static int compare_texts(const struct function_row *a, const struct function_row *b,
                         const struct sort_context *context)
{
    const struct profile *p = context->profile;
    const struct function *fa = profile_get_function(p, a->function);
    const struct function *fb = profile_get_function(p, b->function);
    switch (context->query->sort) {
    case FUNCTION_SORT_NAME:
        return strcmp(fa->name, fb->name);
    case FUNCTION_SORT_MODULE:
        return strcmp(profile_get_module(p, fa->module)->name,
                      profile_get_module(p, fb->module)->name);
    case FUNCTION_SORT_SOURCE:
        return compare_sources(fa, fb);
    default:
        return 0;
    }
}

static gint compare_rows(gconstpointer left, gconstpointer right, gpointer data)
{
    const struct function_row *a = left, *b = right;
    const struct sort_context *context = data;
    enum function_sort sort = context->query->sort;
    bool by_text = sort >= FUNCTION_SORT_NAME;
    int order = by_text ? compare_texts(a, b, context)
                        : compare_numbers(number_of(a, sort), number_of(b, sort));
    /* As compared, numbers run down and texts run up. */
    if (order && context->query->ascending != by_text)
        order = -order;
    if (!order)
        order = compare_numbers(a->total.value, b->total.value);
    return order ? order : (a->function > b->function) - (a->function < b->function);
}

static bool matches(const struct profile *p, uint32_t function, const GRegex *filter)
{
    const struct function *f = profile_get_function(p, function);
    return !filter || g_regex_match(filter, f->name, 0, NULL) ||
           g_regex_match(filter, profile_get_module(p, f->module)->name, 0, NULL);
}

static bool is_among(const GArray *also, uint32_t function)
{
    return also && function < also->len && g_array_index(also, bool, function);
}

void function_rows_query(const struct calltree *tree, const struct function_query *query,
                         GArray *rows)
{
    g_array_set_size(rows, 0);
    uint32_t n = MAX(tree->function_total->len, query->also ? query->also->len : 0);
    for (uint32_t i = 0; i < n; i++) {
        struct function_row row = {.function = i,
                                   .self = calltree_function_self(tree, i),
                                   .total = calltree_function_total(tree, i)};
        bool wanted = row.total.value || row.total.count || is_among(query->also, i);
        if (wanted && matches(tree->profile, i, query->filter))
            g_array_append_val(rows, row);
    }
    struct sort_context context = {.profile = tree->profile, .query = query};
    g_array_sort_with_data(rows, compare_rows, &context);
}
