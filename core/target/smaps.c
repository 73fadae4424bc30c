/*
 * See smaps.h. A mapping is a line as in /proc/PID/maps, "start-end perms offset major:minor inode
 * name", and then about 23 lines "Key:   value", of which two are looked at. The name is the
 * target's; it cannot pass for a line, as the kernel writes a newline in it as "\012". Keys begin
 * with a capital letter, addresses are in small ones.
 */
#include "core/target/smaps.h"

#include <stdlib.h>
#include <string.h>

struct reader {
    struct smaps_mapping mapping; /* whose lines are being read */
    char *name;                   /* its name */
    size_t name_room;
    uint64_t last_end;
    bool has_mapping;
};

/* The number that `*at` begins with; steps over it and the separator behind it. */
static uint64_t take_number(char **at, int base)
{
    uint64_t value = strtoull(*at, at, base);
    if (**at)
        (*at)++;
    return value;
}

static void keep_name(struct reader *reader, const char *name)
{
    size_t size = strlen(name) + 1;
    if (size > reader->name_room) {
        char *room = realloc(reader->name, size);
        if (!room) {
            reader->mapping.name = "";
            return;
        }
        reader->name = room;
        reader->name_room = size;
    }
    memcpy(reader->name, name, size);
    reader->mapping.name = reader->name;
}

static void begin_mapping(struct reader *reader, char *line)
{
    char *at = line;
    struct smaps_mapping mapping = {.start = take_number(&at, 16), .end = take_number(&at, 16)};
    if (mapping.start >= mapping.end || mapping.start < reader->last_end ||
        mapping.end > INT64_MAX || strlen(at) < 5)
        return;
    mapping.is_accessible = memcmp(at, "---", 3) != 0;
    mapping.is_writable = at[1] == 'w';
    mapping.is_shared = at[3] == 's';
    at += 5;
    take_number(&at, 16); /* offset */
    take_number(&at, 16); /* device */
    take_number(&at, 16);
    mapping.inode = take_number(&at, 10);
    reader->mapping = mapping;
    keep_name(reader, at + strspn(at, " "));
    reader->last_end = mapping.end;
    reader->has_mapping = true;
}

static void set_rss(struct smaps_mapping *mapping, const char *value)
{
    uint64_t kilobytes = strtoull(value, NULL, 10), size = mapping->end - mapping->start;
    mapping->rss_bytes = (int64_t)(kilobytes < size / 1024 ? kilobytes * 1024 : size);
}

/* `flags` is two letters and a blank for each. */
static void set_flags(struct smaps_mapping *mapping, const char *flags)
{
    mapping->grows_down = strstr(flags, " gd") != NULL;
    mapping->has_no_huge_pages = strstr(flags, " nh") != NULL;
}

static bool is_address(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool smaps_read(FILE *text, void (*each)(const struct smaps_mapping *mapping, void *data),
                void *data)
{
    struct reader reader = {0};
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    while ((length = getline(&line, &room, text)) > 0) {
        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        if (is_address(line[0])) {
            if (reader.has_mapping)
                each(&reader.mapping, data);
            reader.has_mapping = false;
            begin_mapping(&reader, line);
        } else if (strncmp(line, "Rss:", 4) == 0) {
            set_rss(&reader.mapping, line + 4);
        } else if (strncmp(line, "VmFlags:", 8) == 0) {
            set_flags(&reader.mapping, line + 8);
        }
    }
    bool ok = !ferror(text);
    if (ok && reader.has_mapping)
        each(&reader.mapping, data);
    free(line);
    free(reader.name);
    return ok;
}
