/*
 * A pprof file as a profile.
 *
 * Two passes over the packed bytes: the tables first (snapshot_tables.c), then the samples, one by
 * one (snapshot_samples.c). The unpacked file is never held whole, sums cannot overflow, and what
 * the file makes us allocate is charged before; so a hostile file costs bounded memory and one line
 * of error.
 */
#include "core/formats/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/formats/snapshot_calls.h"
#include "core/formats/snapshot_comments.h"
#include "core/formats/snapshot_samples.h"
#include "core/formats/snapshot_tables.h"
#include "core/symbols/demangle.h"

enum { SAMPLES_MAX = 10000000, FUNCTION_COST = 160 };

struct reader {
    struct snapshot_tables *tables;
    struct profile *profile;
    bool ours;         /* written by proftop: names are final */
    GHashTable *kinds; /* mapping id -> enum module_kind + 1 */
};

static const char *text(const struct reader *r, uint32_t index)
{
    return snapshot_tables_text(r->tables, index);
}

static bool read_comments(struct reader *r, GError **error)
{
    const GArray *indexes = r->tables->comments;
    GPtrArray *comments = g_ptr_array_new();
    for (guint i = 0; i < indexes->len; i++)
        g_ptr_array_add(comments, (gpointer)text(r, g_array_index(indexes, uint32_t, i)));
    GError *cause = NULL;
    bool ok = snapshot_comments_read(r->profile, comments, r->kinds, &cause);
    g_ptr_array_unref(comments);
    if (cause) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_CORRUPT, "%s: %s", r->tables->input->name,
                    cause->message);
        g_error_free(cause);
    }
    r->profile->info.start_time_ns = r->tables->time_nanos;
    r->profile->info.duration_ns = MAX(r->tables->duration_nanos, 0);
    return ok;
}

static void read_modules(struct reader *r)
{
    for (guint i = 0; i < r->tables->mappings->len; i++) {
        struct file_mapping *m = &g_array_index(r->tables->mappings, struct file_mapping, i);
        guint kind =
            GPOINTER_TO_UINT(g_hash_table_lookup(r->kinds, GSIZE_TO_POINTER((gsize)m->id)));
        m->module = profile_module(r->profile, text(r, m->path), text(r, m->build_id),
                                   kind ? (enum module_kind)(kind - 1) : MODULE_FILE);
    }
}

/* "module+0xaddress" is no name: true, and the address. */
static bool is_nameless(const struct module *module, const char *name, uint64_t *ret_start)
{
    size_t size = strlen(module->name);
    if (strncmp(name, module->name, size) != 0 || strncmp(name + size, "+0x", 3) != 0)
        return false;
    const char *digits = name + size + 3;
    size_t n = strspn(digits, "0123456789abcdef");
    if (n == 0 || n > 16 || digits[n])
        return false;
    *ret_start = g_ascii_strtoull(digits, NULL, 16);
    return true;
}

/* Names as another writer left them: mangled ones made readable, and short ones for the tables. */
static uint32_t foreign_function(struct reader *r, struct function_spec *spec)
{
    bool mangled = strncmp(spec->name, "_Z", 2) == 0 || strncmp(spec->name, "_R", 2) == 0;
    char *name = mangled ? demangle(spec->name) : g_strdup(spec->name);
    char *brief = demangle_brief(name);
    spec->name = name;
    spec->brief = brief;
    uint32_t id = profile_function(r->profile, spec);
    g_free(brief);
    g_free(name);
    return id;
}

/* The profile's function for one of the file's, which may serve several modules. */
static bool read_function(struct reader *r, struct file_function *f, uint32_t module,
                          GError **error)
{
    if (f->module == module)
        return true;
    if (!snapshot_tables_charge(r->tables, FUNCTION_COST, error))
        return false;
    const char *name = text(r, f->name), *linkage = text(r, f->linkage);
    struct function_spec spec = {.module = module,
                                 .linkage = *linkage ? linkage : name,
                                 .name = *name ? name : linkage,
                                 .brief = f->brief ? text(r, f->brief) : NULL,
                                 .file = text(r, f->file),
                                 .decl_line = f->decl_line};
    f->function = r->ours ? profile_function(r->profile, &spec) : foreign_function(r, &spec);
    f->module = module;
    return true;
}

/* Code that belongs to no named file goes under a name only when it has no other. */
static uint32_t module_of(struct reader *r, const struct file_location *l)
{
    if (l->mapping != PROFILE_NONE) {
        uint32_t id = g_array_index(r->tables->mappings, struct file_mapping, l->mapping).module;
        if (*profile_get_module(r->profile, id)->path)
            return id;
    }
    return profile_module(r->profile, l->n_lines ? "" : PROFILE_MARK_UNKNOWN, NULL, MODULE_FILE);
}

/* As linked, as far as the mapping tells; proftop's own mappings begin at 0. */
static uint64_t address_of(const struct reader *r, const struct file_location *l)
{
    if (l->mapping == PROFILE_NONE)
        return l->address;
    const struct file_mapping *m =
        &g_array_index(r->tables->mappings, struct file_mapping, l->mapping);
    bool inside = l->address >= m->start && l->address < m->limit;
    return inside ? l->address - m->start + m->file_offset : l->address;
}

