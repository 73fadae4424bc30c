/*
 * Kernel symbols: parsing of /proc/kallsyms and the cache of the result.
 *
 * The cache file is the table itself: a header, sorted addresses, offsets of names, names. It is
 * private to the user, made under another name and renamed into place, and bound to the boot, the
 * kernel's release, its first text symbol and the loaded modules. A damaged one can give wrong
 * names, never a wrong access: each lookup checks its offset.
 */
#include "core/symbols/kallsyms.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/base/error.h"

#define CACHE_NAME "kallsyms"

enum {
    SYMBOLS_MAX = 2 << 20,
    FILE_BYTES_MAX = 256 << 20,
    FIRST_BYTES_MAX = 256 << 10, /* read in search of the first text symbol */
    GAP_MAX = 1 << 20,           /* beyond this no symbol reaches */
    NAME_MAX_BYTES = 512,
};

static const char cache_magic[8] = "ptkall1";

struct header {
    char magic[8];
    uint64_t n;
    uint64_t names_bytes;
    uint64_t first_address; /* of the first text symbol */
    uint64_t modules_hash;
    char boot_id[40];
    char release[72];
};

struct kallsyms {
    void *image; /* header, addresses, name offsets, names */
    size_t size;
    bool cached;
    const uint64_t *addresses;
    const uint32_t *offsets;
    const char *names;
    size_t n, names_bytes;
};

/* ---- reading ---- */

static GByteArray *read_file(const char *path, size_t max, GError **error)
{
    GByteArray *bytes = g_byte_array_new();
    size_t chunk = MIN(max, (size_t)1 << 20);
    uint8_t *buffer = g_malloc(chunk);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t got = fd < 0 ? -1 : 0;
    while (fd >= 0 && bytes->len < max &&
           (got = read(fd, buffer, MIN(chunk, max - bytes->len))) > 0)
        g_byte_array_append(bytes, buffer, (guint)got);
    if (got < 0)
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED,
                    "%s: %s (kernel functions stay without names)", path, g_strerror(errno));
    if (fd >= 0)
        close(fd);
    g_free(buffer);
    if (got >= 0)
        return bytes;
    g_byte_array_free(bytes, TRUE);
    return NULL;
}

static void copy_line(const char *path, char *buffer, size_t size)
{
    GByteArray *bytes = read_file(path, size - 1, NULL);
    memset(buffer, 0, size);
    if (!bytes)
        return;
    memcpy(buffer, bytes->data, bytes->len);
    buffer[strcspn(buffer, "\n")] = '\0';
    g_byte_array_free(bytes, TRUE);
}

static uint64_t hash_file(const char *path)
{
    GByteArray *bytes = read_file(path, 4 << 20, NULL);
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */
    for (size_t i = 0; bytes && i < bytes->len; i++)
        hash = (hash ^ bytes->data[i]) * 0x100000001b3;
    if (bytes)
        g_byte_array_free(bytes, TRUE);
    return hash;
}

/* One line: "ffffffff81000000 T _text" and perhaps "\t[module]". */
struct line {
    uint64_t address;
    char type;
    const char *name;
    size_t length;
};

static bool parse_line(const char *text, size_t size, struct line *ret_line)
{
    char number[17] = {0};
    char *end;
    if (size < 20 || text[16] != ' ' || text[18] != ' ')
        return false;
    memcpy(number, text, 16);
    ret_line->address = strtoull(number, &end, 16);
    ret_line->type = text[17];
    ret_line->name = text + 19;
    ret_line->length = MIN(size - 19, NAME_MAX_BYTES);
    return *end == '\0' && strchr("tTwW", ret_line->type);
}

typedef bool visit_line(void *arg, const struct line *line);

/* Visits the lines of code symbols until `visit` says false. */
static void each_line(const GByteArray *bytes, visit_line *visit, void *arg)
{
    const char *at = (const char *)bytes->data, *end = at + bytes->len;
    while (at < end) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        struct line line;
        if (!next || (parse_line(at, (size_t)(next - at), &line) && !visit(arg, &line)))
            return;
        at = next + 1;
    }
}

static bool take_first(void *arg, const struct line *line)
{
    *(uint64_t *)arg = line->address;
    return false;
}

/* What the cache must have been made from. False: the symbols cannot be read. */
static bool read_identity(const struct kallsyms_paths *paths, struct header *ret_header,
                          GError **error)
{
    struct header header = {0};
    struct utsname system;
    GByteArray *start = NULL;
    /* one page is enough as a rule: only kernels with per-CPU symbols at the head need more */
    for (size_t size = 4096; size <= FIRST_BYTES_MAX && header.first_address == 0; size *= 64) {
        if (start)
            g_byte_array_free(start, TRUE);
        start = read_file(paths->kallsyms, size, error);
        if (!start)
            return false;
        each_line(start, take_first, &header.first_address);
        if (start->len < size)
            break;
    }
    if (start)
        g_byte_array_free(start, TRUE);
    memcpy(header.magic, cache_magic, sizeof(header.magic));
    copy_line(paths->boot_id, header.boot_id, sizeof(header.boot_id));
    header.modules_hash = hash_file(paths->modules);
    if (uname(&system) == 0)
        g_strlcpy(header.release, system.release, sizeof(header.release));
    *ret_header = header;
    return true;
}

