/*
 * Decoding of DWARF line number programs into sorted sequences of rows.
 *
 * Everything is bounded by the program's own bytes: an opcode adds at most one row, and the
 * header's tables take at least one byte an entry. The reader becomes "bad" at the first byte out
 * of bounds and from then on yields zeros.
 */
#include "core/symbols/line_table.h"

#include <dwarf.h>
#include <string.h>

enum {
    PROGRAM_BYTES_MAX = 16 << 20,
    FILES_MAX = 1 << 17,
    PATH_BYTES_MAX = 4096,
    FORMATS_MAX = 16,
    OPCODES_MAX = 256,
};

struct reader {
    const uint8_t *at, *end;
    bool bad;
};

struct row {
    uint64_t address;
    uint32_t file;
    uint32_t line;
};

struct sequence {
    uint64_t low, high; /* [low, high) */
    uint32_t first, n;  /* rows */
};

struct file_entry {
    const char *name; /* ends within its section */
    uint32_t directory;
    char *path; /* NULL until asked for */
};

struct line_table {
    char *compilation_directory;
    uint16_t version;
    GArray *directories; /* const char * */
    GArray *files;       /* struct file_entry */
    GArray *rows;
    GArray *sequences;
};

/* The header's fields that the program needs. */
struct program {
    uint8_t address_size;
    uint8_t offset_size; /* 4, or 8 in 64-bit DWARF */
    uint8_t min_instruction;
    int8_t line_base;
    uint8_t line_range;
    uint8_t opcode_base;
    uint8_t lengths[OPCODES_MAX];
};

struct state {
    uint64_t address;
    uint32_t file;
    int64_t line;
    uint32_t first_row; /* of the open sequence */
};

static uint64_t read_fixed(struct reader *r, size_t size)
{
    uint64_t value = 0;
    if (r->bad || (size_t)(r->end - r->at) < size || size > sizeof(value)) {
        r->bad = true;
        return 0;
    }
    memcpy(&value, r->at, size);
    r->at += size;
    return value;
}

static uint64_t read_uleb(struct reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; !r->bad && r->at < r->end; shift += 7) {
        uint8_t byte = *r->at++;
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    r->bad = true;
    return 0;
}

static int64_t read_sleb(struct reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; !r->bad && r->at < r->end;) {
        uint8_t byte = *r->at++;
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
        if (byte & 0x80)
            continue;
        if (shift < 64 && (byte & 0x40))
            value |= ~(uint64_t)0 << shift;
        return (int64_t)value;
    }
    r->bad = true;
    return 0;
}

static const char *read_string(struct reader *r)
{
    const char *text = (const char *)r->at;
    const uint8_t *end = r->bad ? NULL : memchr(r->at, '\0', (size_t)(r->end - r->at));
    if (!end) {
        r->bad = true;
        return "";
    }
    r->at = end + 1;
    return text;
}

static void skip_bytes(struct reader *r, uint64_t size)
{
    if (r->bad || size > (uint64_t)(r->end - r->at))
        r->bad = true;
    else
        r->at += size;
}

static const char *string_at(const struct line_section *section, uint64_t offset)
{
    if (offset >= section->size || !memchr(section->data + offset, '\0', section->size - offset))
        return "";
    return (const char *)section->data + offset;
}

/* ---- header ---- */

/* One field of a DWARF 5 file or directory entry: a string, or a number. */
struct field {
    const char *text;
    uint64_t number;
};

static struct field read_field(struct reader *r, const struct line_sections *sections,
                               const struct program *program, uint64_t form)
{
    struct field field = {.text = ""};
    switch (form) {
    case DW_FORM_string:
        field.text = read_string(r);
        break;
    case DW_FORM_line_strp:
        field.text = string_at(&sections->line_str, read_fixed(r, program->offset_size));
        break;
    case DW_FORM_strp:
        field.text = string_at(&sections->str, read_fixed(r, program->offset_size));
        break;
    case DW_FORM_udata:
        field.number = read_uleb(r);
        break;
    case DW_FORM_data1:
        field.number = read_fixed(r, 1);
        break;
    case DW_FORM_data2:
        field.number = read_fixed(r, 2);
        break;
    case DW_FORM_data4:
        field.number = read_fixed(r, 4);
        break;
    case DW_FORM_data8:
        field.number = read_fixed(r, 8);
        break;
    case DW_FORM_data16:
        skip_bytes(r, 16);
        break;
    case DW_FORM_block:
        skip_bytes(r, read_uleb(r));
        break;
    default:
        r->bad = true;
    }
    return field;
}