static bool resolve(struct reader *r, const struct file_location *l, GError **error)
{
    struct line lines[256];
    uint32_t module = profile_get_frame(r->profile, l->frame)->module, n = 0;
    uint64_t start = 0;
    for (uint32_t i = 0; i < MIN(l->n_lines, G_N_ELEMENTS(lines)); i++) {
        const struct file_line *line =
            &g_array_index(r->tables->lines, struct file_line, l->first_line + i);
        if (line->function == PROFILE_NONE)
            continue;
        struct file_function *f =
            &g_array_index(r->tables->functions, struct file_function, line->function);
        const struct module *m = profile_get_module(r->profile, module);
        if (l->n_lines == 1 && is_nameless(m, text(r, f->name), &start))
            break;
        if (!read_function(r, f, module, error))
            return false;
        lines[n++] = (struct line){.function = f->function, .line = line->line};
    }
    profile_resolve(r->profile, l->frame, lines, n, start);
    return true;
}

/* Whether what belongs to no code is a mark, named like its module; else it has names of its own.
 */
static bool is_mark(const struct reader *r, const struct file_location *l, const char *path)
{
    if (l->n_lines == 0)
        return true;
    uint32_t function = g_array_index(r->tables->lines, struct file_line, l->first_line).function;
    if (function == PROFILE_NONE)
        return true;
    const struct file_function *f =
        &g_array_index(r->tables->functions, struct file_function, function);
    return strcmp(text(r, f->name), path) == 0;
}

static bool read_location(struct reader *r, struct file_location *l, GError **error)
{
    struct profile *p = r->profile;
    uint32_t module = module_of(r, l);
    uint64_t address = address_of(r, l);
    const struct module *m = profile_get_module(p, module);
    if (m->kind == MODULE_SPECIAL && is_mark(r, l, m->path)) {
        l->frame = profile_mark(p, m->path);
        return true;
    }
    /* Address 0 says that there is none; one that is taken has other lines this time. */
    l->frame = address ? profile_frame(p, module, address) : 0;
    if (!address || profile_get_frame(p, l->frame)->state == FRAME_RESOLVED)
        l->frame = profile_frame_unique(p, module, address);
    return resolve(r, l, error);
}

static bool read_locations(struct reader *r, GError **error)
{
    for (guint i = 0; i < r->tables->locations->len; i++)
        if (!read_location(r, &g_array_index(r->tables->locations, struct file_location, i), error))
            return false;
    return true;
}

/* Functions that somebody asked to be counted. */
static void read_counted(struct reader *r)
{
    const GArray *comments = r->tables->comments;
    for (guint i = 0; r->ours && i < comments->len; i++) {
        const char *comment = text(r, g_array_index(comments, uint32_t, i));
        uint64_t id = snapshot_calls_get_counted(comment);
        uint32_t at = id ? id_index_find(&r->tables->function_index, id) : PROFILE_NONE;
        if (at == PROFILE_NONE)
            continue;
        const struct file_function *f =
            &g_array_index(r->tables->functions, struct file_function, at);
        if (f->module != PROFILE_NONE)
            g_hash_table_add(r->profile->calls->counted, GUINT_TO_POINTER(f->function));
    }
}

/* What the header of a file of ours says, and another one's samples must tell. */
static void complete_info(struct reader *r)
{
    struct profile *p = r->profile;
    if (r->ours || p->count_metric == PROFILE_NONE)
        return;
    for (guint i = 0; i < p->threads->len; i++)
        p->info.samples += profile_get_thread(p, i)->samples;
}

/* All that stands behind the header. */
static bool read_parts(struct reader *r, struct snapshot_samples *samples, GError **error)
{
    char *name = g_path_get_basename(r->tables->input->name);
    read_modules(r);
    bool ok = read_locations(r, error) && snapshot_samples_read(samples, name, error);
    g_free(name);
    if (ok) {
        complete_info(r);
        read_counted(r);
    }
    return ok;
}

static bool read_all(struct reader *r, GError **error)
{
    if (r->tables->n_samples > SAMPLES_MAX) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_CORRUPT,
                    "%s: has more than %d samples; merge them with `pprof -proto`",
                    r->tables->input->name, SAMPLES_MAX);
        return false;
    }
    const GArray *comments = r->tables->comments;
    r->ours = comments->len > 0 &&
              strcmp(text(r, g_array_index(comments, uint32_t, 0)), "proftop=1") == 0;
    struct snapshot_samples *samples = snapshot_samples_new(r->tables, r->profile, r->ours);
    bool ok = read_comments(r, error) && read_parts(r, samples, error);
    snapshot_samples_free(samples);
    return ok;
}

static struct profile *read_input(const struct packed_input *input, GError **error)
{
    struct snapshot_tables *tables = snapshot_tables_read(input, error);
    if (!tables)
        return NULL;
    struct reader r = {.tables = tables,
                       .profile = profile_new(),
                       .kinds = g_hash_table_new(g_direct_hash, g_direct_equal)};
    if (!read_all(&r, error)) {
        profile_free(r.profile);
        r.profile = NULL;
    }
    g_hash_table_unref(r.kinds);
    snapshot_tables_free(tables);
    return r.profile;
}

struct profile *snapshot_parse(const uint8_t *data, size_t size, const char *name, GError **error)
{
    struct packed_input input = {.data = data, .size = size, .fd = -1, .name = name};
    return read_input(&input, error);
}

struct profile *snapshot_load(const char *path, GError **error)
{
    struct stat st;
    struct profile *profile = NULL;
    /* Not to wait for ever on a FIFO, nor take a terminal for ours. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) != 0) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED, "%s: cannot be opened: %s", path,
                    g_strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED,
                    "%s: is not a regular file; give a snapshot (.pb.gz)", path);
    } else {
        struct packed_input input = {.size = (uint64_t)st.st_size, .fd = fd, .name = path};
        profile = read_input(&input, error);
    }
    if (fd >= 0)
        close(fd);
    return profile;
}
