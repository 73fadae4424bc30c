/*
 * JIT symbols: lines "START SIZE NAME" in hexadecimal, appended while the target runs.
 *
 * Compilers reuse addresses, so entries may overlap and the later one counts. Entries are kept
 * sorted by start with the highest end so far, which bounds the walk back from an address.
 */
#include "core/symbols/perf_map.h"

#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_BYTES_MAX = 256 << 20,
    ENTRIES_MAX = 4 << 20,
    ENTRY_BYTES_MAX = 64 << 20,
    STEPS_MAX = 4096, /* entries looked at on the way back */
    LINE_MAX_BYTES = PERF_MAP_NAME_MAX + 64,
};

struct entry {
    uint64_t start, end;
    uint64_t reach;    /* the highest end of this and all entries before it */
    uint32_t sequence; /* later ones count */
    uint32_t name;     /* offset in the text */
};

struct perf_map {
    char *path;
    uid_t uid;
    int fd;
    ino_t inode;
    uint64_t read;   /* bytes of the file so far */
    uint64_t budget; /* bytes that may still be read: a file that keeps being replaced ends here */
    uint32_t n_lines;
    GString *text; /* NUL-terminated names */
    GString *rest; /* an unfinished last line */
    GArray *entries;
    size_t n_sorted;
};

struct perf_map *perf_map_new_at(const char *path, uid_t uid)
{
    struct perf_map *map = g_new0(struct perf_map, 1);
    map->path = g_strdup(path);
    map->uid = uid;
    map->fd = -1;
    map->budget = 4ULL * FILE_BYTES_MAX;
    map->text = g_string_new(NULL);
    map->rest = g_string_new(NULL);
    map->entries = g_array_new(FALSE, FALSE, sizeof(struct entry));
    return map;
}

static uid_t second_number(const char *text)
{
    char *after_first;
    (void)strtoul(text, &after_first, 10);
    return (uid_t)strtoul(after_first, NULL, 10);
}

/* Reads the process's effective user and its number in its innermost namespace; false when it is
 * gone. */
static bool read_status(pid_t pid, uid_t *ret_uid, int *ret_inner_pid)
{
    char *path = g_strdup_printf("/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    char line[512];
    g_free(path);
    if (!file)
        return false;
    while (fgets(line, sizeof(line), file)) {
        const char *last = strrchr(line, '\t');
        if (g_str_has_prefix(line, "Uid:"))
            *ret_uid = second_number(line + strlen("Uid:"));
        else if (last && g_str_has_prefix(line, "NSpid:"))
            *ret_inner_pid = (int)strtol(last + 1, NULL, 10);
    }
    fclose(file);
    return true;
}

struct perf_map *perf_map_new(pid_t pid)
{
    uid_t uid = geteuid();
    int inner_pid = (int)pid;
    char *path;
    if (read_status(pid, &uid, &inner_pid))
        path = g_strdup_printf("/proc/%d/root/tmp/perf-%d.map", (int)pid, inner_pid);
    else
        path = g_strdup_printf("/tmp/perf-%d.map", (int)pid);
    struct perf_map *map = perf_map_new_at(path, uid);
    g_free(path);
    return map;
}

void perf_map_free(struct perf_map *map)
{
    if (!map)
        return;
    if (map->fd >= 0)
        close(map->fd);
    g_string_free(map->text, TRUE);
    g_string_free(map->rest, TRUE);
    g_array_free(map->entries, TRUE);
    g_free(map->path);
    g_free(map);
}

static void forget_entries(struct perf_map *map)
{
    g_string_truncate(map->text, 0);
    g_string_truncate(map->rest, 0);
    g_array_set_size(map->entries, 0);
    map->n_sorted = 0;
    map->read = 0;
}

static bool is_trusted(const struct perf_map *map, const struct stat *status)
{
    return S_ISREG(status->st_mode) && (status->st_uid == map->uid || status->st_uid == 0) &&
           status->st_size <= FILE_BYTES_MAX;
}

/* Opens the file that has the name now, unless it is the one that is open. */
static void open_file(struct perf_map *map)
{
    int fd = open(map->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat status;
    if (fd < 0)
        return;
    if (fstat(fd, &status) != 0 || !is_trusted(map, &status) ||
        (map->fd >= 0 && status.st_ino == map->inode)) {
        close(fd);
        return;
    }
    if (map->fd >= 0)
        close(map->fd);
    map->fd = fd;
    map->inode = status.st_ino;
    forget_entries(map);
}

/* One line without its end; garbage is ignored. */
static void take_line(struct perf_map *map, char *line)
{
    char *at, *name;
    struct entry entry = {.name = (uint32_t)map->text->len};
    entry.start = g_ascii_strtoull(line, &at, 16);
    if (at == line || *at != ' ' || map->entries->len >= ENTRIES_MAX)
        return;
    uint64_t size = g_ascii_strtoull(at + 1, &name, 16);
    if (name == at + 1 || *name != ' ' || name[1] == '\0' || size == 0 || size > ENTRY_BYTES_MAX ||
        size > UINT64_MAX - entry.start)
        return;
    entry.end = entry.start + size;
    entry.sequence = map->n_lines++;
    g_string_append_len(map->text, name + 1, (gssize)strnlen(name + 1, PERF_MAP_NAME_MAX));
    g_string_append_c(map->text, '\0');
    g_array_append_val(map->entries, entry);
}

/* Takes the finished lines; an endless one is cut. */
static void take_text(struct perf_map *map, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] != '\n') {
            if (map->rest->len < LINE_MAX_BYTES)
                g_string_append_c(map->rest, text[i] ? text[i] : '?');
            continue;
        }
        take_line(map, map->rest->str);
        g_string_truncate(map->rest, 0);
    }
}

