/*
 * See proc_status.h. Lines are "Key:\tvalue"; in the one with the name the
 * kernel escapes newlines, so no name can pass for another line.
 */
#include "core/target/proc_status.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

/* What stands behind "\nKEY:\t", or "". */
static const char *value_of(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at ? at + strlen(key) : "";
}

static int number_of(const char *text, const char *key)
{
    return (int)strtol(value_of(text, key), NULL, 10);
}

bool proc_status_read(pid_t pid, struct proc_status *ret_status)
{
    char *path = g_strdup_printf("/proc/%d/status", pid), *text = NULL;
    bool ok = g_file_get_contents(path, &text, NULL, NULL);
    g_free(path);
    if (!ok)
        return false;
    char state = *value_of(text, "\nState:\t");
    *ret_status = (struct proc_status){.tgid = number_of(text, "\nTgid:\t"),
                                       .parent_pid = number_of(text, "\nPPid:\t"),
                                       .uid = (uid_t)strtoul(value_of(text, "\nUid:\t"), NULL, 10),
                                       .n_threads = number_of(text, "\nThreads:\t"),
                                       .is_zombie = state == 'Z' || state == 'X',
                                       .has_seccomp = number_of(text, "\nSeccomp:\t") > 0};
    g_free(text);
    return true;
}
