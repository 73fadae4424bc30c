/*
 * See patch_functions.h. Names are those that the symbol table gives an entry, so that a function
 * is called the same here as everywhere else.
 */
#include "collectors/calls/patch_functions.h"

#include <string.h>

#include "collectors/calls/patch_names.h"
#include "collectors/calls/patch_sled.h"
#include "core/symbols/debug_file.h"
#include "core/symbols/elf_image.h"
#include "core/symbols/symbol_table.h"

enum { FUNCTIONS_MAX = 1 << 20 };

struct patch_functions {
    GArray *all; /* struct patch_function */
    GStringChunk *names;
    int references;
};

/* Where they are read from. */
struct reading {
    const struct elf_file *elf;
    struct symbol_table *symbols;
    GArray *all;
};

static bool is_symbol_section(const char *name, const Elf64_Shdr *header)
{
    (void)name;
    return header->sh_type == SHT_SYMTAB || header->sh_type == SHT_DYNSYM ||
           header->sh_type == SHT_STRTAB;
}

/* The end of the code section with that number; 0: it is none, or the address is not in it. */
static uint64_t section_end(Elf *elf, size_t number, uint64_t address)
{
    Elf_Scn *section =
        number == SHN_UNDEF || number >= SHN_LORESERVE ? NULL : elf_getscn(elf, number);
    const Elf64_Shdr *header = section ? elf64_getshdr(section) : NULL;
    if (!header || !(header->sh_flags & SHF_EXECINSTR) || address < header->sh_addr ||
        address - header->sh_addr >= header->sh_size)
        return 0;
    return header->sh_addr + header->sh_size;
}

static void add_symbol(struct reading *reading, Elf *elf, const Elf64_Sym *symbol, size_t strings)
{
    unsigned char type = ELF64_ST_TYPE(symbol->st_info);
    const char *name = elf_strptr(elf, strings, symbol->st_name);
    uint64_t end = section_end(elf, symbol->st_shndx, symbol->st_value);
    if ((type != STT_FUNC && type != STT_GNU_IFUNC) || end == 0 || !name ||
        patch_names_is_part(name) || reading->all->len >= FUNCTIONS_MAX)
        return;
    struct patch_function function = {.entry = symbol->st_value,
                                      .size = MIN(symbol->st_size, end - symbol->st_value),
                                      .end = end,
                                      .linkage = "",
                                      .is_resolver = type == STT_GNU_IFUNC};
    g_array_append_val(reading->all, function);
}

/* Adds what a file's symbol table of that type says. */
static bool add_symbols(struct reading *reading, const struct elf_file *file, uint32_t type)
{
    guint before = reading->all->len;
    Elf *elf = elf_image_open(file, is_symbol_section, NULL);
    Elf_Scn *section = NULL;
    while (elf && (section = elf_nextscn(elf, section))) {
        Elf64_Shdr *header = elf64_getshdr(section);
        Elf_Data *data = header && header->sh_type == type ? elf_rawdata(section, NULL) : NULL;
        size_t n = data && data->d_buf ? data->d_size / sizeof(Elf64_Sym) : 0;
        for (size_t i = 1; i < n; i++) {
            Elf64_Sym symbol;
            memcpy(&symbol, (const uint8_t *)data->d_buf + i * sizeof symbol, sizeof symbol);
            add_symbol(reading, elf, &symbol, header->sh_link);
        }
    }
    if (elf)
        elf_end(elf);
    symbol_table_add(reading->symbols, file, type);
    return reading->all->len > before;
}

static int compare_entries(const void *left, const void *right)
{
    const struct patch_function *a = left, *b = right;
    return a->entry < b->entry ? -1 : a->entry > b->entry;
}

/* Sorts, and makes one of those with the same entry. */
static void unite(GArray *all)
{
    guint kept = 0;
    g_array_sort(all, compare_entries);
    for (guint i = 0; i < all->len; i++) {
        struct patch_function *next = &g_array_index(all, struct patch_function, i);
        struct patch_function *last =
            kept > 0 ? &g_array_index(all, struct patch_function, kept - 1) : NULL;
        if (!last || last->entry != next->entry) {
            g_array_index(all, struct patch_function, kept++) = *next;
            continue;
        }
        last->size = MAX(last->size, next->size);
        last->end = MAX(last->end, next->end);
        last->is_resolver |= next->is_resolver;
        last->has_sled |= next->has_sled;
        last->has_endbr |= next->has_endbr;
    }
    g_array_set_size(all, kept);
    for (guint i = 0; i + 1 < kept; i++) {
        struct patch_function *function = &g_array_index(all, struct patch_function, i);
        const struct patch_function *next = function + 1;
        uint64_t next_start = next->entry - (next->has_sled ? PATCH_SLED_CALL_BYTES : 0);
        function->end = MIN(function->end, MAX(next_start, function->entry));
        function->size = MIN(function->size, function->end - function->entry);
    }
}

