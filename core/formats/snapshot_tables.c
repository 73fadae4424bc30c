/*
 * First pass over a pprof file: everything but the samples.
 *
 * Records are kept small and flat, with the offset where each came from. References between them
 * are checked and turned into positions at the end, because the order of fields is free. All memory
 * that grows with the file is charged to one account before it is used.
 */
#include "core/formats/snapshot_tables.h"

#include <stdarg.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "profile.pb-c.h"

#define TEXTS_MAX (UINT64_C(64) << 20)

/* Of the memory that a file may take. */
#define MEMORY_FLOOR   (UINT64_C(208) << 20)
#define MEMORY_CEILING (UINT64_C(2) << 30)

/* What one record costs in these tables and in the profile, hash tables included. */
enum {
    TEXT_COST = 64,
    MAPPING_COST = 512,
    FUNCTION_COST = 96,
    LOCATION_COST = 512,
    LINE_COST = 40,
    LOCATION_LINES_MAX = 256, /* no compiler inlines deeper */
    COMMENTS_MAX = 1 << 18,
    COMMENT_COST = 64,
    SAMPLE_TYPES_MAX = 1024,
};

bool snapshot_tables_corrupt(const struct snapshot_tables *t, uint64_t offset, GError **error,
                             const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *what = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_CORRUPT,
                "%s: byte %" G_GUINT64_FORMAT " of the unpacked data: %s", t->input->name, offset,
                what);
    g_free(what);
    return false;
}

uint64_t snapshot_tables_memory_max(uint64_t file_size)
{
    /* First the clamp: sizes are hostile too. */
    uint64_t size = MIN(file_size, MEMORY_CEILING);
    return CLAMP(size * SNAPSHOT_MEMORY_RATIO, MEMORY_FLOOR, MEMORY_CEILING);
}

bool snapshot_tables_charge(struct snapshot_tables *t, uint64_t bytes, GError **error)
{
    t->charged += MIN(bytes, t->memory_max);
    if (t->charged <= t->memory_max)
        return true;
    t->charged = t->memory_max;
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_CORRUPT,
                "%s: would take more than %" G_GUINT64_FORMAT " MiB of memory: damaged, or too "
                "large; merge or cut it with `pprof -proto`",
                t->input->name, t->memory_max >> 20);
    return false;
}

void *snapshot_tables_unpack(struct snapshot_tables *t,
                             const ProtobufCMessageDescriptor *descriptor,
                             const struct field *field, GError **error)
{
    bool outermost = descriptor == &pprof__profile__descriptor;
    bounded_arena_reset(&t->arena);
    if (!outermost && field->wire != FIELD_BYTES) {
        snapshot_tables_corrupt(t, field->offset, error, "a %s is no message: not a pprof profile",
                                descriptor->short_name);
        return NULL;
    }
    void *message = protobuf_c_message_unpack(descriptor, &t->arena.allocator,
                                              outermost ? field->whole_size : field->size,
                                              outermost ? field->whole : field->bytes);
    if (!message)
        snapshot_tables_corrupt(t, field->offset, error, "a %s is %s", descriptor->short_name,
                                t->arena.exhausted ? "too large" : "damaged");
    return message;
}

const char *snapshot_tables_text(const struct snapshot_tables *t, uint32_t index)
{
    return (const char *)t->text_bytes->data + g_array_index(t->text_offsets, uint32_t, index);
}

bool snapshot_tables_check_text(const struct snapshot_tables *t, int64_t index, uint64_t offset,
                                GError **error)
{
    if (index >= 0 && index < t->text_offsets->len)
        return true;
    return snapshot_tables_corrupt(t, offset, error,
                                   "text %" G_GINT64_FORMAT " of %u is asked for: damaged", index,
                                   t->text_offsets->len);
}

/* An index before the number of texts is known: one out of all range stays out of range. */
static uint32_t clip(int64_t index)
{
    return index < 0 || index > UINT32_MAX ? UINT32_MAX : (uint32_t)index;
}

static uint32_t clip_line(int64_t line)
{
    return line < 0 || line > INT32_MAX ? 0 : (uint32_t)line;
}

