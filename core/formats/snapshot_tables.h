/*
 * The tables of a pprof file (texts, mappings, functions, locations), read and checked before any
 * sample is looked at: they may stand anywhere in the file, mostly behind the samples.
 *
 * Context: the thread that reads the file.
 */
#ifndef PROFTOP_CORE_FORMATS_SNAPSHOT_TABLES_H
#define PROFTOP_CORE_FORMATS_SNAPSHOT_TABLES_H

#include "core/formats/bounded_arena.h"
#include "core/formats/field_reader.h"
#include "core/formats/id_index.h"
#include "core/model/profile.h"

/* The heap of many processes that did the same packs best, to some 5 bytes for a site of some 490
 * in memory, 100 times as much; what takes more than twice that for its size was made to. */
enum { SNAPSHOT_MEMORY_RATIO = 200 };

enum snapshot_field {
    SNAPSHOT_SAMPLE_TYPE = 1,
    SNAPSHOT_SAMPLE = 2,
    SNAPSHOT_MAPPING = 3,
    SNAPSHOT_LOCATION = 4,
    SNAPSHOT_FUNCTION = 5,
    SNAPSHOT_STRING = 6,
    SNAPSHOT_SCALARS_END = 14, /* 7 to 14: numbers, and what the rest of the header is */
};

/* Texts are indexes, checked. */
struct file_value_type {
    uint32_t type, unit;
};

struct file_mapping {
    uint64_t offset; /* of the record in the unpacked data, for messages */
    uint64_t id;
    uint64_t start, limit, file_offset;
    uint32_t path, build_id;
    uint32_t module; /* in the profile; PROFILE_NONE until it is there */
};

struct file_function {
    uint64_t offset;
    uint32_t name, linkage, file, brief, decl_line;
    uint32_t module, function; /* in the profile: the last answer, for that module */
};

struct file_location {
    uint64_t offset;
    uint64_t mapping_id; /* 0: none */
    uint64_t address;
    uint32_t first_line, n_lines;
    uint32_t mapping; /* its position; PROFILE_NONE: none */
    uint32_t frame;   /* in the profile; PROFILE_NONE until it is there */
};

struct file_line {
    uint64_t function_id; /* 0: none */
    uint32_t function;    /* its position; PROFILE_NONE: none */
    uint32_t line;
};

struct snapshot_tables {
    const struct packed_input *input;
    struct bounded_arena arena;
    uint64_t memory_max; /* bytes that the file may make us use */
    uint64_t charged;    /* of these, what is accounted for */
    uint64_t n_samples;

    GArray *sample_types; /* struct file_value_type */
    GArray *comments;     /* uint32_t, text indexes */
    int64_t time_nanos, duration_nanos;
    uint32_t default_sample_type;

    GByteArray *text_bytes; /* each text ends in a NUL */
    GArray *text_offsets;   /* uint32_t */
    GArray *mappings, *functions, *locations, *lines;
    struct id_index mapping_index, function_index, location_index;
};

/* Reads all tables of the input, which is borrowed. NULL with PROFTOP_ERROR_CORRUPT. Context: one
 * thread. */
struct snapshot_tables *snapshot_tables_read(const struct packed_input *input, GError **error);

/* NULL is allowed. */
void snapshot_tables_free(struct snapshot_tables *tables);

/* A text by its index. Valid as long as the tables. */
const char *snapshot_tables_text(const struct snapshot_tables *tables, uint32_t index);

/* Checks an index of the file's text table: false with an error that names `offset`. */
bool snapshot_tables_check_text(const struct snapshot_tables *tables, int64_t index,
                                uint64_t offset, GError **error);

/*
 * What a file of that many bytes, packed or not, may take in memory: 208 MiB for small ones,
 * SNAPSHOT_MEMORY_RATIO times its size for larger ones, 2 GiB for the largest. Context: any thread.
 */
uint64_t snapshot_tables_memory_max(uint64_t file_size);

/* Accounts for memory that the file makes proftop use; false with an error beyond the limit. */
bool snapshot_tables_charge(struct snapshot_tables *tables, uint64_t bytes, GError **error);

/* Sets PROFTOP_ERROR_CORRUPT "NAME: byte OFFSET of the unpacked data: ..." and returns false. */
bool snapshot_tables_corrupt(const struct snapshot_tables *tables, uint64_t offset, GError **error,
                             const char *format, ...) G_GNUC_PRINTF(4, 5);

/*
 * Unpacks a field with protobuf-c into the arena, which is reset first. NULL with an error that
 * says that `what` is damaged or too large.
 */
void *snapshot_tables_unpack(struct snapshot_tables *tables,
                             const ProtobufCMessageDescriptor *descriptor,
                             const struct field *field, GError **error);

#endif
