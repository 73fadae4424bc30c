/*
 * Counters by task and event. A task has a few events per CPU, so a list is searched.
 *
 * Attaching: a thread that is born while events are being opened has inherited them if its parent
 * had them. The kernel's fork records tell, as only events that are enabled, and so complete for
 * their thread, write them. Where the record is missing the thread gets events of its own; should
 * it have inherited some after all, those are echoes and are left out (perf_task_is_echo).
 */
#include "collectors/perf/perf_tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "collectors/perf/perf_record.h"
#include "core/target/proc_tasks.h"

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

bool perf_task_is_echo(const struct perf_task *task, const struct perf_event *event)
{
    return task->events_of != 0 && event && event->fd >= 0 && event->tid != task->events_of;
}

int perf_tasks_open(struct perf_tasks *tasks, struct perf_events *events, int tid, bool enable)
{
    struct perf_task *task = perf_tasks_get(tasks, tid);
    guint first = events->all->len;
    int code = perf_events_open_task(events, tid);
    task->opened_ns = g_get_monotonic_time() * 1000;
    if (enable)
        perf_events_enable(events, first, true);
    return code == -ESRCH ? 0 : code;
}

/* ---- attaching ---- */

struct attaching {
    struct perf_tasks *tasks;
    struct perf_events *events;
    int pid;
    bool enabled;
    GHashTable *covered; /* tids that have events, or are gone */
    uint64_t *looked_at; /* by ring: how far */
};

/* Threads that were born to one that has events. */
static void note_births(struct attaching *a)
{
    for (size_t i = 0; i < a->events->n_cpus; i++) {
        const struct perf_event_header *record;
        struct perf_task_record born;
        perf_ring_refresh(&a->events->rings[i]);
        while ((record = perf_ring_look(&a->events->rings[i], &a->looked_at[i])))
            if (record->type == PERF_RECORD_FORK && perf_record_task(record, &born))
                g_hash_table_add(a->covered, GINT_TO_POINTER(born.tid));
    }
}

/* Opens events for threads that have none. `ret_n`: how many those were. */
static int attach_round(struct attaching *a, guint *ret_n)
{
    GArray *tids = proc_tasks_list(a->pid);
    int code = 0;
    guint n = 0;
    note_births(a);
    for (guint i = 0; i < tids->len && code == 0; i++) {
        int tid = g_array_index(tids, int, i);
        if (!g_hash_table_add(a->covered, GINT_TO_POINTER(tid)))
            continue;
        code = perf_tasks_open(a->tasks, a->events, tid, a->enabled);
        perf_tasks_get(a->tasks, tid)->events_of = tid;
        n++;
    }
    g_array_unref(tids);
    *ret_n = n;
    return code;
}

/* Until no thread is without events, or as often as that makes sense. */
static int attach_rounds(struct attaching *a, int most)
{
    int code = 0;
    guint n = 1;
    for (int round = 0; round < most && n > 0 && code == 0; round++)
        code = attach_round(a, &n);
    return code;
}

/* Why no thread was found: they have ended, or their list could not be opened. */
static int why_no_thread(void)
{
    int spare = open("/", O_PATH | O_CLOEXEC);
    if (spare < 0)
        return -errno;
    close(spare);
    return -ESRCH;
}

int perf_tasks_attach(struct perf_tasks *tasks, struct perf_events *events, int pid)
{
    enum { ROUNDS_DISABLED = 3, ROUNDS_ENABLED = 100 }; /* one or two are the rule */
    struct attaching a = {.tasks = tasks,
                          .events = events,
                          .pid = pid,
                          .covered = g_hash_table_new(NULL, NULL),
                          .looked_at = g_new0(uint64_t, events->n_cpus)};
    int code = attach_rounds(&a, ROUNDS_DISABLED);
    perf_events_enable(events, 0, true);
    a.enabled = true;
    if (code == 0)
        code = attach_rounds(&a, ROUNDS_ENABLED);
    g_hash_table_unref(a.covered);
    g_free(a.looked_at);
    return code == 0 && events->all->len == 0 ? why_no_thread() : code;
}