static void read_appended(struct perf_map *map)
{
    const size_t chunk = 64 << 10;
    char *buffer = g_malloc(chunk);
    ssize_t got;
    while (map->read < FILE_BYTES_MAX && map->budget > 0 &&
           (got = pread(map->fd, buffer, chunk, (off_t)map->read)) > 0) {
        map->read += (uint64_t)got;
        map->budget -= MIN(map->budget, (uint64_t)got);
        take_text(map, buffer, (size_t)got);
    }
    g_free(buffer);
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

/* Merges the new entries, which are few as a rule, into the sorted ones. */
static void sort_entries(struct perf_map *map)
{
    size_t n = map->entries->len, old = map->n_sorted, new = old;
    struct entry *all = (struct entry *)(void *)map->entries->data;
    uint64_t reach = 0;
    if (n == old)
        return;
    GArray *merged = g_array_sized_new(FALSE, FALSE, sizeof(struct entry), (guint)n);
    qsort(all + old, n - old, sizeof(*all), compare_entries);
    for (size_t i = 0; merged->len < n;) {
        bool take_old = new == n || (i < old && compare_entries(&all[i], &all[new]) < 0);
        struct entry entry = take_old ? all[i++] : all[new ++];
        reach = MAX(reach, entry.end);
        entry.reach = reach;
        g_array_append_val(merged, entry);
    }
    g_array_free(map->entries, TRUE);
    map->entries = merged;
    map->n_sorted = n;
}

static void refresh(struct perf_map *map)
{
    struct stat status;
    if (map->fd < 0)
        open_file(map);
    if (map->fd < 0 || fstat(map->fd, &status) != 0 || !is_trusted(map, &status))
        return;
    if ((uint64_t)status.st_size < map->read)
        forget_entries(map);
    if ((uint64_t)status.st_size > map->read)
        read_appended(map);
    sort_entries(map);
}

static const struct entry *find_entry(const struct perf_map *map, uint64_t address)
{
    const struct entry *all = (const struct entry *)(void *)map->entries->data, *best = NULL;
    size_t low = 0, high = map->n_sorted;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (all[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low; i-- > 0 && low - i <= STEPS_MAX && all[i].reach > address;) {
        if (address < all[i].end && (!best || all[i].sequence > best->sequence))
            best = &all[i];
    }
    return best;
}

bool perf_map_lookup(struct perf_map *map, uint64_t address, char *buffer)
{
    refresh(map);
    const struct entry *entry = find_entry(map, address);
    if (!entry) { /* the runtime may have begun a new file */
        open_file(map);
        refresh(map);
        entry = find_entry(map, address);
    }
    if (entry)
        g_strlcpy(buffer, map->text->str + entry->name, PERF_MAP_NAME_MAX + 1);
    return entry != NULL;
}