static void add_file(struct line_table *table, const char *name, uint64_t directory)
{
    struct file_entry file = {.name = name, .directory = (uint32_t)MIN(directory, UINT32_MAX)};
    if (table->files->len < FILES_MAX)
        g_array_append_val(table->files, file);
}

/* Reads one of DWARF 5's two entry tables: directories or files. */
static void read_entries(struct line_table *table, struct reader *r,
                         const struct line_sections *sections, const struct program *program,
                         bool are_files)
{
    uint64_t formats[FORMATS_MAX][2];
    size_t n_formats = (size_t)read_fixed(r, 1);
    if (n_formats == 0 || n_formats > FORMATS_MAX) {
        r->bad |= n_formats > 0 || read_uleb(r) > 0;
        return;
    }
    for (size_t i = 0; i < n_formats; i++) {
        formats[i][0] = read_uleb(r);
        formats[i][1] = read_uleb(r);
    }
    uint64_t n = read_uleb(r);
    for (uint64_t i = 0; i < n && !r->bad; i++) {
        struct field path = {.text = ""}, directory = {0};
        const uint8_t *before = r->at;
        for (size_t f = 0; f < n_formats; f++) {
            struct field field = read_field(r, sections, program, formats[f][1]);
            if (formats[f][0] == DW_LNCT_path)
                path = field;
            else if (formats[f][0] == DW_LNCT_directory_index)
                directory = field;
        }
        r->bad |= r->at == before;
        if (are_files)
            add_file(table, path.text, directory.number);
        else
            g_array_append_val(table->directories, path.text);
    }
}

/* The tables of DWARF 2 to 4: directory 0 is the compilation directory, files count from 1. */
static void read_old_entries(struct line_table *table, struct reader *r)
{
    const char *name = table->compilation_directory;
    g_array_append_val(table->directories, name);
    add_file(table, NULL, 0);
    while (!r->bad && *(name = read_string(r)) != '\0')
        g_array_append_val(table->directories, name);
    while (!r->bad && *(name = read_string(r)) != '\0') {
        uint64_t directory = read_uleb(r);
        read_uleb(r); /* time */
        read_uleb(r); /* size */
        add_file(table, name, directory);
    }
}

/* Cuts the reader to the unit and reads up to the header's length field. */
static bool read_unit(struct line_table *table, struct reader *r, struct program *program)
{
    uint64_t length = read_fixed(r, 4);
    program->offset_size = 4;
    if (length == 0xffffffff) {
        length = read_fixed(r, 8);
        program->offset_size = 8;
    }
    if (r->bad || length > (uint64_t)(r->end - r->at) || length > PROGRAM_BYTES_MAX)
        return false;
    r->end = r->at + length;
    table->version = (uint16_t)read_fixed(r, 2);
    program->address_size = 8;
    if (table->version >= 5) {
        program->address_size = (uint8_t)read_fixed(r, 1);
        read_fixed(r, 1); /* segment selector size */
    }
    return !r->bad && table->version >= 2 && table->version <= 5;
}

/* Reads the header; `r` is left at the program's first opcode. */
static bool read_header(struct line_table *table, struct reader *r,
                        const struct line_sections *sections, struct program *program)
{
    if (!read_unit(table, r, program))
        return false;
    uint64_t length = read_fixed(r, program->offset_size);
    if (r->bad || length > (uint64_t)(r->end - r->at))
        return false;
    const uint8_t *start = r->at + length;
    program->min_instruction = (uint8_t)read_fixed(r, 1);
    if (table->version >= 4)
        read_fixed(r, 1); /* operations per instruction: 1 but on VLIW machines */
    read_fixed(r, 1);     /* default_is_stmt */
    program->line_base = (int8_t)read_fixed(r, 1);
    program->line_range = (uint8_t)read_fixed(r, 1);
    program->opcode_base = (uint8_t)read_fixed(r, 1);
    for (int i = 1; i < program->opcode_base; i++)
        program->lengths[i] = (uint8_t)read_fixed(r, 1);
    if (table->version >= 5) {
        read_entries(table, r, sections, program, false);
        read_entries(table, r, sections, program, true);
    } else {
        read_old_entries(table, r);
    }
    if (r->bad || program->line_range == 0)
        return false;
    r->at = start;
    return true;
}

