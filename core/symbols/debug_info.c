/*
 * Functions, inlined calls and lines from DWARF, by libdw.
 *
 * Entry trees are walked by die_walk rather than by dwarf_getscopes: that recurses as deep as a
 * hostile file nests, and walks the whole unit for each address. Split units (.dwo) are never
 * opened: their names are paths of the target's choice.
 */
#include "core/symbols/debug_info.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <string.h>

#include "core/symbols/debug_file.h"
#include "core/symbols/die_walk.h"
#include "core/symbols/elf_image.h"
#include "core/symbols/line_table.h"

enum { UNITS_MAX = 1 << 20 };

static const uint64_t debug_bytes_max = 2ULL << 30;

/* What one file may cost in all: entries and ranges that are looked at, and rows of line tables. */
static const int64_t steps_max = 32 << 20;
static const int64_t rows_max = 32 << 20;

struct range {
    uint64_t low, high;
    Dwarf_Off entry; /* the unit's or function's */
};

/* An inlined call within a function, in preorder; `parent` is an index into the same array, -1: the
 * function. */
struct inlined_call {
    uint64_t low, high;
    Dwarf_Off entry;
    int parent;
};

struct unit {
    Dwarf_Die die;
    struct line_table *lines;
    GArray *functions;   /* struct range, sorted by low */
    bool searched_types; /* functions declared inside types are included */
    bool has_functions;  /* false: a skeleton, only lines */
    GHashTable *calls;   /* function's offset -> GArray of struct inlined_call */
};

struct debug_info {
    struct elf_file *file;
    struct debug_file *supplement;
    Elf *elf, *supplement_elf;
    Dwarf *dwarf, *supplement_dwarf;
    struct line_sections sections;
    int64_t steps_left, rows_left;
    GHashTable *units;   /* unit entry's offset -> struct unit */
    GArray *unit_ranges; /* struct range of the units that .debug_aranges does not list; NULL: not
                            read */
};

/* ---- opening ---- */

static bool is_useful_debug_section(const char *name, const Elf64_Shdr *header)
{
    static const char *const unused[] = {".debug_loc",     ".debug_macro", ".debug_pub",
                                         ".debug_gnu_pub", ".debug_frame", ".debug_names"};
    (void)header;
    if (!g_str_has_prefix(name, ".debug_") && !g_str_has_prefix(name, ".zdebug_") &&
        strcmp(name, ".gnu_debugaltlink") != 0)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(unused); i++) {
        if (g_str_has_prefix(name, unused[i]))
            return false;
    }
    return true;
}

static bool no_section(const char *name, const Elf64_Shdr *header)
{
    (void)name, (void)header;
    return false;
}

struct debug_cost debug_info_cost(const struct elf_file *file)
{
    struct debug_cost cost = {0};
    Elf *elf = elf_image_open(file, no_section, NULL);
    Elf64_Shdr *header = NULL;
    if (!elf)
        return cost;
    if (elf_image_section(elf, ".debug_info", &header)) {
        cost.present = header->sh_type != SHT_NOBITS;
        cost.compressed = header->sh_flags & SHF_COMPRESSED;
    } else if (elf_image_section(elf, ".zdebug_info", &header)) {
        cost.present = cost.compressed = true;
    }
    elf_end(elf);
    return cost;
}

static Dwarf *open_dwarf(struct elf_file *file, Elf **ret_elf)
{
    uint64_t total = 0;
    Elf *elf = elf_image_open(file, is_useful_debug_section, &total);
    Dwarf *dwarf =
        elf && total <= debug_bytes_max ? dwarf_begin_elf(elf, DWARF_C_READ, NULL) : NULL;
    if (!dwarf) {
        elf_end(elf);
        return NULL;
    }
    *ret_elf = elf;
    return dwarf;
}

/* Finds what dwz moved into a supplementary file. False: the DWARF needs one that is not there. */
static bool open_supplement(struct debug_info *info)
{
    const char *link = NULL;
    const void *build_id = NULL;
    ssize_t size = dwelf_dwarf_gnu_debugaltlink(info->dwarf, &link, &build_id);
    if (size == 0)
        return true;
    if (size < 0)
        return false;
    info->supplement = debug_file_find_supplement(info->file->root, link, build_id, (size_t)size);
    if (!info->supplement)
        return false;
    info->supplement_dwarf = open_dwarf(info->supplement->elf, &info->supplement_elf);
    if (!info->supplement_dwarf)
        return false;
    dwarf_setalt(info->dwarf, info->supplement_dwarf);
    return true;
}

