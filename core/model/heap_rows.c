/*
 * Grouping, filtering and sorting of the Memory view.
 *
 * Three steps, each done again only when what it is made from has changed: the group of each site
 * (names), the sums of the groups (sites, and which of them a query looks at), the rows (the
 * query).
 */
#include "core/model/heap_rows.h"

#include <string.h>

#include "core/base/hash.h"
#include "core/model/allocators.h"
#include "core/model/function_order.h"

enum { SLOTS_FIRST = 1 << 10, GROUP_NONE = 0 };

struct heap_rows {
    const struct profile *profile;
    GArray *groups;     /* struct heap_row, by group - 1 */
    GArray *group_of;   /* uint32_t by site: from 1 */
    uint32_t *slots;    /* hash table of groups by function and line; GROUP_NONE: empty */
    uint32_t n_slots;   /* a power of two, more than the groups by a third or more */
    GByteArray *passed; /* by function: 1 + whether it only allocates; 0: not looked at */
    uint32_t resolved_generation;

    /* What the sums are of. */
    bool summed;
    uint64_t generation;
    uint32_t process;

    GArray *order; /* uint32_t groups that the last query kept */
    GArray *rows;  /* struct heap_row, in that order */
};

struct sort_context {
    const struct heap_rows *rows;
    const struct heap_query *query;
};

static const char *const sort_names[HEAP_SORTS] = {
    [HEAP_SORT_AVERAGE] = "average",   [HEAP_SORT_STACKS] = "stacks",
    [HEAP_SORT_FUNCTION] = "function", [HEAP_SORT_MODULE] = "module",
    [HEAP_SORT_SOURCE] = "source",
};

unsigned heap_sort_find(const char *name)
{
    enum heap_column column = heap_column_find(name);
    if (column < HEAP_COLUMNS)
        return column;
    for (unsigned i = HEAP_COLUMNS; i < HEAP_SORTS; i++)
        if (strcmp(sort_names[i], name) == 0)
            return i;
    return HEAP_SORTS;
}

int64_t heap_site_average(const struct heap_site *site)
{
    int64_t n = site->values[HEAP_ALLOCS];
    return n > 0 ? (int64_t)((double)site->values[HEAP_ALLOC_BYTES] / (double)n + 0.5) : 0;
}

double heap_site_temporary_percent(const struct heap_site *site)
{
    int64_t n = site->values[HEAP_ALLOCS];
    return n > 0 ? 100.0 * (double)site->values[HEAP_TEMPORARY] / (double)n : 0.0;
}

bool heap_process_has_ended(const struct profile *profile, uint32_t process)
{
    const struct heap_process *record = heap_process_find(profile->heap, process);
    return profile_get_process(profile, process)->ended || (record && record->ended);
}

/* --- whose a site is --- */

/* Remembers the answer in `passed`, by function; that may be NULL. */
static bool only_allocates(const struct profile *p, uint32_t function, GByteArray *passed)
{
    const char *linkage = profile_get_function(p, function)->linkage;
    if (!passed)
        return allocators_have(linkage);
    guint old = passed->len;
    if (function >= old) {
        g_byte_array_set_size(passed, p->functions->len);
        memset(passed->data + old, 0, passed->len - old);
    }
    if (!passed->data[function])
        passed->data[function] = (guint8)(1 + allocators_have(linkage));
    return passed->data[function] == 2;
}

/* The innermost function that does not only allocate; the innermost of all when there is none. */
static struct line line_of_stack(const struct profile *p, uint32_t stack, GByteArray *passed)
{
    const uint32_t *frames = profile_stack_frames(p, stack);
    for (uint32_t i = 0; i < profile_get_stack(p, stack)->n_frames; i++) {
        const struct line *lines = profile_frame_lines(p, frames[i]);
        for (uint32_t k = 0; k < profile_get_frame(p, frames[i])->n_lines; k++)
            if (!only_allocates(p, lines[k].function, passed))
                return lines[k];
    }
    return *profile_frame_lines(p, frames[0]);
}

struct line heap_stack_line(const struct profile *profile, uint32_t stack)
{
    return line_of_stack(profile, stack, NULL);
}

/* --- groups --- */

static struct heap_row *group_at(const struct heap_rows *rows, uint32_t group)
{
    return &g_array_index(rows->groups, struct heap_row, group - 1);
}

/* Where the group of a line stands, or would stand. */
static uint32_t *slot_of(const struct heap_rows *rows, struct line line)
{
    uint64_t hash = hash_mix(0, (uint64_t)line.function << 32 | line.line);
    uint32_t mask = rows->n_slots - 1, at = (uint32_t)(hash >> 32) & mask;
    for (; rows->slots[at]; at = (at + 1) & mask) {
        const struct heap_row *group = group_at(rows, rows->slots[at]);
        if (group->function == line.function && group->line == line.line)
            break;
    }
    return &rows->slots[at];
}

