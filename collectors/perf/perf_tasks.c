/*
 * Counters by task and event. A task has a few events per CPU, so a list is searched.
 */
#include "collectors/perf/perf_tasks.h"

struct count {
    uint64_t event_id, last_ns;
};

static void task_free(gpointer data)
{
    struct perf_task *task = data;
    g_array_unref(task->counts);
    g_free(task);
}

void perf_tasks_init(struct perf_tasks *tasks)
{
    tasks->by_tid = g_hash_table_new_full(NULL, NULL, NULL, task_free);
}

void perf_tasks_clear(struct perf_tasks *tasks)
{
    g_clear_pointer(&tasks->by_tid, g_hash_table_unref);
}

struct perf_task *perf_tasks_find(const struct perf_tasks *tasks, int tid)
{
    return g_hash_table_lookup(tasks->by_tid, GINT_TO_POINTER(tid));
}

struct perf_task *perf_tasks_get(struct perf_tasks *tasks, int tid)
{
    struct perf_task *task = perf_tasks_find(tasks, tid);
    if (task)
        return task;
    task = g_new0(struct perf_task, 1);
    task->counts = g_array_new(FALSE, FALSE, sizeof(struct count));
    g_hash_table_insert(tasks->by_tid, GINT_TO_POINTER(tid), task);
    return task;
}

void perf_tasks_remove(struct perf_tasks *tasks, int tid)
{
    g_hash_table_remove(tasks->by_tid, GINT_TO_POINTER(tid));
}

static struct count *count_of(struct perf_task *task, uint64_t event_id)
{
    for (guint i = 0; i < task->counts->len; i++) {
        struct count *count = &g_array_index(task->counts, struct count, i);
        if (count->event_id == event_id)
            return count;
    }
    struct count count = {.event_id = event_id};
    g_array_append_val(task->counts, count);
    return &g_array_index(task->counts, struct count, task->counts->len - 1);
}

double perf_task_advance(struct perf_task *task, struct perf_event *event, uint64_t count_ns)
{
    if (!event)
        return 0;
    struct count *count = count_of(task, event->id);
    uint64_t more_ns = count_ns > count->last_ns ? count_ns - count->last_ns : 0;
    count->last_ns = count_ns;
    event->accounted_ns += more_ns;
    return (double)more_ns * perf_clock_share(event->which);
}