/* After dwarf_begin_elf, which unpacks the sections in place. */
static struct line_section unpacked_section(Elf *elf, const char *name)
{
    char *old_name = g_strconcat(".z", name + 1, NULL);
    Elf64_Shdr *header = NULL;
    Elf_Scn *section = elf_image_section(elf, name, &header);
    if (!section)
        section = elf_image_section(elf, old_name, &header);
    g_free(old_name);
    Elf_Data *data =
        section && header->sh_type != SHT_NOBITS && !(header->sh_flags & SHF_COMPRESSED)
            ? elf_getdata(section, NULL)
            : NULL;
    return data && data->d_buf ? (struct line_section){data->d_buf, data->d_size}
                               : (struct line_section){0};
}

static void unit_free(void *pointer)
{
    struct unit *unit = pointer;
    line_table_free(unit->lines);
    g_array_free(unit->functions, TRUE);
    g_hash_table_destroy(unit->calls);
    g_free(unit);
}

static void free_array(void *array)
{
    g_array_free(array, TRUE);
}

struct debug_info *debug_info_open(struct elf_file *file)
{
    struct debug_info *info = g_new0(struct debug_info, 1);
    info->file = elf_file_ref(file);
    info->steps_left = steps_max;
    info->rows_left = rows_max;
    info->units = g_hash_table_new_full(NULL, NULL, NULL, unit_free);
    info->dwarf = open_dwarf(file, &info->elf);
    if (!info->dwarf || !open_supplement(info)) {
        debug_info_free(info);
        return NULL;
    }
    info->sections.line = unpacked_section(info->elf, ".debug_line");
    info->sections.line_str = unpacked_section(info->elf, ".debug_line_str");
    info->sections.str = unpacked_section(info->elf, ".debug_str");
    return info;
}

void debug_info_free(struct debug_info *info)
{
    if (!info)
        return;
    g_hash_table_destroy(info->units);
    if (info->unit_ranges)
        g_array_free(info->unit_ranges, TRUE);
    dwarf_end(info->dwarf);
    dwarf_end(info->supplement_dwarf);
    elf_end(info->elf);
    elf_end(info->supplement_elf);
    debug_file_free(info->supplement);
    elf_file_unref(info->file);
    g_free(info);
}

/* ---- entries ---- */

static void append_range(void *array, Dwarf_Die *die, uint64_t low, uint64_t high)
{
    struct range range = {low, high, dwarf_dieoffset(die)};
    g_array_append_val((GArray *)array, range);
}

static int compare_ranges(const void *left, const void *right)
{
    const struct range *a = left, *b = right;
    return a->low < b->low ? -1 : a->low > b->low;
}

/* The entry of the last range that holds `vaddr`, looking back a little as ranges may nest. 0:
 * none. */
static Dwarf_Off find_range(const GArray *ranges, uint64_t vaddr)
{
    const struct range *all = (const struct range *)(void *)ranges->data;
    size_t low = 0, high = ranges->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (all[middle].low <= vaddr)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low; i-- > 0 && low - i <= 16;) {
        if (vaddr < all[i].high)
            return all[i].entry;
    }
    return 0;
}

/* ---- units ---- */

struct function_search {
    GArray *functions;
    bool in_types;
    int64_t *steps_left;
};

static enum die_descent visit_unit_entry(void *arg, Dwarf_Die *die, size_t level)
{
    struct function_search *search = arg;
    (void)level;
    switch (dwarf_tag(die)) {
    case DW_TAG_subprogram:
        die_ranges(die, append_range, search->functions, search->steps_left);
        return search->in_types ? DIE_DESCENT_INTO : DIE_DESCENT_OVER;
    case DW_TAG_namespace:
    case DW_TAG_module:
        return DIE_DESCENT_INTO;
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type:
    case DW_TAG_lexical_block:
        return search->in_types ? DIE_DESCENT_INTO : DIE_DESCENT_OVER;
    default:
        return DIE_DESCENT_OVER;
    }
}

static void find_functions(struct debug_info *info, struct unit *unit, bool in_types)
{
    struct function_search search = {unit->functions, in_types, &info->steps_left};
    g_array_set_size(unit->functions, 0);
    die_walk(&unit->die, visit_unit_entry, &search, &info->steps_left);
    g_array_sort(unit->functions, compare_ranges);
}

static struct line_table *read_lines(struct debug_info *info, Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    Dwarf_Word offset;
    if (info->rows_left <= 0 ||
        dwarf_formudata(dwarf_attr(die, DW_AT_stmt_list, &attribute), &offset) != 0)
        return NULL;
    struct line_table *lines = line_table_new(
        &info->sections, offset, dwarf_formstring(dwarf_attr(die, DW_AT_comp_dir, &attribute)));
    info->rows_left -= lines ? (int64_t)line_table_rows(lines) : 0;
    return lines;
}

