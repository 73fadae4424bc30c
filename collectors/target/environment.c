/*
 * See environment.h. The launcher and environment_extend() both append proftop's entries: an
 * LD_PRELOAD of the user's stays where it is, and a second one, ours followed by the user's value,
 * comes last, where glibc's loader finds it. Taking ours out again therefore leaves the user's
 * entries untouched, pointers and all.
 */
#include "collectors/target/environment.h"

#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/wire/program.h"

enum { ENTRIES_MAX = 4096, OWN_ENTRIES_MAX = 5, AUXV_MAX = 128, PRELOAD_VALUE_MAX = 8192 };

#define PRELOAD "LD_PRELOAD="

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_own_entry(const char *entry)
{
    return starts_with(entry, WIRE_ENV_SOCKET "=") || starts_with(entry, WIRE_ENV_TOKEN "=") ||
           starts_with(entry, WIRE_ENV_CHILDREN "=") || starts_with(entry, WIRE_ENV_SECCOMP "=");
}

/* The first place in a LD_PRELOAD value (separated by colons or blanks) that names exactly `path`,
 * or NULL. */
static const char *find_preload(const char *value, const char *path)
{
    size_t length = strlen(path);
    const char *at = value;
    while (length && (at = strstr(at, path))) {
        bool starts = at == value || strchr(": ", at[-1]);
        if (starts && strchr(": ", at[length])) /* matches the NUL too */
            return at;
        at += length;
    }
    return NULL;
}

static size_t count(char *const *envp)
{
    size_t n = 0;
    while (envp && envp[n])
        n++;
    return n;
}

static size_t count_auxv(const Elf64_auxv_t *auxv)
{
    size_t n = 0;
    while (n < AUXV_MAX - 1 && auxv[n].a_type != AT_NULL)
        n++;
    return n + 1;
}

/* "LD_PRELOAD=" and the value without `path` and the separator before or after it. */
static void copy_without(char *copy, const char *entry, const char *found, const char *path)
{
    const char *value = entry + strlen(PRELOAD);
    size_t before = (size_t)(found - entry);
    const char *after = found + strlen(path);
    if (found > value)
        before--;
    else if (*after)
        after++;
    memcpy(copy, entry, before);
    stpcpy(copy + before, after);
}

/*
 * The entry to show instead of a LD_PRELOAD: itself when it is not ours, NULL when it goes, else a
 * copy in `spare`.
 */
static char *shown_preload(char *entry, const char *own_path, bool is_first, char *spare)
{
    const char *found = find_preload(entry + strlen(PRELOAD), own_path);
    if (!found)
        return entry;
    if (!is_first || strcmp(entry + strlen(PRELOAD), own_path) == 0)
        return NULL;
    copy_without(spare, entry, found, own_path);
    return spare;
}

static size_t filter(char **array, char *const *envp, const char *own_path, char *spare)
{
    bool is_first = true;
    size_t n = 0;
    for (size_t i = 0; envp[i]; i++) {
        char *entry = envp[i];
        if (is_own_entry(entry))
            continue;
        if (starts_with(entry, PRELOAD)) {
            entry = shown_preload(entry, own_path, is_first, spare);
            is_first = is_first && !entry;
        }
        if (entry)
            array[n++] = entry;
    }
    array[n] = NULL;
    return n;
}

static size_t longest_preload(char *const *envp)
{
    size_t longest = 0;
    for (size_t i = 0; envp[i]; i++)
        if (starts_with(envp[i], PRELOAD) && strlen(envp[i]) > longest)
            longest = strlen(envp[i]);
    return longest;
}

void environment_hide(const char *own_path, char **stack)
{
    const Elf64_auxv_t *auxv = (const Elf64_auxv_t *)(stack + count(stack) + 1);
    size_t n_auxv = count_auxv(auxv);
    size_t array_bytes = (count(environ) + 1) * sizeof *environ;
    size_t spare_bytes = longest_preload(environ) + 1;
    size_t size = array_bytes + n_auxv * sizeof *auxv + spare_bytes;
    char *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        return;
    char **array = (char **)(void *)room;
    size_t n = filter(array, environ, own_path, room + size - spare_bytes);
    memcpy(array + n + 1, auxv, n_auxv * sizeof *auxv);
    environ = array;
    __environ = array;
}

/* The value of the LD_PRELOAD that the loader would take, the last one; "" when there is none. */
static const char *last_preload(char *const *envp)
{
    const char *value = "";
    for (size_t i = 0; envp && envp[i]; i++)
        if (starts_with(envp[i], PRELOAD))
            value = envp[i] + strlen(PRELOAD);
    return value;
}

size_t environment_room(const struct collector *collector, char *const *envp)
{
    size_t n = count(envp);
    size_t value = strlen(last_preload(envp));
    if (n > ENTRIES_MAX || value > PRELOAD_VALUE_MAX)
        return 0;
    return (n + OWN_ENTRIES_MAX + 1) * sizeof(char *) + sizeof PRELOAD + value + 1 +
           strlen(collector->preload) + 1;
}

/* Ours comes first, so that it stands in front of an allocator of the user's; only a sanitizer must
 * be in front of all. */
static void join_preload(char *entry, const char *value, const char *own_path)
{
    char *end = stpcpy(entry, PRELOAD);
    if (find_preload(value, own_path))
        stpcpy(end, value);
    else if (!*value)
        stpcpy(end, own_path);
    else if (program_has_sanitizer(value))
        stpcpy(stpcpy(stpcpy(end, value), ":"), own_path);
    else
        stpcpy(stpcpy(stpcpy(end, own_path), ":"), value);
}

char **environment_extend(void *room, const struct collector *collector, char *const *envp)
{
    char **array = room;
    size_t total = count(envp);
    char *preload = (char *)(array + total + OWN_ENTRIES_MAX + 1);
    size_t n = 0;
    for (size_t i = 0; i < total; i++)
        if (!is_own_entry(envp[i]))
            array[n++] = envp[i];
    join_preload(preload, last_preload(envp), collector->preload);
    array[n++] = (char *)collector->socket_entry;
    array[n++] = (char *)collector->token_entry;
    array[n++] = (char *)collector->children_entry;
    if (collector->seccomp_entry[0])
        array[n++] = (char *)collector->seccomp_entry;
    array[n++] = preload;
    array[n] = NULL;
    return array;
}