/* What the cleaned copy in the profile may take. */
static uint64_t cleaned_size(const struct field *field)
{
    uint64_t size = field->size;
    for (size_t i = 0; i < field->size; i++)
        size += field->bytes[i] < 0x20 || field->bytes[i] >= 0x7f ? 3 : 0;
    return MIN(size, TEXT_MAX);
}

static bool read_text(struct snapshot_tables *t, const struct field *field, GError **error)
{
    if (field->wire != FIELD_BYTES)
        return snapshot_tables_corrupt(t, field->offset, error,
                                       "a text is no text: not a pprof profile");
    if (t->text_offsets->len == 0 && field->size > 0)
        return snapshot_tables_corrupt(t, field->offset, error,
                                       "the first text is not empty: not a pprof profile");
    if (t->text_bytes->len + field->size > TEXTS_MAX)
        return snapshot_tables_corrupt(t, field->offset, error,
                                       "its texts exceed 64 MiB: damaged, or not a profile");
    if (!snapshot_tables_charge(t, TEXT_COST + field->size + cleaned_size(field), error))
        return false;
    uint32_t offset = t->text_bytes->len;
    g_array_append_val(t->text_offsets, offset);
    g_byte_array_append(t->text_bytes, field->bytes, (guint)field->size);
    g_byte_array_append(t->text_bytes, (const guint8 *)"", 1);
    return true;
}

static bool read_sample_type(struct snapshot_tables *t, const struct field *field, GError **error)
{
    const Pprof__ValueType *type =
        snapshot_tables_unpack(t, &pprof__value_type__descriptor, field, error);
    if (!type)
        return false;
    if (t->sample_types->len == SAMPLE_TYPES_MAX)
        return snapshot_tables_corrupt(t, field->offset, error, "too many sample types");
    struct file_value_type record = {.type = clip(type->type), .unit = clip(type->unit)};
    g_array_append_val(t->sample_types, record);
    return true;
}

static bool read_mapping(struct snapshot_tables *t, const struct field *field, GError **error)
{
    const Pprof__Mapping *m = snapshot_tables_unpack(t, &pprof__mapping__descriptor, field, error);
    if (!m || !snapshot_tables_charge(t, MAPPING_COST, error))
        return false;
    if (m->id == 0)
        return snapshot_tables_corrupt(t, field->offset, error, "a mapping has no id");
    struct file_mapping record = {.offset = field->offset,
                                  .id = m->id,
                                  .start = m->memory_start,
                                  .limit = m->memory_limit,
                                  .file_offset = m->file_offset,
                                  .path = clip(m->filename),
                                  .build_id = clip(m->build_id),
                                  .module = PROFILE_NONE};
    g_array_append_val(t->mappings, record);
    id_index_add(&t->mapping_index, m->id);
    return true;
}

static bool read_function(struct snapshot_tables *t, const struct field *field, GError **error)
{
    const Pprof__Function *f =
        snapshot_tables_unpack(t, &pprof__function__descriptor, field, error);
    if (!f || !snapshot_tables_charge(t, FUNCTION_COST, error))
        return false;
    if (f->id == 0)
        return snapshot_tables_corrupt(t, field->offset, error, "a function has no id");
    struct file_function record = {.offset = field->offset,
                                   .name = clip(f->name),
                                   .linkage = clip(f->system_name),
                                   .file = clip(f->filename),
                                   .brief = clip(f->brief),
                                   .decl_line = clip_line(f->start_line),
                                   .module = PROFILE_NONE};
    g_array_append_val(t->functions, record);
    id_index_add(&t->function_index, f->id);
    return true;
}