static struct unit *unit_at(struct debug_info *info, Dwarf_Off offset)
{
    struct unit *unit = g_hash_table_lookup(info->units, GSIZE_TO_POINTER(offset));
    Dwarf_Die die;
    if (unit)
        return unit;
    if (!dwarf_offdie(info->dwarf, offset, &die))
        return NULL;
    unit = g_new0(struct unit, 1);
    unit->die = die;
    unit->lines = read_lines(info, &die);
    unit->functions = g_array_new(FALSE, FALSE, sizeof(struct range));
    unit->calls = g_hash_table_new_full(NULL, NULL, NULL, free_array);
    unit->has_functions =
        !dwarf_hasattr(&die, DW_AT_dwo_name) && !dwarf_hasattr(&die, DW_AT_GNU_dwo_name);
    if (unit->has_functions)
        find_functions(info, unit, false);
    g_hash_table_insert(info->units, GSIZE_TO_POINTER(offset), unit);
    return unit;
}

static GHashTable *units_in_aranges(Dwarf_Aranges *aranges, size_t n)
{
    GHashTable *set = g_hash_table_new(NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        Dwarf_Addr start;
        Dwarf_Word length;
        Dwarf_Off offset;
        Dwarf_Arange *arange = dwarf_onearange(aranges, i);
        if (arange && dwarf_getarangeinfo(arange, &start, &length, &offset) == 0)
            g_hash_table_add(set, GSIZE_TO_POINTER(offset));
    }
    return set;
}

/* The ranges of those units that .debug_aranges leaves out (clang and rustc write none). */
static void read_unit_ranges(struct debug_info *info, Dwarf_Aranges *aranges, size_t n)
{
    GHashTable *listed = units_in_aranges(aranges, n);
    Dwarf_Off offset = 0, next;
    size_t header_size;
    info->unit_ranges = g_array_new(FALSE, FALSE, sizeof(struct range));
    for (size_t i = 0; i < UNITS_MAX; i++) {
        Dwarf_Die die;
        if (dwarf_nextcu(info->dwarf, offset, &next, &header_size, NULL, NULL, NULL) != 0 ||
            next <= offset)
            break;
        if (!g_hash_table_contains(listed, GSIZE_TO_POINTER(offset + header_size)) &&
            dwarf_offdie(info->dwarf, offset + header_size, &die))
            die_ranges(&die, append_range, info->unit_ranges, &info->steps_left);
        offset = next;
    }
    g_array_sort(info->unit_ranges, compare_ranges);
    g_hash_table_destroy(listed);
}

static struct unit *find_unit(struct debug_info *info, uint64_t vaddr)
{
    Dwarf_Aranges *aranges = NULL;
    size_t n = 0;
    Dwarf_Off offset;
    if (dwarf_getaranges(info->dwarf, &aranges, &n) != 0)
        n = 0;
    Dwarf_Arange *arange = n > 0 ? dwarf_getarange_addr(aranges, vaddr) : NULL;
    if (arange && dwarf_getarangeinfo(arange, NULL, NULL, &offset) == 0)
        return unit_at(info, offset);
    if (!info->unit_ranges)
        read_unit_ranges(info, aranges, n);
    offset = find_range(info->unit_ranges, vaddr);
    return offset ? unit_at(info, offset) : NULL;
}

/* ---- functions ---- */

struct call_search {
    GArray *calls;
    int64_t *steps_left;
    int parents[DIE_WALK_DEPTH_MAX + 1]; /* by level: the call that encloses the entries there */
    int current;                         /* parent of the entry that is being visited */
};

static void append_call(void *arg, Dwarf_Die *die, uint64_t low, uint64_t high)
{
    struct call_search *search = arg;
    struct inlined_call call = {low, high, dwarf_dieoffset(die), search->current};
    g_array_append_val(search->calls, call);
}

static enum die_descent visit_function_entry(void *arg, Dwarf_Die *die, size_t level)
{
    struct call_search *search = arg;
    int tag = dwarf_tag(die);
    if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block &&
        tag != DW_TAG_try_block && tag != DW_TAG_catch_block)
        return DIE_DESCENT_OVER;
    search->current = search->parents[level];
    search->parents[level + 1] = search->current;
    if (tag == DW_TAG_inlined_subroutine) {
        if (!die_ranges(die, append_call, search, search->steps_left))
            return DIE_DESCENT_OVER;
        search->parents[level + 1] = (int)search->calls->len - 1;
    }
    return DIE_DESCENT_INTO;
}