/* ---- building ---- */

struct symbol {
    uint64_t address;
    uint32_t name;
    uint32_t rank; /* lower is better among aliases */
};

struct build {
    GArray *symbols;
    GByteArray *names;
};

static bool take_symbol(void *arg, const struct line *line)
{
    struct build *build = arg;
    struct symbol symbol = {.address = line->address, .name = build->names->len};
    if (line->address == 0)
        return true;
    while (symbol.rank < line->length && line->name[symbol.rank] == '_')
        symbol.rank++;
    symbol.rank = symbol.rank * 2 + (line->type != 'T');
    g_byte_array_append(build->names, (const uint8_t *)line->name, (guint)line->length);
    char *tab = memchr(build->names->data + symbol.name, '\t', line->length);
    if (tab) /* before the module */
        *tab = ' ';
    g_byte_array_append(build->names, (const uint8_t *)"", 1);
    g_array_append_val(build->symbols, symbol);
    return build->symbols->len < SYMBOLS_MAX;
}

static int compare_symbols(const void *left, const void *right)
{
    const struct symbol *a = left, *b = right;
    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return a->name < b->name ? -1 : a->name > b->name;
}

static void drop_aliases(GArray *symbols)
{
    struct symbol *all = (struct symbol *)(void *)symbols->data;
    guint n = 0;
    for (guint i = 0; i < symbols->len; i++) {
        if (n == 0 || all[n - 1].address != all[i].address)
            all[n++] = all[i];
    }
    g_array_set_size(symbols, n);
}

static GByteArray *serialize(const struct header *identity, const struct build *build)
{
    GByteArray *image = g_byte_array_new();
    struct header header = *identity;
    header.n = build->symbols->len;
    header.names_bytes = build->names->len;
    g_byte_array_append(image, (const uint8_t *)&header, sizeof(header));
    for (guint i = 0; i < build->symbols->len; i++)
        g_byte_array_append(
            image, (const uint8_t *)&g_array_index(build->symbols, struct symbol, i).address, 8);
    for (guint i = 0; i < build->symbols->len; i++)
        g_byte_array_append(
            image, (const uint8_t *)&g_array_index(build->symbols, struct symbol, i).name, 4);
    g_byte_array_append(image, build->names->data, build->names->len);
    return image;
}

static GByteArray *build_image(const struct kallsyms_paths *paths, const struct header *identity,
                               GError **error)
{
    GByteArray *text = read_file(paths->kallsyms, FILE_BYTES_MAX, error);
    struct build build;
    if (!text)
        return NULL;
    build.symbols = g_array_new(FALSE, FALSE, sizeof(struct symbol));
    build.names = g_byte_array_new();
    each_line(text, take_symbol, &build);
    g_array_sort(build.symbols, compare_symbols);
    drop_aliases(build.symbols);
    GByteArray *image = serialize(identity, &build);
    g_array_free(build.symbols, TRUE);
    g_byte_array_free(build.names, TRUE);
    g_byte_array_free(text, TRUE);
    return image;
}

/* ---- cache ---- */

