/*
 * See proc_maps.h. Lines are "start-end perms offset major:minor inode   path"; everything up to
 * the path is the kernel's own and well formed, the path is the target's.
 */
#include "core/target/proc_maps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

/* The number that `*at` begins with; steps over it and the separator behind it. */
static uint64_t take_number(char **at, int base)
{
    uint64_t value = strtoull(*at, at, base);
    if (**at)
        (*at)++;
    return value;
}

/* A newline in a path is written "\012"; nothing else is, not even a backslash. */
static void restore_newlines(char *path)
{
    for (char *at = path; (at = strstr(at, "\\012")); at++) {
        *at = '\n';
        memmove(at + 1, at + 4, strlen(at + 4) + 1);
    }
}

/* Takes a line apart, its newline cut off. False: not executable. */
static bool parse(char *line, struct proc_map *ret_map)
{
    char *at = line;
    struct proc_map map = {.start = take_number(&at, 16), .end = take_number(&at, 16)};
    if (strlen(at) < 5 || at[2] != 'x')
        return false;
    at += 5;
    map.file_offset = take_number(&at, 16);
    unsigned device_major = (unsigned)take_number(&at, 16);
    unsigned device_minor = (unsigned)take_number(&at, 16);
    map.device = makedev(device_major, device_minor);
    map.inode = take_number(&at, 10);
    at += strspn(at, " ");
    restore_newlines(at);
    map.path = *at ? at : "//anon";
    *ret_map = map;
    return map.start < map.end;
}

bool proc_maps_read(pid_t pid, void (*each)(const struct proc_map *map, void *data), void *data)
{
    char path[32], *line = NULL;
    size_t room = 0;
    ssize_t length;
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    while ((length = getline(&line, &room, file)) > 0) {
        struct proc_map map;
        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        if (parse(line, &map))
            each(&map, data);
    }
    bool ok = !ferror(file);
    free(line);
    fclose(file);
    return ok;
}

static void clear_map(gpointer map)
{
    g_free((gpointer)((struct proc_map *)map)->path);
}

static void keep_map(const struct proc_map *map, void *data)
{
    struct proc_map kept = *map;
    kept.path = g_strdup(map->path);
    g_array_append_val((GArray *)data, kept);
}

GArray *proc_maps_list(pid_t pid)
{
    GArray *maps = g_array_new(FALSE, FALSE, sizeof(struct proc_map));
    g_array_set_clear_func(maps, clear_map);
    if (!proc_maps_read(pid, keep_map, maps))
        g_array_set_size(maps, 0);
    return maps;
}