/* The first function from an address on. */
static guint lower_bound(const GArray *all, uint64_t address)
{
    guint low = 0, high = all->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(all, struct patch_function, middle).entry < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void add_sled(struct reading *reading, uint64_t start, GArray *found)
{
    guint at = lower_bound(reading->all, start + 1);
    struct patch_sled sled;
    uint64_t entry =
        at < reading->all->len ? g_array_index(reading->all, struct patch_function, at).entry : 0;
    if (!patch_sled_read(reading->elf, start, entry, &sled))
        return;
    struct patch_function function = {.entry = sled.entry,
                                      .end = sled.entry + PATCH_ENDBR_BYTES + 2,
                                      .linkage = "",
                                      .has_sled = true,
                                      .has_endbr = sled.has_endbr};
    g_array_append_val(found, function);
}

static void add_sleds(struct reading *reading)
{
    GArray *starts = patch_sled_list(reading->elf);
    GArray *found = g_array_new(FALSE, FALSE, sizeof(struct patch_function));
    for (guint i = 0; i < starts->len; i++)
        add_sled(reading, g_array_index(starts, uint64_t, i), found);
    g_array_append_vals(reading->all, found->data, found->len);
    g_array_unref(found);
    g_array_unref(starts);
}

/* Gives each function its name, which is in the files' memory so far. */
static void name_all(struct reading *reading, GStringChunk *names)
{
    char name[SYMBOL_NAME_MAX + 1];
    for (guint i = 0; i < reading->all->len; i++) {
        struct patch_function *function = &g_array_index(reading->all, struct patch_function, i);
        if (symbol_table_find(reading->symbols, reading->elf, function->entry, name))
            function->linkage = g_string_chunk_insert(names, name);
    }
}

static void read_all(struct reading *reading, GStringChunk *names)
{
    struct debug_file *debug = NULL, *unpacked = NULL;
    if (!add_symbols(reading, reading->elf, SHT_SYMTAB)) {
        add_symbols(reading, reading->elf, SHT_DYNSYM);
        debug = debug_file_find(reading->elf);
        if (!debug || !add_symbols(reading, debug->elf, SHT_SYMTAB))
            unpacked = debug_file_unpack(reading->elf);
        if (unpacked)
            add_symbols(reading, unpacked->elf, SHT_SYMTAB);
    }
    unite(reading->all);
    add_sleds(reading);
    unite(reading->all);
    name_all(reading, names);
    debug_file_free(unpacked);
    debug_file_free(debug);
}

struct patch_functions *patch_functions_read(const struct elf_file *elf)
{
    struct patch_functions *functions = g_new0(struct patch_functions, 1);
    functions->references = 1;
    functions->all = g_array_new(FALSE, FALSE, sizeof(struct patch_function));
    functions->names = g_string_chunk_new(16 << 10);
    struct reading reading = {.elf = elf, .symbols = symbol_table_new(), .all = functions->all};
    if (elf->is_64bit)
        read_all(&reading, functions->names);
    symbol_table_free(reading.symbols);
    return functions;
}

struct patch_functions *patch_functions_ref(struct patch_functions *functions)
{
    functions->references++;
    return functions;
}

void patch_functions_unref(struct patch_functions *functions)
{
    if (!functions || --functions->references > 0)
        return;
    g_array_unref(functions->all);
    g_string_chunk_free(functions->names);
    g_free(functions);
}

const struct patch_function *patch_functions_all(const struct patch_functions *functions,
                                                 size_t *ret_n)
{
    *ret_n = functions->all->len;
    return (const struct patch_function *)(const void *)functions->all->data;
}

const struct patch_function *patch_functions_find(const struct patch_functions *functions,
                                                  uint64_t address)
{
    guint after = lower_bound(functions->all, address + 1);
    if (after == 0)
        return NULL;
    const struct patch_function *function =
        &g_array_index(functions->all, struct patch_function, after - 1);
    return address < function->entry + MAX(function->size, 1) ? function : NULL;
}