/* Opens the cache directory when it is ours alone. -1: no cache. */
static int open_cache_directory(const char *path)
{
    struct stat status;
    if (!path || g_mkdir_with_parents(path, 0700) != 0)
        return -1;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fstat(fd, &status) == 0 && status.st_uid == geteuid() && (status.st_mode & 077) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool is_usable(int fd, struct stat *ret_status)
{
    return fstat(fd, ret_status) == 0 && S_ISREG(ret_status->st_mode) &&
           ret_status->st_uid == geteuid() && (ret_status->st_mode & 077) == 0 &&
           (size_t)ret_status->st_size >= sizeof(struct header) &&
           ret_status->st_size <= FILE_BYTES_MAX;
}

/* Checks the sizes, so that the three tables lie within the image. */
static bool adopt_image(struct kallsyms *kallsyms, void *image, size_t size)
{
    const struct header *header = image;
    if (header->n > SYMBOLS_MAX || header->names_bytes > FILE_BYTES_MAX ||
        size != sizeof(*header) + header->n * 12 + header->names_bytes)
        return false;
    kallsyms->image = image;
    kallsyms->size = size;
    kallsyms->n = header->n;
    kallsyms->names_bytes = header->names_bytes;
    kallsyms->addresses = (const uint64_t *)(const void *)(header + 1);
    kallsyms->offsets = (const uint32_t *)(const void *)(kallsyms->addresses + header->n);
    kallsyms->names = (const char *)(kallsyms->offsets + header->n);
    return true;
}

static bool same_identity(const struct header *a, const struct header *b)
{
    return memcmp(a->magic, b->magic, sizeof(a->magic)) == 0 &&
           a->first_address == b->first_address && a->modules_hash == b->modules_hash &&
           memcmp(a->boot_id, b->boot_id, sizeof(a->boot_id)) == 0 &&
           memcmp(a->release, b->release, sizeof(a->release)) == 0;
}

static bool open_cache(struct kallsyms *kallsyms, int directory, const struct header *identity)
{
    int fd = openat(directory, CACHE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    void *image = MAP_FAILED;
    struct stat status;
    if (fd >= 0 && is_usable(fd, &status))
        image = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (fd >= 0)
        close(fd);
    if (image == MAP_FAILED)
        return false;
    kallsyms->cached =
        same_identity(image, identity) && adopt_image(kallsyms, image, (size_t)status.st_size);
    if (!kallsyms->cached)
        munmap(image, (size_t)status.st_size);
    return kallsyms->cached;
}

static bool write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written <= 0)
            return false;
        data += written;
        size -= (size_t)written;
    }
    return true;
}

/* Writes the cache under a name that nobody can guess, then renames it into place. Failure only
 * costs time. */
static void write_cache(int directory, const GByteArray *image)
{
    uint64_t random = 0;
    char name[64];
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
        return;
    g_snprintf(name, sizeof(name), ".kallsyms.%016" G_GINT64_MODIFIER "x", random);
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    bool ok = write_all(fd, image->data, image->len);
    ok &= close(fd) == 0;
    if (!ok || renameat(directory, name, directory, CACHE_NAME) != 0)
        unlinkat(directory, name, 0);
}

/* ---- public ---- */

static char *cache_directory(void)
{
    const char *base = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    if (base && base[0] == '/')
        return g_build_filename(base, "proftop", NULL);
    return home && home[0] == '/' ? g_build_filename(home, ".cache", "proftop", NULL) : NULL;
}

struct kallsyms *kallsyms_open(GError **error)
{
    char *cache = cache_directory();
    struct kallsyms_paths paths = {.kallsyms = "/proc/kallsyms",
                                   .modules = "/proc/modules",
                                   .boot_id = "/proc/sys/kernel/random/boot_id",
                                   .cache = cache};
    struct kallsyms *kallsyms = kallsyms_open_at(&paths, error);
    g_free(cache);
    return kallsyms;
}

/* Reads the symbols themselves and leaves a copy in the cache. */
static bool read_symbols(struct kallsyms *kallsyms, const struct kallsyms_paths *paths,
                         const struct header *identity, int directory, GError **error)
{
    GByteArray *image = build_image(paths, identity, error);
    if (!image)
        return false;
    if (directory >= 0)
        write_cache(directory, image);
    size_t size = image->len;
    return adopt_image(kallsyms, g_byte_array_free(image, FALSE), size);
}

struct kallsyms *kallsyms_open_at(const struct kallsyms_paths *paths, GError **error)
{
    struct kallsyms *kallsyms;
    struct header identity;
    if (!read_identity(paths, &identity, error))
        return NULL;
    kallsyms = g_new0(struct kallsyms, 1);
    if (identity.first_address == 0) /* hidden: there is nothing to read */
        return kallsyms;
    int directory = open_cache_directory(paths->cache);
    bool ok = (directory >= 0 && open_cache(kallsyms, directory, &identity)) ||
              read_symbols(kallsyms, paths, &identity, directory, error);
    if (directory >= 0)
        close(directory);
    if (ok)
        return kallsyms;
    kallsyms_free(kallsyms);
    return NULL;
}

void kallsyms_free(struct kallsyms *kallsyms)
{
    if (!kallsyms)
        return;
    if (kallsyms->cached)
        munmap(kallsyms->image, kallsyms->size);
    else
        g_free(kallsyms->image);
    g_free(kallsyms);
}

bool kallsyms_was_cached(const struct kallsyms *kallsyms)
{
    return kallsyms->cached;
}

const char *kallsyms_lookup(const struct kallsyms *kallsyms, uint64_t address, uint64_t *ret_start)
{
    size_t low = 0, high = kallsyms->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (kallsyms->addresses[middle] <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || address - kallsyms->addresses[low - 1] > GAP_MAX)
        return NULL;
    size_t name = kallsyms->offsets[low - 1];
    if (name >= kallsyms->names_bytes ||
        !memchr(kallsyms->names + name, '\0', kallsyms->names_bytes - name))
        return NULL;
    if (ret_start)
        *ret_start = kallsyms->addresses[low - 1];
    return kallsyms->names + name;
}