static const GArray *function_calls(struct debug_info *info, struct unit *unit, Dwarf_Die *function)
{
    void *key = GSIZE_TO_POINTER(dwarf_dieoffset(function));
    GArray *calls = g_hash_table_lookup(unit->calls, key);
    if (calls)
        return calls;
    calls = g_array_new(FALSE, FALSE, sizeof(struct inlined_call));
    struct call_search *search = g_new0(struct call_search, 1);
    search->calls = calls;
    search->steps_left = &info->steps_left;
    search->parents[0] = -1;
    die_walk(function, visit_function_entry, search, &info->steps_left);
    g_free(search);
    g_hash_table_insert(unit->calls, key, calls);
    return calls;
}

/* Index of the innermost call at `vaddr`: in preorder that is the last one. -1: none. */
static int innermost_call(const GArray *calls, uint64_t vaddr)
{
    const struct inlined_call *all = (const struct inlined_call *)(void *)calls->data;
    for (int i = (int)calls->len - 1; i >= 0; i--) {
        if (all[i].low <= vaddr && vaddr < all[i].high)
            return i;
    }
    return -1;
}

static const char *string_attribute(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    return dwarf_formstring(dwarf_attr_integrate(die, name, &attribute));
}

static uint32_t number_attribute(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value;
    if (dwarf_formudata(dwarf_attr(die, name, &attribute), &value) != 0 || value > UINT32_MAX)
        return 0;
    return (uint32_t)value;
}

static void name_frame(Dwarf_Die *die, struct debug_frame *frame)
{
    Dwarf_Attribute attribute;
    Dwarf_Word line;
    frame->linkage = string_attribute(die, DW_AT_linkage_name);
    if (!frame->linkage)
        frame->linkage = string_attribute(die, DW_AT_MIPS_linkage_name);
    frame->name = string_attribute(die, DW_AT_name);
    if (dwarf_formudata(dwarf_attr_integrate(die, DW_AT_decl_line, &attribute), &line) == 0 &&
        line <= UINT32_MAX)
        frame->decl_line = (uint32_t)line;
}

/* The place of a call in the function around it. */
static void place_caller(struct unit *unit, Dwarf_Die *call, struct debug_frame *caller)
{
    caller->line = number_attribute(call, DW_AT_call_line);
    caller->file =
        unit->lines ? line_table_file(unit->lines, number_attribute(call, DW_AT_call_file)) : NULL;
}

static Dwarf_Off find_function(struct debug_info *info, struct unit *unit, uint64_t vaddr)
{
    Dwarf_Off offset = find_range(unit->functions, vaddr);
    if (offset || unit->searched_types || !unit->has_functions)
        return offset;
    unit->searched_types = true;
    find_functions(info, unit, true);
    return find_range(unit->functions, vaddr);
}

/* Writes the chain of frames, the first one already holding the place; returns how many. */
static size_t write_frames(struct debug_info *info, struct unit *unit, Dwarf_Die *function,
                           uint64_t vaddr, struct debug_frame *frames)
{
    const GArray *calls = function_calls(info, unit, function);
    int call = innermost_call(calls, vaddr);
    size_t n = 0;
    while (call >= 0 && n + 1 < DEBUG_INLINES_MAX) {
        const struct inlined_call *inlined = &g_array_index(calls, struct inlined_call, call);
        Dwarf_Die die;
        if (!dwarf_offdie(info->dwarf, inlined->entry, &die))
            break;
        name_frame(&die, &frames[n++]);
        place_caller(unit, &die, &frames[n]);
        call = inlined->parent;
    }
    name_frame(function, &frames[n++]);
    return n;
}

size_t debug_info_lookup(struct debug_info *info, uint64_t vaddr, struct debug_frame *ret_frames,
                         size_t max)
{
    struct debug_frame frames[DEBUG_INLINES_MAX] = {0};
    struct unit *unit = find_unit(info, vaddr);
    Dwarf_Off offset = unit ? find_function(info, unit, vaddr) : 0;
    uint32_t file = 0;
    size_t n = 0, skip;
    Dwarf_Die function;
    if (!unit)
        return 0;
    if (unit->lines && line_table_find(unit->lines, vaddr, &file, &frames[0].line)) {
        frames[0].file = line_table_file(unit->lines, file);
        n = 1;
    }
    if (offset && dwarf_offdie(info->dwarf, offset, &function))
        n = write_frames(info, unit, &function, vaddr, frames);
    skip = n > max ? n - max : 0;
    memcpy(ret_frames, frames + skip, (n - skip) * sizeof(*frames));
    return n - skip;
}