static void grow_slots(struct heap_rows *rows)
{
    g_free(rows->slots);
    rows->n_slots *= 2;
    rows->slots = g_new0(uint32_t, rows->n_slots);
    for (uint32_t group = 1; group <= rows->groups->len; group++) {
        const struct heap_row *row = group_at(rows, group);
        *slot_of(rows, (struct line){row->function, row->line}) = group;
    }
}

static uint32_t group_of_line(struct heap_rows *rows, struct line line)
{
    uint32_t *slot = slot_of(rows, line);
    if (*slot)
        return *slot;
    struct heap_row row = {.function = line.function, .line = line.line};
    g_array_append_val(rows->groups, row);
    uint32_t group = *slot = rows->groups->len;
    if (group > rows->n_slots / 4 * 3)
        grow_slots(rows);
    return group;
}

static void forget_groups(struct heap_rows *rows)
{
    g_array_set_size(rows->groups, 0);
    g_array_set_size(rows->group_of, 0);
    memset(rows->slots, 0, rows->n_slots * sizeof *rows->slots);
    rows->summed = false;
}

/* Finds the groups of new sites; of all sites, when names have come in. */
static void place_sites(struct heap_rows *rows)
{
    const struct profile *p = rows->profile;
    if (rows->resolved_generation != p->resolved_generation)
        forget_groups(rows);
    rows->resolved_generation = p->resolved_generation;
    for (guint i = rows->group_of->len; i < p->heap->sites->len; i++) {
        uint32_t stack = g_array_index(p->heap->sites, struct heap_site, i).stack;
        uint32_t group = group_of_line(rows, line_of_stack(p, stack, rows->passed));
        g_array_append_val(rows->group_of, group);
        rows->summed = false;
    }
}

/* --- sums --- */

static bool accepts(const struct heap_rows *rows, uint32_t process)
{
    return rows->process == PROFILE_NONE || process == rows->process;
}

static const struct heap_site no_site = {
    .stack = PROFILE_NONE, .process = PROFILE_NONE, .youngest_ns = -1, .oldest_ns = -1};

static void add_site(struct heap_row *row, const struct heap_site *site)
{
    if (row->n_stacks++ == 0) {
        row->sum = *site;
        return;
    }
    row->sum.stack = row->sum.stack == site->stack ? site->stack : PROFILE_NONE;
    row->sum.process = row->sum.process == site->process ? site->process : PROFILE_NONE;
    row->own_peak_is_bound = true;
    heap_site_add(&row->sum, site);
}

static void sum_groups(struct heap_rows *rows)
{
    for (uint32_t group = 1; group <= rows->groups->len; group++) {
        struct heap_row *row = group_at(rows, group);
        *row = (struct heap_row){.function = row->function, .line = row->line, .sum = no_site};
    }
    for (guint i = 0; i < rows->group_of->len; i++) {
        const struct heap_site *site =
            &g_array_index(rows->profile->heap->sites, struct heap_site, i);
        if (accepts(rows, site->process))
            add_site(group_at(rows, g_array_index(rows->group_of, uint32_t, i)), site);
    }
}

static void update_sums(struct heap_rows *rows, const struct heap_query *query)
{
    const struct heap *heap = rows->profile->heap;
    if (rows->summed && rows->generation == heap->generation && rows->process == query->process)
        return;
    rows->process = query->process;
    rows->generation = heap->generation;
    rows->summed = true;
    sum_groups(rows);
}

/* --- rows --- */

static int compare_numbers(int64_t a, int64_t b)
{
    return (a < b) - (a > b); /* largest first */
}

static int64_t number_of(const struct heap_row *row, unsigned sort)
{
    if (sort < HEAP_COLUMNS)
        return row->sum.values[sort];
    return sort == HEAP_SORT_AVERAGE ? heap_site_average(&row->sum) : row->n_stacks;
}

static int compare_lines(const struct heap_row *a, const struct heap_row *b)
{
    return (a->line > b->line) - (a->line < b->line);
}

static int compare_texts(const struct profile *p, const struct heap_row *a,
                         const struct heap_row *b, unsigned sort)
{
    const struct function *fa = profile_get_function(p, a->function);
    const struct function *fb = profile_get_function(p, b->function);
    int order;
    switch (sort) {
    case HEAP_SORT_MODULE:
        return strcmp(profile_get_module(p, fa->module)->name,
                      profile_get_module(p, fb->module)->name);
    case HEAP_SORT_SOURCE:
        if ((*fa->file == 0) != (*fb->file == 0))
            return *fa->file == 0 ? 1 : -1; /* unknown ones last */
        order = strcmp(fa->file, fb->file);
        break;
    default:
        order = strcmp(fa->name, fb->name);
    }
    return order ? order : compare_lines(a, b);
}

