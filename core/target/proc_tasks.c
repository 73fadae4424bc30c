/*
 * See proc_tasks.h. A thread may end between listing and reading: every reader says so.
 */
#include "core/target/proc_tasks.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/target/thread_state.h"

/* The whole text of a small file under /proc/PID/task/TID/; NULL when the thread is gone. */
static char *read_task_file(pid_t pid, pid_t tid, const char *name)
{
    char path[64], *text = NULL;
    snprintf(path, sizeof path, "/proc/%d/task/%d/%s", pid, tid, name);
    return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

GArray *proc_tasks_list(pid_t pid)
{
    GArray *tids = g_array_new(FALSE, FALSE, sizeof(int));
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        int tid = (int)strtol(entry->d_name, NULL, 10);
        if (tid > 0)
            g_array_append_val(tids, tid);
    }
    if (folder)
        closedir(folder);
    return tids;
}

static bool has_ended(pid_t pid, pid_t tid)
{
    char state = thread_state(pid, tid);
    return state == 0 || state == 'Z' || state == 'X';
}

pid_t proc_tasks_living(pid_t pid)
{
    if (!has_ended(pid, pid))
        return pid;
    GArray *tids = proc_tasks_list(pid);
    pid_t living = 0;
    for (guint i = 0; i < tids->len && !living; i++)
        if (!has_ended(pid, g_array_index(tids, int, i)))
            living = g_array_index(tids, int, i);
    g_array_unref(tids);
    return living;
}

char *proc_task_name(pid_t pid, pid_t tid)
{
    char *name = read_task_file(pid, tid, "comm");
    if (name && *name)
        name[strlen(name) - 1] = '\0'; /* the kernel's newline; others are the name's own */
    return name;
}

int64_t proc_task_cpu_ns(pid_t pid, pid_t tid)
{
    char *text = read_task_file(pid, tid, "schedstat"), *end = text;
    int64_t cpu_ns = text ? strtoll(text, &end, 10) : -1;
    bool is_number = end != text;
    g_free(text);
    return is_number ? cpu_ns : -1;
}

int64_t proc_process_cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return -1;
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

static void add_children(pid_t pid, pid_t tid, GArray *pids)
{
    char *text = read_task_file(pid, tid, "children"), *at = text;
    for (int child; at && (child = (int)strtol(at, &at, 10)) > 0;)
        g_array_append_val(pids, child);
    g_free(text);
}

GArray *proc_children(pid_t pid, guint threads_max)
{
    GArray *pids = g_array_new(FALSE, FALSE, sizeof(int));
    GArray *tids = proc_tasks_list(pid);
    guint n = tids->len <= threads_max ? tids->len : 1;
    for (guint i = 0; i < n; i++)
        add_children(pid, g_array_index(tids, int, i), pids);
    g_array_unref(tids);
    return pids;
}