static bool read_location(struct snapshot_tables *t, const struct field *field, GError **error)
{
    const Pprof__Location *l =
        snapshot_tables_unpack(t, &pprof__location__descriptor, field, error);
    if (!l)
        return false;
    uint32_t n = (uint32_t)MIN(l->n_line, LOCATION_LINES_MAX);
    if (!snapshot_tables_charge(t, LOCATION_COST + LINE_COST * (uint64_t)n, error))
        return false;
    if (l->id == 0)
        return snapshot_tables_corrupt(t, field->offset, error, "a location has no id");
    struct file_location record = {.offset = field->offset,
                                   .mapping_id = l->mapping_id,
                                   .address = l->address,
                                   .first_line = t->lines->len,
                                   .n_lines = n,
                                   .frame = PROFILE_NONE};
    for (uint32_t i = 0; i < n; i++) {
        struct file_line line = {.function_id = l->line[i]->function_id,
                                 .line = clip_line(l->line[i]->line)};
        g_array_append_val(t->lines, line);
    }
    g_array_append_val(t->locations, record);
    id_index_add(&t->location_index, l->id);
    return true;
}

/* The header's numbers come one by one; later ones count, as in every protocol buffer. */
static bool read_scalars(struct snapshot_tables *t, const struct field *field, GError **error)
{
    const Pprof__Profile *part =
        snapshot_tables_unpack(t, &pprof__profile__descriptor, field, error);
    if (!part)
        return false;
    if (part->time_nanos)
        t->time_nanos = part->time_nanos;
    if (part->duration_nanos)
        t->duration_nanos = part->duration_nanos;
    if (part->default_sample_type)
        t->default_sample_type = clip(part->default_sample_type);
    if (part->n_comment > COMMENTS_MAX - t->comments->len)
        return snapshot_tables_corrupt(t, field->offset, error, "too many comments: damaged");
    for (size_t i = 0; i < part->n_comment; i++) {
        uint32_t text = clip(part->comment[i]);
        g_array_append_val(t->comments, text);
    }
    return snapshot_tables_charge(t, COMMENT_COST * part->n_comment, error);
}

static bool read_field(struct snapshot_tables *t, const struct field *field, GError **error)
{
    switch (field->number) {
    case SNAPSHOT_SAMPLE_TYPE:
        return read_sample_type(t, field, error);
    case SNAPSHOT_SAMPLE:
        t->n_samples++;
        return true;
    case SNAPSHOT_MAPPING:
        return read_mapping(t, field, error);
    case SNAPSHOT_LOCATION:
        return read_location(t, field, error);
    case SNAPSHOT_FUNCTION:
        return read_function(t, field, error);
    case SNAPSHOT_STRING:
        return read_text(t, field, error);
    default:
        return field->number > SNAPSHOT_SCALARS_END || read_scalars(t, field, error);
    }
}

static bool check_texts(const struct snapshot_tables *t, const uint32_t *indexes, size_t n,
                        uint64_t offset, GError **error)
{
    for (size_t i = 0; i < n; i++)
        if (!snapshot_tables_check_text(t, indexes[i], offset, error))
            return false;
    return true;
}

static bool check_header(const struct snapshot_tables *t, GError **error)
{
    if (t->sample_types->len == 0 || t->text_offsets->len == 0) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_CORRUPT,
                    "%s: says nothing about what was measured: not a pprof profile",
                    t->input->name);
        return false;
    }
    const uint32_t *types = (const uint32_t *)(const void *)t->sample_types->data;
    return check_texts(t, types, (size_t)t->sample_types->len * 2, 0, error) &&
           check_texts(t, (const uint32_t *)(const void *)t->comments->data, t->comments->len, 0,
                       error) &&
           check_texts(t, &t->default_sample_type, 1, 0, error);
}

static bool check_mappings(struct snapshot_tables *t, GError **error)
{
    uint32_t twice;
    for (guint i = 0; i < t->mappings->len; i++) {
        const struct file_mapping *m = &g_array_index(t->mappings, struct file_mapping, i);
        if (!check_texts(t, (uint32_t[]){m->path, m->build_id}, 2, m->offset, error))
            return false;
    }
    return id_index_build(&t->mapping_index, &twice) ||
           snapshot_tables_corrupt(t, g_array_index(t->mappings, struct file_mapping, twice).offset,
                                   error, "a second mapping with the same id");
}

