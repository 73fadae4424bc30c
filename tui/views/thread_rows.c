/*
 * Processes and threads in the order in which they are shown.
 */
#include "tui/views/thread_rows.h"

enum { DEPTH_SHOWN = 12 }; /* deeper processes are not indented further */
_Static_assert(DEPTH_SHOWN + 1 < 32, "thread_row.trunks has a bit for each depth");

/* Members of groups as linked lists: threads of processes, children of parents. */
struct groups {
    uint32_t *first; /* by group */
    uint32_t *next;  /* by member */
};

struct tree_walk {
    const struct profile *profile;
    const GArray *cpu;
    GArray *rows;
    struct groups threads, children;
};

static struct thread_row *row_at(const struct tree_walk *walk, guint i)
{
    return &g_array_index(walk->rows, struct thread_row, i);
}

/* ---- order ---- */

static void groups_init(struct groups *groups, guint n_groups, guint n_members)
{
    groups->first = g_new(uint32_t, n_groups + 1);
    groups->next = g_new(uint32_t, n_members + 1);
    for (guint i = 0; i < n_groups; i++)
        groups->first[i] = PROFILE_NONE;
}

static void groups_clear(struct groups *groups)
{
    g_free(groups->first);
    g_free(groups->next);
}

/* Members are added from the last to the first. */
static void groups_add(struct groups *groups, uint32_t group, uint32_t member)
{
    groups->next[member] = groups->first[group];
    groups->first[group] = member;
}

static gint compare_values(gconstpointer left, gconstpointer right, gpointer data)
{
    const int64_t *values = data;
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    if (values[a] != values[b])
        return values[a] < values[b] ? 1 : -1;
    return (a > b) - (a < b);
}

/* Ids 0..n-1, those with the largest values first; NULL values: as they are. Free with g_free. */
static uint32_t *ordered_ids(guint n, int64_t *values)
{
    uint32_t *ids = g_new(uint32_t, n + 1);
    for (guint i = 0; i < n; i++)
        ids[i] = i;
    if (values)
        g_qsort_with_data(ids, (gint)n, sizeof *ids, compare_values, values);
    return ids;
}

/* A parent is older, so its id is smaller; a file that says otherwise has its processes at the top.
 */
static uint32_t parent_of(const struct profile *p, uint32_t process)
{
    uint32_t parent = profile_get_process(p, process)->parent;
    return parent < process ? parent : p->processes->len;
}

/* Time of each process with its descendants'. Free with g_free. */
static int64_t *process_values(const struct profile *p)
{
    guint n = p->processes->len;
    int64_t *values = g_new0(int64_t, n + 1);
    for (guint i = 0; i < p->threads->len; i++)
        values[profile_get_thread(p, i)->process] += profile_get_thread(p, i)->value;
    for (guint i = n; i-- > 0;)
        values[parent_of(p, i)] += values[i]; /* the last one takes what has no parent */
    return values;
}

static int64_t *thread_values(const struct profile *p)
{
    int64_t *values = g_new(int64_t, p->threads->len + 1);
    for (guint i = 0; i < p->threads->len; i++)
        values[i] = profile_get_thread(p, i)->value;
    return values;
}

static void group_threads(struct groups *groups, const struct profile *p, bool by_time)
{
    int64_t *values = by_time ? thread_values(p) : NULL;
    uint32_t *ids = ordered_ids(p->threads->len, values);
    groups_init(groups, p->processes->len, p->threads->len);
    for (guint i = p->threads->len; i-- > 0;)
        groups_add(groups, profile_get_thread(p, ids[i])->process, ids[i]);
    g_free(ids);
    g_free(values);
}

/* The last group holds the processes without a parent. */
static void group_children(struct groups *groups, const struct profile *p, bool by_time)
{
    guint n = p->processes->len;
    int64_t *values = by_time ? process_values(p) : NULL;
    uint32_t *ids = ordered_ids(n, values);
    groups_init(groups, n + 1, n);
    for (guint i = n; i-- > 0;)
        groups_add(groups, parent_of(p, ids[i]), ids[i]);
    g_free(ids);
    g_free(values);
}

/* ---- rows ---- */

static float cpu_of(const struct tree_walk *walk, uint32_t thread)
{
    return thread < walk->cpu->len ? g_array_index(walk->cpu, float, thread) : -1.0f;
}

static void add_thread(struct tree_walk *walk, uint32_t id, int depth, guint process_row)
{
    const struct thread *thread = profile_get_thread(walk->profile, id);
    struct thread_row row = {.process = thread->process,
                             .thread = id,
                             .depth = depth,
                             .ended = thread->ended,
                             .samples = thread->samples,
                             .value = thread->value,
                             .cpu = thread->ended ? 0.0f : cpu_of(walk, id)};
    struct thread_row *process = row_at(walk, process_row);
    process->samples += row.samples;
    process->value += row.value;
    if (row.cpu >= 0)
        process->cpu = MAX(process->cpu, 0) + row.cpu;
    g_array_append_val(walk->rows, row);
}

/* The only thread of a process would say the same once more: it gives its numbers to the row of its
 * process. */
static void join_only_thread(struct tree_walk *walk, guint process_row)
{
    if (walk->rows->len == process_row + 2)
        g_array_set_size(walk->rows, process_row + 1);
}

static void add_process(struct tree_walk *walk, uint32_t id, int depth)
{
    struct thread_row row = {.process = id,
                             .thread = PROFILE_NONE,
                             .depth = depth,
                             .ended = profile_get_process(walk->profile, id)->ended,
                             .cpu = -1.0f};
    guint at = walk->rows->len;
    g_array_append_val(walk->rows, row);
    for (uint32_t t = walk->threads.first[id]; t != PROFILE_NONE; t = walk->threads.next[t])
        add_thread(walk, t, depth + 1, at);
    join_only_thread(walk, at);
}

static void add_children(struct tree_walk *walk, uint32_t parent, int depth)
{
    for (uint32_t i = walk->children.first[parent]; i != PROFILE_NONE; i = walk->children.next[i]) {
        add_process(walk, i, depth);
        add_children(walk, i, MIN(depth + 1, DEPTH_SHOWN));
    }
}

/* A row is the last of its siblings when the next row of at most its depth is higher up. */
static void mark_last_rows(const struct tree_walk *walk)
{
    for (guint i = 0; i < walk->rows->len; i++) {
        guint next = i + 1;
        while (next < walk->rows->len && row_at(walk, next)->depth > row_at(walk, i)->depth)
            next++;
        row_at(walk, i)->last =
            next == walk->rows->len || row_at(walk, next)->depth < row_at(walk, i)->depth;
    }
}

/* Where lines run past a row, from siblings above it to those below. */
static void mark_trunks(const struct tree_walk *walk)
{
    uint32_t open = 0;
    for (guint i = 0; i < walk->rows->len; i++) {
        struct thread_row *row = row_at(walk, i);
        uint32_t own = UINT32_C(1) << row->depth;
        row->trunks = open & (own - 1);
        open = row->last ? row->trunks : row->trunks | own;
    }
}

void thread_rows_fill(const struct profile *profile, bool by_time, const GArray *cpu, GArray *rows)
{
    struct tree_walk walk = {.profile = profile, .cpu = cpu, .rows = rows};
    group_threads(&walk.threads, profile, by_time);
    group_children(&walk.children, profile, by_time);
    g_array_set_size(rows, 0);
    add_children(&walk, profile->processes->len, 0);
    mark_last_rows(&walk);
    mark_trunks(&walk);
    groups_clear(&walk.threads);
    groups_clear(&walk.children);
}
