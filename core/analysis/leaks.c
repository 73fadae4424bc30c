/*
 * What was not freed: the sites of ended processes with live blocks, less what rules suppress.
 */
#include "core/analysis/leaks.h"

#include "core/analysis/leak_matcher.h"
#include "core/base/hash.h"
#include "core/base/sum.h"
#include "core/model/heap_rows.h"

struct search {
    const struct profile *profile;
    const struct leaks_query *query;
    struct leak_matcher *matcher; /* NULL: no rules */
    struct leaks *leaks;
    GHashTable *groups; /* key -> position + 1 of its struct leak */
    GArray *by_rule;    /* struct leak_suppressed, by rule */
    bool *ended;        /* by process: has, and is wanted */
};

static guint hash_key(gconstpointer key)
{
    return (guint)(hash_mix(0, (uint64_t)(uintptr_t)key) >> 32);
}

static void look_at_process(struct search *s, uint32_t process)
{
    const struct heap_process *record = heap_process_find(s->profile->heap, process);
    bool is_process = profile_get_process(s->profile, process)->pid != 0; /* [not sampled] is not */
    bool is_wanted = !s->query->only_process || s->query->process == process;
    s->ended[process] = is_process && is_wanted && heap_process_has_ended(s->profile, process);
    if (!s->ended[process])
        return;
    if (record && heap_process_is_measured(record)) {
        s->leaks->n_processes++;
        s->leaks->is_estimate |= record->was_sampled || record->mode == HEAP_SAMPLED;
    } else {
        s->leaks->n_unmeasured++;
    }
}

static struct leak *leak_at(const struct leaks *leaks, guint i)
{
    return &g_array_index(leaks->rows, struct leak, i);
}

/* The leak that a site belongs to, made on demand. */
static struct leak *leak_of(struct search *s, const struct heap_site *site, uint32_t number)
{
    struct line line = heap_stack_line(s->profile, site->stack);
    uint64_t key = s->query->by_stack ? site->stack : (uint64_t)line.function << 32 | line.line;
    gpointer slot = (gpointer)(uintptr_t)key;
    guint at = GPOINTER_TO_UINT(g_hash_table_lookup(s->groups, slot));
    if (!at) {
        struct leak leak = {.function = line.function, .line = line.line, .site = number};
        leak.sum = (struct heap_site){
            .stack = site->stack, .process = site->process, .youngest_ns = -1, .oldest_ns = -1};
        g_array_append_val(s->leaks->rows, leak);
        at = s->leaks->rows->len;
        g_hash_table_insert(s->groups, slot, GUINT_TO_POINTER(at));
    }
    return leak_at(s->leaks, at - 1);
}

static void add_leak(struct search *s, const struct heap_site *site, uint32_t number)
{
    const struct heap *heap = s->profile->heap;
    struct leak *leak = leak_of(s, site, number);
    const struct heap_site *heaviest = &g_array_index(heap->sites, struct heap_site, leak->site);
    if (site->values[HEAP_LIVE_BYTES] > heaviest->values[HEAP_LIVE_BYTES])
        leak->site = number;
    if (leak->sum.stack != site->stack)
        leak->sum.stack = PROFILE_NONE;
    if (leak->sum.process != site->process)
        leak->sum.process = PROFILE_NONE;
    leak->n_stacks++;
    heap_site_add(&leak->sum, site);
}

static void add_suppressed(struct search *s, const struct heap_site *site, int rule)
{
    struct leak_suppressed *hits = &g_array_index(s->by_rule, struct leak_suppressed, rule);
    sum_add(&hits->blocks, site->values[HEAP_LIVE_BLOCKS]);
    sum_add(&hits->bytes, site->values[HEAP_LIVE_BYTES]);
}

static void add_site(struct search *s, const struct heap_site *site, uint32_t number)
{
    if (!s->ended[site->process] || site->values[HEAP_LIVE_BLOCKS] <= 0)
        return;
    int rule = s->matcher ? leak_matcher_find(s->matcher, site->stack) : LEAK_RULE_NONE;
    if (rule != LEAK_RULE_NONE)
        add_suppressed(s, site, rule);
    else
        add_leak(s, site, number);
}

static int largest_first(int64_t a, int64_t b)
{
    return (a < b) - (a > b);
}

static gint compare_leaks(gconstpointer left, gconstpointer right)
{
    const struct leak *a = left, *b = right;
    int order = largest_first(a->sum.values[HEAP_LIVE_BYTES], b->sum.values[HEAP_LIVE_BYTES]);
    if (!order)
        order = largest_first(a->sum.values[HEAP_LIVE_BLOCKS], b->sum.values[HEAP_LIVE_BLOCKS]);
    return order ? order : (a->site > b->site) - (a->site < b->site);
}

static gint compare_suppressed(gconstpointer left, gconstpointer right)
{
    const struct leak_suppressed *a = left, *b = right;
    int order = largest_first(a->bytes, b->bytes);
    return order ? order : (a->rule > b->rule) - (a->rule < b->rule);
}

static void finish(struct search *s)
{
    struct leaks *leaks = s->leaks;
    g_array_sort(leaks->rows, compare_leaks);
    struct heap_site sum = {0};
    for (guint i = 0; i < leaks->rows->len; i++)
        heap_site_add(&sum, &leak_at(leaks, i)->sum);
    leaks->blocks = sum.values[HEAP_LIVE_BLOCKS];
    leaks->bytes = sum.values[HEAP_LIVE_BYTES];
    for (guint i = 0; i < s->by_rule->len; i++) {
        struct leak_suppressed hits = g_array_index(s->by_rule, struct leak_suppressed, i);
        hits.rule = i;
        sum_add(&leaks->suppressed_blocks, hits.blocks);
        sum_add(&leaks->suppressed_bytes, hits.bytes);
        if (hits.blocks > 0)
            g_array_append_val(leaks->suppressed, hits);
    }
    g_array_sort(leaks->suppressed, compare_suppressed);
}

struct leaks *leaks_find(const struct profile *p, const struct leaks_query *query)
{
    struct leaks *leaks = g_new0(struct leaks, 1);
    leaks->rows = g_array_new(FALSE, FALSE, sizeof(struct leak));
    leaks->suppressed = g_array_new(FALSE, FALSE, sizeof(struct leak_suppressed));
    struct search s = {
        .profile = p,
        .query = query,
        .matcher = query->rules ? leak_matcher_new(query->rules, p) : NULL,
        .leaks = leaks,
        .groups = g_hash_table_new(hash_key, g_direct_equal),
        .by_rule = g_array_new(FALSE, TRUE, sizeof(struct leak_suppressed)),
        .ended = g_new0(bool, p->processes->len + 1),
    };
    g_array_set_size(s.by_rule, query->rules ? leak_rules_count(query->rules) : 0);
    for (uint32_t i = 0; i < p->processes->len; i++)
        look_at_process(&s, i);
    for (uint32_t i = 0; i < p->heap->sites->len; i++)
        add_site(&s, &g_array_index(p->heap->sites, struct heap_site, i), i);
    finish(&s);
    leak_matcher_free(s.matcher);
    g_hash_table_unref(s.groups);
    g_array_unref(s.by_rule);
    g_free(s.ended);
    return leaks;
}

void leaks_free(struct leaks *leaks)
{
    if (!leaks)
        return;
    g_array_unref(leaks->rows);
    g_array_unref(leaks->suppressed);
    g_free(leaks);
}
