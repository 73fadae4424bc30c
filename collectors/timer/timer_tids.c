/*
 * See timer_tids.h. A number may be used again, a serial is not: it is kept with the thread that
 * was found to have the number when its first sample came.
 */
#include "collectors/timer/timer_tids.h"

#include <stdlib.h>
#include <string.h>

#include "core/target/proc_tasks.h"

enum { SERIALS_MOST = 65536 }; /* the process may invent as many as it likes */

int timer_tids_inner(int pid, int tid)
{
    char *path = g_strdup_printf("/proc/%d/task/%d/status", pid, tid), *text = NULL;
    int inner = 0;
    g_file_get_contents(path, &text, NULL, NULL);
    char *at = text ? strstr(text, "\nNSpid:") : NULL;
    if (at) {
        at += strlen("\nNSpid:");
        while (*at == '\t') /* one number for each namespace, the innermost last */
            inner = (int)strtol(at, &at, 10);
    }
    g_free(text);
    g_free(path);
    return inner;
}

void timer_tids_init(struct timer_tids *tids, int pid, int inner_pid)
{
    *tids = (struct timer_tids){.pid = pid,
                                .is_inner = inner_pid > 0 && inner_pid != pid,
                                .by_serial = g_hash_table_new(NULL, NULL),
                                .by_inner = g_hash_table_new(NULL, NULL)};
    if (tids->is_inner)
        g_hash_table_insert(tids->by_inner, GINT_TO_POINTER(inner_pid), GINT_TO_POINTER(pid));
}

void timer_tids_clear(struct timer_tids *tids)
{
    g_hash_table_unref(tids->by_serial);
    g_hash_table_unref(tids->by_inner);
}

int timer_tids_find(struct timer_tids *tids, int inner, uint32_t serial)
{
    if (!tids->is_inner)
        return inner;
    int tid = GPOINTER_TO_INT(g_hash_table_lookup(tids->by_serial, GUINT_TO_POINTER(serial)));
    if (tid)
        return tid;
    tid = GPOINTER_TO_INT(g_hash_table_lookup(tids->by_inner, GINT_TO_POINTER(inner)));
    if (tid == 0 || timer_tids_inner(tids->pid, tid) != inner)
        return 0;
    if (g_hash_table_size(tids->by_serial) >= SERIALS_MOST)
        g_hash_table_remove_all(tids->by_serial);
    g_hash_table_insert(tids->by_serial, GUINT_TO_POINTER(serial), GINT_TO_POINTER(tid));
    return tid;
}

int timer_tids_look(struct timer_tids *tids, int inner, uint32_t serial)
{
    GArray *list = proc_tasks_list(tids->pid);
    g_hash_table_remove_all(tids->by_inner);
    for (guint i = 0; i < list->len; i++) {
        int tid = g_array_index(list, int, i);
        g_hash_table_insert(tids->by_inner, GINT_TO_POINTER(timer_tids_inner(tids->pid, tid)),
                            GINT_TO_POINTER(tid));
    }
    g_array_unref(list);
    return timer_tids_find(tids, inner, serial);
}
