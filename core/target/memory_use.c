/*
 * See memory_use.h. What smaps tells of a mapping is a name, an inode and flags; what is decided by
 * them:
 * - A name that the kernel gave ([heap], [stack], or one of those that glibc 2.39 and later gives
 *   when asked to) is believed. So is an inode: a file, unless the name is one of those that shared
 *   memory has. What the kernel itself maps ([vdso], [vvar]) counts as file.
 * - Private writable memory with a live block in it is the allocator's, the whole of the mapping:
 *   the kernel merges neighbours of the same kind, so that a plain mmap() next to an allocator's
 *   region counts with it.
 * - The stack of a thread has no name. Since Linux 6.7 MAP_STACK leaves the flag "nh", on the guard
 *   below it as well; memory with both, and no block in it, is a stack. On older kernels it is like
 *   any other mapping below which there is a guard, and stays anonymous.
 */
#include "core/target/memory_use.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/target/smaps.h"
#include "core/wire/wire.h"

enum kind { KIND_ALLOCATOR, KIND_ANONYMOUS, KIND_STACK, KIND_FILE, KIND_SHARED, KIND_PROFTOP };

/* The first that fits counts. */
static const struct {
    const char *begin;
    bool is_file; /* has an inode */
    enum kind kind;
} names[] = {
    {"[heap]", false, KIND_ALLOCATOR},
    {"[anon: glibc: malloc", false, KIND_ALLOCATOR},
    {"[stack", false, KIND_STACK}, /* "[stack:TID]" until Linux 4.4 */
    {"[anon: glibc: pthread stack", false, KIND_STACK},
    {"[anon:", false, KIND_ANONYMOUS},
    {"[anon_shmem:", true, KIND_SHARED},
    {"[", false, KIND_FILE},
    {"/memfd:" WIRE_SEGMENT_NAME " (deleted)", true, KIND_PROFTOP},
    {"/memfd:", true, KIND_SHARED},
    {"/dev/zero (deleted)", true, KIND_SHARED},
    {"/SYSV", true, KIND_SHARED},
    {"anon_inode:", true, KIND_SHARED},
};

/* A private mapping of these is anonymous memory. */
static const char *const anonymous_files[] = {"/dev/zero", "/anon_hugepage (deleted)"};

/* Anonymous memory in which a block may lie. */
struct region {
    uint64_t start, end;
    int64_t rss_bytes;
    enum kind kind;
};

struct sorter {
    struct memory_use use;
    GArray *regions;    /* of struct region, lowest address first */
    uint64_t guard_end; /* of the last mapping, when that is a guard as MAP_STACK makes it */
    bool has_mappings;
};

static void count(struct memory_use *use, enum kind kind, int64_t bytes)
{
    int64_t *const parts[] = {
        [KIND_ALLOCATOR] = &use->allocator_bytes, [KIND_ANONYMOUS] = &use->anonymous_bytes,
        [KIND_STACK] = &use->stack_bytes,         [KIND_FILE] = &use->file_bytes,
        [KIND_SHARED] = &use->shared_bytes,       [KIND_PROFTOP] = &use->proftop_bytes};
    use->rss_bytes += bytes;
    *parts[kind] += bytes;
}

static enum kind kind_by_name(const struct smaps_mapping *mapping)
{
    for (size_t i = 0; !mapping->is_shared && i < G_N_ELEMENTS(anonymous_files); i++)
        if (strcmp(mapping->name, anonymous_files[i]) == 0)
            return KIND_ANONYMOUS;
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (names[i].is_file == (mapping->inode != 0) &&
            strncmp(mapping->name, names[i].begin, strlen(names[i].begin)) == 0)
            return names[i].kind;
    if (mapping->inode)
        return KIND_FILE;
    return mapping->is_shared ? KIND_SHARED : KIND_ANONYMOUS;
}

static void sort_in(const struct smaps_mapping *mapping, void *data)
{
    struct sorter *sorter = data;
    enum kind kind = kind_by_name(mapping);
    uint64_t guard_end = sorter->guard_end;
    bool is_guard = !mapping->is_accessible && !mapping->inode && mapping->has_no_huge_pages;
    sorter->guard_end = is_guard ? mapping->end : 0;
    sorter->has_mappings = true;
    if (kind == KIND_ANONYMOUS && mapping->grows_down)
        kind = KIND_STACK;
    if (kind != KIND_ANONYMOUS || !mapping->is_writable) {
        count(&sorter->use, kind, mapping->rss_bytes);
        return;
    }
    struct region region = {mapping->start, mapping->end, mapping->rss_bytes, kind};
    if (mapping->has_no_huge_pages && mapping->start == guard_end)
        region.kind = KIND_STACK;
    g_array_append_val(sorter->regions, region);
}

/* The region that an address is in; NULL: none. */
static struct region *find_region(const GArray *regions, uint64_t address)
{
    struct region *all = (struct region *)(void *)regions->data;
    size_t low = 0, high = regions->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (all[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < regions->len && all[low].start <= address ? &all[low] : NULL;
}

static void sort_out_regions(struct sorter *sorter, const uint64_t *blocks, size_t n)
{
    const struct region *last = NULL; /* blocks come in runs of the same region */
    for (size_t i = 0; i < n; i++) {
        if (last && blocks[i] >= last->start && blocks[i] < last->end)
            continue;
        struct region *region = find_region(sorter->regions, blocks[i]);
        if (region)
            region->kind = KIND_ALLOCATOR;
        last = region;
    }
    for (guint i = 0; i < sorter->regions->len; i++) {
        const struct region *region = &g_array_index(sorter->regions, struct region, i);
        count(&sorter->use, region->kind, region->rss_bytes);
    }
}

bool memory_use_parse(FILE *smaps, const uint64_t *blocks, size_t n, struct memory_use *ret_use)
{
    struct sorter sorter = {.regions = g_array_new(FALSE, FALSE, sizeof(struct region))};
    bool ok = smaps_read(smaps, sort_in, &sorter) && sorter.has_mappings;
    if (ok) {
        sort_out_regions(&sorter, blocks, n);
        *ret_use = sorter.use;
    }
    g_array_unref(sorter.regions);
    return ok;
}

/* Whether the memory that was read is there still; where it went meanwhile, part is missing. */
static bool is_there_still(FILE *smaps)
{
    char byte;
    return pread(fileno(smaps), &byte, 1, 0) == 1;
}

bool memory_use_read(int pid, const uint64_t *blocks, size_t n, struct memory_use *ret_use)
{
    char path[32];
    struct memory_use use;
    snprintf(path, sizeof path, "/proc/%d/smaps", pid);
    FILE *smaps = fopen(path, "re");
    if (!smaps)
        return false;
    bool ok = memory_use_parse(smaps, blocks, n, &use) && is_there_still(smaps);
    fclose(smaps);
    if (ok)
        *ret_use = use;
    return ok;
}

void memory_use_add(struct memory_use *sum, const struct memory_use *more)
{
    sum->rss_bytes += more->rss_bytes;
    sum->allocator_bytes += more->allocator_bytes;
    sum->anonymous_bytes += more->anonymous_bytes;
    sum->stack_bytes += more->stack_bytes;
    sum->file_bytes += more->file_bytes;
    sum->shared_bytes += more->shared_bytes;
    sum->proftop_bytes += more->proftop_bytes;
}
