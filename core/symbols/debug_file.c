/*
 * Finding and mapping separate debug files.
 *
 * libdwfl could do the search, but it follows absolute names and symbolic links of the target's
 * choice, may ask debuginfod servers, blocks on a FIFO and unpacks without a limit; so the search
 * is ours, and every candidate must prove that it belongs to the file.
 */
#include "core/symbols/debug_file.h"

#include <dlfcn.h>
#include <elfutils/libdwelf.h>
#include <lzma.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>

#include "core/symbols/elf_image.h"

#define DEBUG_DIRECTORY "/usr/lib/debug"

static const size_t crc_max_bytes = (size_t)512 << 20;
static const size_t unpacked_max_bytes = (size_t)64 << 20;

/* What a candidate must match. */
struct identity {
    const uint8_t *build_id;
    size_t build_id_size;
    bool has_crc;
    uint32_t crc;
};

static bool is_note(const char *name, const Elf64_Shdr *header)
{
    (void)name;
    return header->sh_type == SHT_NOTE;
}

/* 1: the build-ids are equal, 0: they differ, -1: one has none. */
static int compare_build_ids(const struct elf_file *file, const struct identity *identity)
{
    Elf *elf = elf_image_open(file, is_note, NULL);
    const void *id = NULL;
    ssize_t size = elf ? dwelf_elf_gnu_build_id(elf, &id) : 0;
    int result = -1;
    if (size > 0 && identity->build_id_size > 0)
        result = (size_t)size == identity->build_id_size &&
                 memcmp(id, identity->build_id, identity->build_id_size) == 0;
    elf_end(elf);
    return result;
}

static bool belongs(const struct elf_file *file, const struct identity *identity)
{
    int ids = compare_build_ids(file, identity);
    if (ids >= 0)
        return ids;
    if (!identity->has_crc || file->size > crc_max_bytes)
        return false;
    const void *bytes = elf_file_at(file, 0, file->size);
    return bytes && crc32_z(0, bytes, file->size) == identity->crc;
}

/* Opens a candidate, which is confined to the root, and takes it when it belongs. */
static struct debug_file *try_file(const char *root, const char *path,
                                   const struct identity *identity)
{
    struct elf_file *elf = elf_file_open_below(root, path, NULL);
    if (!elf || !belongs(elf, identity)) {
        elf_file_unref(elf);
        return NULL;
    }
    struct debug_file *file = g_new0(struct debug_file, 1);
    file->elf = elf;
    return file;
}

void debug_file_free(struct debug_file *file)
{
    if (!file)
        return;
    elf_file_unref(file->elf);
    if (file->unpacked)
        munmap(file->unpacked, file->unpacked_size);
    g_free(file);
}

static struct debug_file *find_by_build_id(const char *root, const struct identity *identity)
{
    GString *path = g_string_new(DEBUG_DIRECTORY "/.build-id/");
    struct debug_file *file = NULL;
    for (size_t i = 0; i < identity->build_id_size; i++)
        g_string_append_printf(path, i == 1 ? "/%02x" : "%02x", identity->build_id[i]);
    g_string_append(path, ".debug");
    if (identity->build_id_size >= 2)
        file = try_file(root, path->str, identity);
    g_string_free(path, TRUE);
    return file;
}

static struct debug_file *find_by_link(const char *root, const char *elf_path, const char *name,
                                       const struct identity *identity)
{
    char *directory = g_path_get_dirname(elf_path);
    char *paths[] = {
        g_strdup_printf("%s/%s", directory, name),
        g_strdup_printf("%s/.debug/%s", directory, name),
        g_strdup_printf(DEBUG_DIRECTORY "%s/%s", directory, name),
    };
    struct debug_file *file = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        if (!file)
            file = try_file(root, paths[i], identity);
        g_free(paths[i]);
    }
    g_free(directory);
    return file;
}