/* ---- program ---- */

/* Adds a row unless it says nothing new: two of three do not, and memory is most of the cost. */
static void add_row(struct line_table *table, const struct state *state)
{
    uint32_t line = state->line > 0 && state->line <= UINT32_MAX ? (uint32_t)state->line : 0;
    struct row row = {.address = state->address, .file = state->file, .line = line};
    struct row *last = table->rows->len > state->first_row
                           ? &g_array_index(table->rows, struct row, table->rows->len - 1)
                           : NULL;
    if (last && last->address == row.address)
        *last = row; /* of several rows at one address the last one counts */
    else if (!last || last->file != row.file || last->line != row.line)
        g_array_append_val(table->rows, row);
}

static void reset_state(const struct line_table *table, struct state *state)
{
    *state = (struct state){.file = 1, .line = 1, .first_row = table->rows->len};
}

/* Sequences of discarded functions begin at 0 (or nearly): they hold no code. */
static void end_sequence(struct line_table *table, struct state *state)
{
    struct sequence sequence = {.high = state->address,
                                .first = state->first_row,
                                .n = table->rows->len - state->first_row};
    if (sequence.n > 0) {
        sequence.low = g_array_index(table->rows, struct row, sequence.first).address;
        if (sequence.low > 1 && sequence.low < sequence.high)
            g_array_append_val(table->sequences, sequence);
    }
    reset_state(table, state);
}

static void run_extended(struct line_table *table, struct reader *r, struct state *state)
{
    uint64_t length = read_uleb(r);
    const uint8_t *start = r->at;
    if (r->bad || length == 0 || length > (uint64_t)(r->end - start)) {
        r->bad = true;
        return;
    }
    uint8_t opcode = (uint8_t)read_fixed(r, 1);
    if (opcode == DW_LNE_end_sequence) {
        end_sequence(table, state);
    } else if (opcode == DW_LNE_set_address) {
        state->address = read_fixed(r, (size_t)length - 1);
    } else if (opcode == DW_LNE_define_file) {
        const char *name = read_string(r);
        add_file(table, name, read_uleb(r));
    }
    r->at = start + length;
}

static void run_standard(struct line_table *table, struct reader *r, struct state *state,
                         const struct program *program, uint8_t opcode)
{
    uint64_t operand;
    switch (opcode) {
    case DW_LNS_copy:
        add_row(table, state);
        break;
    case DW_LNS_advance_pc:
        state->address += read_uleb(r) * program->min_instruction;
        break;
    case DW_LNS_advance_line:
        state->line = (int64_t)((uint64_t)state->line + (uint64_t)read_sleb(r));
        break;
    case DW_LNS_set_file:
        operand = read_uleb(r);
        state->file = (uint32_t)MIN(operand, UINT32_MAX);
        break;
    case DW_LNS_const_add_pc:
        state->address += (uint64_t)((255 - program->opcode_base) / program->line_range) *
                          program->min_instruction;
        break;
    case DW_LNS_fixed_advance_pc:
        state->address += read_fixed(r, 2);
        break;
    default: /* columns, statement flags and the unknown: skip the operands */
        for (int i = 0; i < program->lengths[opcode]; i++)
            read_uleb(r);
    }
}

static void run_program(struct line_table *table, struct reader *r, const struct program *program)
{
    struct state state;
    reset_state(table, &state);
    while (!r->bad && r->at < r->end) {
        uint8_t opcode = *r->at++;
        if (opcode >= program->opcode_base) {
            opcode = (uint8_t)(opcode - program->opcode_base);
            state.address += (uint64_t)(opcode / program->line_range) * program->min_instruction;
            state.line =
                (int64_t)((uint64_t)state.line +
                          (uint64_t)(int64_t)(program->line_base + opcode % program->line_range));
            add_row(table, &state);
        } else if (opcode == 0) {
            run_extended(table, r, &state);
        } else {
            run_standard(table, r, &state, program, opcode);
        }
    }
}