static gint compare_groups(gconstpointer left, gconstpointer right, gpointer data)
{
    const struct sort_context *context = data;
    const uint32_t *l = left, *r = right;
    const struct heap_row *a = group_at(context->rows, *l), *b = group_at(context->rows, *r);
    unsigned sort = context->query->sort;
    bool by_text = sort >= HEAP_SORT_FUNCTION;
    int order = by_text ? compare_texts(context->rows->profile, a, b, sort)
                        : compare_numbers(number_of(a, sort), number_of(b, sort));
    /* As compared, numbers run down and texts run up. */
    if (order && context->query->ascending != by_text)
        order = -order;
    if (!order)
        order = compare_numbers(a->sum.values[HEAP_ALLOC_BYTES], b->sum.values[HEAP_ALLOC_BYTES]);
    return order ? order : (*l > *r) - (*l < *r);
}

static bool keeps(const struct heap_query *query, const struct heap_row *row)
{
    return row->n_stacks > 0 && (query->only == HEAP_COLUMNS || row->sum.values[query->only] > 0);
}

const GArray *heap_rows_query(struct heap_rows *rows, const struct heap_query *query)
{
    place_sites(rows);
    update_sums(rows, query);
    g_array_set_size(rows->order, 0);
    for (uint32_t group = 1; group <= rows->groups->len; group++) {
        const struct heap_row *row = group_at(rows, group);
        if (keeps(query, row) &&
            function_order_matches(rows->profile, row->function, query->filter))
            g_array_append_val(rows->order, group);
    }
    struct sort_context context = {.rows = rows, .query = query};
    g_array_sort_with_data(rows->order, compare_groups, &context);
    g_array_set_size(rows->rows, 0);
    for (guint i = 0; i < rows->order->len; i++)
        g_array_append_vals(rows->rows, group_at(rows, g_array_index(rows->order, uint32_t, i)), 1);
    return rows->rows;
}

/* --- the stacks of a row --- */

struct site_order {
    const GArray *sites;
    enum heap_column column;
};

static gint compare_sites(gconstpointer left, gconstpointer right, gpointer data)
{
    const struct site_order *order = data;
    const uint32_t *l = left, *r = right;
    const struct heap_site *a = &g_array_index(order->sites, struct heap_site, *l);
    const struct heap_site *b = &g_array_index(order->sites, struct heap_site, *r);
    int result = compare_numbers(a->values[order->column], b->values[order->column]);
    if (!result)
        result = compare_numbers(a->values[HEAP_ALLOC_BYTES], b->values[HEAP_ALLOC_BYTES]);
    return result ? result : (*l > *r) - (*l < *r);
}

void heap_row_stacks(const struct heap_rows *rows, const struct heap_row *row,
                     enum heap_column column, GArray *sites)
{
    g_array_set_size(sites, 0);
    uint32_t wanted = *slot_of(rows, (struct line){row->function, row->line});
    struct site_order order = {.sites = rows->profile->heap->sites, .column = column};
    for (uint32_t i = 0; i < rows->group_of->len && wanted; i++) {
        const struct heap_site *site = &g_array_index(order.sites, struct heap_site, i);
        if (g_array_index(rows->group_of, uint32_t, i) == wanted && accepts(rows, site->process))
            g_array_append_val(sites, i);
    }
    g_array_sort_with_data(sites, compare_sites, &order);
}

/* --- life --- */

struct heap_rows *heap_rows_new(const struct profile *profile)
{
    struct heap_rows *rows = g_new0(struct heap_rows, 1);
    rows->profile = profile;
    rows->groups = g_array_new(FALSE, TRUE, sizeof(struct heap_row));
    rows->group_of = g_array_new(FALSE, TRUE, sizeof(uint32_t));
    rows->slots = g_new0(uint32_t, SLOTS_FIRST);
    rows->n_slots = SLOTS_FIRST;
    rows->passed = g_byte_array_new();
    rows->resolved_generation = profile->resolved_generation;
    rows->process = PROFILE_NONE;
    rows->order = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    rows->rows = g_array_new(FALSE, TRUE, sizeof(struct heap_row));
    return rows;
}

void heap_rows_free(struct heap_rows *rows)
{
    if (!rows)
        return;
    g_array_unref(rows->groups);
    g_array_unref(rows->group_of);
    g_free(rows->slots);
    g_byte_array_unref(rows->passed);
    g_array_unref(rows->order);
    g_array_unref(rows->rows);
    g_free(rows);
}