/* The name in .gnu_debuglink when it is a plain file name; it may not lead elsewhere. */
static const char *plain_link_name(const uint8_t *link, size_t size)
{
    const char *name = (const char *)link;
    if (!memchr(link, '\0', MIN(size, 256)) || strchr(name, '/'))
        return NULL;
    return name[0] && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 ? name : NULL;
}

static const char *read_link(const struct elf_file *elf, struct identity *identity)
{
    size_t size = 0;
    const uint8_t *link = elf_image_bytes(elf, ".gnu_debuglink", &size);
    const char *name = link ? plain_link_name(link, size) : NULL;
    size_t crc_at = name ? (strlen(name) + 4) & ~(size_t)3 : 0;
    if (!name || crc_at + sizeof(identity->crc) > size)
        return NULL;
    memcpy(&identity->crc, link + crc_at, sizeof(identity->crc));
    identity->has_crc = true;
    return name;
}

struct debug_file *debug_file_find(const struct elf_file *elf)
{
    struct identity identity = {.build_id = elf->build_id, .build_id_size = elf->build_id_size};
    const char *name = read_link(elf, &identity);
    const char *roots[] = {elf->root ? elf->root : "", ""};
    struct debug_file *file = NULL;
    for (size_t i = roots[0][0] == '\0'; i < G_N_ELEMENTS(roots) && !file; i++) {
        file = find_by_build_id(roots[i], &identity);
        if (!file && name && elf->path && elf->path[0] == '/')
            file = find_by_link(roots[i], elf->path, name, &identity);
    }
    return file;
}

struct debug_file *debug_file_find_supplement(const char *root, const char *link,
                                              const uint8_t *build_id, size_t build_id_size)
{
    struct identity identity = {.build_id = build_id, .build_id_size = build_id_size};
    const char *roots[] = {root, ""};
    const char *name = strstr(link, ".dwz/");
    struct debug_file *file = NULL;
    if (!name || strstr(name, "..") || build_id_size == 0)
        return NULL;
    char *path = g_strconcat(DEBUG_DIRECTORY "/", name, NULL);
    for (size_t i = root[0] == '\0'; i < G_N_ELEMENTS(roots) && !file; i++)
        file = try_file(roots[i], path, &identity);
    g_free(path);
    return file;
}

typedef lzma_ret decode_function(uint64_t *memory_limit, uint32_t flags,
                                 const lzma_allocator *allocator, const uint8_t *in, size_t *in_pos,
                                 size_t in_size, uint8_t *out, size_t *out_pos, size_t out_size);

/* Unpacks into `out`; 0 when the stream is corrupt, too long or wants too much memory. */
static size_t unpack_xz(const uint8_t *packed, size_t packed_size, uint8_t *out, size_t room)
{
    void *library = dlopen("liblzma.so.5", RTLD_LAZY | RTLD_LOCAL);
    decode_function *decode =
        library ? (decode_function *)dlsym(library, "lzma_stream_buffer_decode") : NULL;
    uint64_t memory_limit = unpacked_max_bytes;
    size_t in_pos = 0, out_pos = 0;
    if (decode && decode(&memory_limit, 0, NULL, packed, &in_pos, packed_size, out, &out_pos,
                         room) != LZMA_OK)
        out_pos = 0;
    if (library)
        dlclose(library);
    return out_pos;
}

struct debug_file *debug_file_unpack(const struct elf_file *elf)
{
    size_t packed_size = 0;
    const uint8_t *packed = elf_image_bytes(elf, ".gnu_debugdata", &packed_size);
    if (!packed)
        return NULL;
    void *out = mmap(NULL, unpacked_max_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (out == MAP_FAILED)
        return NULL;
    struct debug_file *file = g_new0(struct debug_file, 1);
    file->unpacked = out;
    file->unpacked_size = unpacked_max_bytes;
    packed_size = unpack_xz(packed, packed_size, out, unpacked_max_bytes);
    file->elf = packed_size ? elf_file_from_memory(out, packed_size, elf->path) : NULL;
    if (file->elf)
        return file;
    debug_file_free(file);
    return NULL;
}