static bool check_functions(struct snapshot_tables *t, GError **error)
{
    uint32_t twice;
    for (guint i = 0; i < t->functions->len; i++) {
        const struct file_function *f = &g_array_index(t->functions, struct file_function, i);
        if (!check_texts(t, (uint32_t[]){f->name, f->linkage, f->file, f->brief}, 4, f->offset,
                         error))
            return false;
    }
    return id_index_build(&t->function_index, &twice) ||
           snapshot_tables_corrupt(t,
                                   g_array_index(t->functions, struct file_function, twice).offset,
                                   error, "a second function with the same id");
}

static bool link_location(struct snapshot_tables *t, struct file_location *l, GError **error)
{
    l->mapping = PROFILE_NONE;
    if (l->mapping_id) {
        l->mapping = id_index_find(&t->mapping_index, l->mapping_id);
        if (l->mapping == PROFILE_NONE)
            return snapshot_tables_corrupt(
                t, l->offset, error,
                "a location in mapping %" G_GUINT64_FORMAT ", which is not there", l->mapping_id);
    }
    for (uint32_t i = 0; i < l->n_lines; i++) {
        struct file_line *line = &g_array_index(t->lines, struct file_line, l->first_line + i);
        line->function = PROFILE_NONE;
        if (!line->function_id)
            continue;
        line->function = id_index_find(&t->function_index, line->function_id);
        if (line->function == PROFILE_NONE)
            return snapshot_tables_corrupt(t, l->offset, error,
                                           "a location in function %" G_GUINT64_FORMAT
                                           ", which is not there",
                                           line->function_id);
    }
    return true;
}

static bool link_locations(struct snapshot_tables *t, GError **error)
{
    uint32_t twice;
    for (guint i = 0; i < t->locations->len; i++)
        if (!link_location(t, &g_array_index(t->locations, struct file_location, i), error))
            return false;
    return id_index_build(&t->location_index, &twice) ||
           snapshot_tables_corrupt(t,
                                   g_array_index(t->locations, struct file_location, twice).offset,
                                   error, "a second location with the same id");
}

static struct snapshot_tables *tables_new(const struct packed_input *input)
{
    struct snapshot_tables *t = g_new0(struct snapshot_tables, 1);
    t->input = input;
    t->memory_max = snapshot_tables_memory_max(input->size);
    bounded_arena_init(&t->arena);
    t->sample_types = g_array_new(FALSE, FALSE, sizeof(struct file_value_type));
    t->comments = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    t->text_bytes = g_byte_array_new();
    t->text_offsets = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    t->mappings = g_array_new(FALSE, FALSE, sizeof(struct file_mapping));
    t->functions = g_array_new(FALSE, FALSE, sizeof(struct file_function));
    t->locations = g_array_new(FALSE, FALSE, sizeof(struct file_location));
    t->lines = g_array_new(FALSE, FALSE, sizeof(struct file_line));
    id_index_init(&t->mapping_index);
    id_index_init(&t->function_index);
    id_index_init(&t->location_index);
    return t;
}

struct snapshot_tables *snapshot_tables_read(const struct packed_input *input, GError **error)
{
    struct snapshot_tables *t = tables_new(input);
    struct field_reader *reader = field_reader_new(input);
    struct field field;
    enum field_status status;
    while ((status = field_reader_next(reader, &field, error)) == FIELD_READ)
        if (!read_field(t, &field, error)) {
            status = FIELD_ERROR;
            break;
        }
    field_reader_free(reader);
    if (status == FIELD_END && check_header(t, error) && check_mappings(t, error) &&
        check_functions(t, error) && link_locations(t, error))
        return t;
    snapshot_tables_free(t);
    return NULL;
}

void snapshot_tables_free(struct snapshot_tables *t)
{
    if (!t)
        return;
    bounded_arena_clear(&t->arena);
    g_byte_array_unref(t->text_bytes);
    GArray *arrays[] = {t->sample_types, t->comments,  t->text_offsets, t->mappings,
                        t->functions,    t->locations, t->lines};
    for (size_t i = 0; i < G_N_ELEMENTS(arrays); i++)
        g_array_unref(arrays[i]);
    id_index_clear(&t->mapping_index);
    id_index_clear(&t->function_index);
    id_index_clear(&t->location_index);
    g_free(t);
}
