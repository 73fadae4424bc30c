/*
 * See patch_room.h.
 */
#include "collectors/calls/patch_room.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the heap of brk cannot grow any more, allocators go on with mmap(). */
static const uint64_t heap_growth_bytes = 64 << 20, stack_growth_bytes = 16 << 20,
                      highest = UINT64_C(0x7ffffffff000), lowest_ever = 64 << 10;

enum { START_BRK_FIELD = 47 };

struct range {
    uint64_t start, end;
};

struct patch_room {
    GArray *taken;     /* struct range, in no order */
    uint64_t heap_end; /* of brk, as it is now; 0: unknown */
};

void patch_room_take(struct patch_room *room, uint64_t start, uint64_t end)
{
    struct range range = {start, end};
    g_array_append_val(room->taken, range);
}

static char *read_text(const char *path)
{
    char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

static uint64_t lowest_address(void)
{
    char *text = read_text("/proc/sys/vm/mmap_min_addr");
    uint64_t lowest = text ? strtoull(text, NULL, 10) : 0;
    g_free(text);
    return MAX(lowest, lowest_ever);
}

/* Where the heap of brk begins; 0: unknown. The program's name, in brackets, may hold anything. */
static uint64_t heap_start(int pid)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    char *text = read_text(path), *at = text ? strrchr(text, ')') : NULL;
    for (int field = 2; at && field < START_BRK_FIELD; field++) {
        at = strchr(at, ' ');
        at += at != NULL;
    }
    uint64_t start = at ? strtoull(at, NULL, 10) : 0;
    g_free(text);
    return start;
}

static void take_line(struct patch_room *room, const char *line)
{
    char *at;
    uint64_t start = strtoull(line, &at, 16);
    uint64_t end = *at == '-' ? strtoull(at + 1, NULL, 16) : 0;
    if (start >= end)
        return;
    if (g_str_has_suffix(line, "[stack]"))
        start -= MIN(start, stack_growth_bytes);
    if (g_str_has_suffix(line, "[heap]")) {
        room->heap_end = MAX(room->heap_end, end);
        end += heap_growth_bytes;
    }
    patch_room_take(room, start, end);
}

struct patch_room *patch_room_read(int pid)
{
    struct patch_room *room = g_new0(struct patch_room, 1);
    char path[32], *rest = NULL;
    uint64_t heap = heap_start(pid);
    room->taken = g_array_new(FALSE, FALSE, sizeof(struct range));
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    char *text = read_text(path);
    patch_room_take(room, 0, text && *text ? lowest_address() : UINT64_MAX);
    patch_room_take(room, highest, UINT64_MAX);
    room->heap_end = heap;
    if (heap)
        patch_room_take(room, heap, heap + heap_growth_bytes);
    for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest))
        take_line(room, line);
    g_free(text);
    return room;
}

void patch_room_free(struct patch_room *room)
{
    if (!room)
        return;
    g_array_unref(room->taken);
    g_free(room);
}

bool patch_room_is_free(const struct patch_room *room, uint64_t start, uint64_t end)
{
    for (guint i = 0; i < room->taken->len; i++) {
        const struct range *range = &g_array_index(room->taken, struct range, i);
        if (start < range->end && end > range->start)
            return false;
    }
    return start < end;
}

bool patch_room_hinders_heap(const struct patch_room *room, uint64_t start, uint64_t growth_bytes)
{
    return room->heap_end != 0 && start >= room->heap_end && start - room->heap_end < growth_bytes;
}
