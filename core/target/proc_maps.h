/*
 * The executable mappings of a running process, from /proc/PID/maps.
 */
#ifndef PROFTOP_CORE_TARGET_PROC_MAPS_H
#define PROFTOP_CORE_TARGET_PROC_MAPS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* One executable range. */
struct proc_map {
    uint64_t start, end, file_offset;
    uint64_t device, inode; /* device as makedev(3) makes it; both 0: no file */
    const char *path;       /* as the kernel names it, " (deleted)" included; "//anon" when it has
                               no name; in proc_maps_read(), valid during the call only */
};

/*
 * Calls `each` for every executable range of the process, lowest address first. False when the maps
 * cannot be read: errno tells why (ESRCH, EACCES); a process without memory (kernel thread, zombie)
 * has no ranges. The process may change while it is read; each range is as it was at some moment.
 * Context: any thread.
 */
bool proc_maps_read(pid_t pid, void (*each)(const struct proc_map *map, void *data), void *data);

/* All of them in an array of struct proc_map that owns their paths; empty when they cannot be read.
 * Free with g_array_unref. Context: any thread. */
GArray *proc_maps_list(pid_t pid);

#endif