static int compare_sequences(const void *left, const void *right)
{
    const struct sequence *a = left, *b = right;
    return a->low < b->low ? -1 : a->low > b->low;
}

struct line_table *line_table_new(const struct line_sections *sections, uint64_t offset,
                                  const char *compilation_directory)
{
    struct program program = {0};
    if (offset >= sections->line.size)
        return NULL;
    struct reader r = {sections->line.data + offset, sections->line.data + sections->line.size,
                       false};
    struct line_table *table = g_new0(struct line_table, 1);
    table->compilation_directory = g_strdup(compilation_directory ? compilation_directory : "");
    table->directories = g_array_new(FALSE, FALSE, sizeof(const char *));
    table->files = g_array_new(FALSE, FALSE, sizeof(struct file_entry));
    table->rows = g_array_new(FALSE, FALSE, sizeof(struct row));
    table->sequences = g_array_new(FALSE, FALSE, sizeof(struct sequence));
    if (!read_header(table, &r, sections, &program)) {
        line_table_free(table);
        return NULL;
    }
    run_program(table, &r, &program);
    g_array_sort(table->sequences, compare_sequences);
    return table;
}

void line_table_free(struct line_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->files->len; i++)
        g_free(g_array_index(table->files, struct file_entry, i).path);
    g_array_free(table->directories, TRUE);
    g_array_free(table->files, TRUE);
    g_array_free(table->rows, TRUE);
    g_array_free(table->sequences, TRUE);
    g_free(table->compilation_directory);
    g_free(table);
}

size_t line_table_rows(const struct line_table *table)
{
    return table->rows->len;
}

static const struct sequence *find_sequence(const struct line_table *table, uint64_t vaddr)
{
    const struct sequence *sequences = (const struct sequence *)(void *)table->sequences->data;
    size_t low = 0, high = table->sequences->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sequences[middle].low <= vaddr)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && vaddr < sequences[low - 1].high ? &sequences[low - 1] : NULL;
}

bool line_table_find(const struct line_table *table, uint64_t vaddr, uint32_t *ret_file,
                     uint32_t *ret_line)
{
    const struct sequence *sequence = find_sequence(table, vaddr);
    size_t low = 0, high;
    if (!sequence)
        return false;
    const struct row *rows = &g_array_index(table->rows, struct row, sequence->first);
    high = sequence->n;
    while (low < high) { /* the last row at or below: of several at one address the last counts */
        size_t middle = low + (high - low) / 2;
        if (rows[middle].address <= vaddr)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return false;
    *ret_file = rows[low - 1].file;
    *ret_line = rows[low - 1].line;
    return true;
}

static const char *directory_name(const struct line_table *table, uint32_t index)
{
    return index < table->directories->len ? g_array_index(table->directories, const char *, index)
                                           : "";
}

static void append_directory(GString *path, const char *directory)
{
    if (directory[0])
        g_string_append_printf(path, "%.*s/", PATH_BYTES_MAX, directory);
}

static char *join_path(const struct line_table *table, const struct file_entry *file)
{
    const char *directory = directory_name(table, file->directory);
    GString *path = g_string_new(NULL);
    if (file->name[0] != '/') {
        if (directory[0] != '/')
            append_directory(path, table->compilation_directory);
        if (directory[0] == '/' || strcmp(directory, table->compilation_directory) != 0)
            append_directory(path, directory);
    }
    g_string_append_len(path, file->name, (gssize)strnlen(file->name, PATH_BYTES_MAX));
    g_string_truncate(path, MIN(path->len, PATH_BYTES_MAX));
    return g_string_free(path, FALSE);
}

const char *line_table_file(struct line_table *table, uint32_t file)
{
    if (file >= table->files->len)
        return NULL;
    struct file_entry *entry = &g_array_index(table->files, struct file_entry, file);
    if (!entry->name || entry->name[0] == '\0')
        return NULL;
    if (!entry->path)
        entry->path = join_path(table, entry);
    return entry->path;
}
