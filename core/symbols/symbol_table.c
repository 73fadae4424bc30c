/*
 * Sorted function symbols of one ELF file.
 *
 * A profile of a short run must be resolved in milliseconds, libraries have 100,000 symbols: so the
 * table holds 32 bytes a symbol, sorts by a radix sort at the first search, and never touches a
 * name before it is found. libelf checks the sections' bounds; we check each name's.
 */
#include "core/symbols/symbol_table.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/eh_frame_table.h"
#include "core/symbols/elf_image.h"

enum {
    ALIASES_MAX = 64, /* symbols looked at on the way down from an address */
    RADIX_BITS = 11,
    RADIX_SIZE = 1 << RADIX_BITS,
};

/* Lower is better; see symbol_table_find. */
enum rank { RANK_WEAK = 1, RANK_UNDERSCORE = 2, RANK_LOCAL = 16, RANK_LABEL = 32 };

struct entry {
    uint64_t start;
    uint64_t end;   /* of the section when the symbol has no size */
    uint64_t reach; /* the highest end of this and all entries before it */
    uint32_t name;
    uint8_t rank;
    uint8_t file;
    bool sizeless;
};

/* The string table of one added section. */
struct names {
    const char *text;
    size_t size;
};

struct symbol_table {
    GArray *entries;
    struct names names[SYMBOL_TABLE_FILES_MAX];
    size_t n_files;
    bool sorted;
};

struct symbol_table *symbol_table_new(void)
{
    struct symbol_table *table = g_new0(struct symbol_table, 1);
    table->entries = g_array_new(FALSE, FALSE, sizeof(struct entry));
    return table;
}

void symbol_table_free(struct symbol_table *table)
{
    if (!table)
        return;
    g_array_free(table->entries, TRUE);
    g_free(table);
}

static Elf_Scn *find_section(Elf *elf, uint32_t type, Elf64_Shdr **ret_header)
{
    Elf_Scn *section = NULL;
    while ((section = elf_nextscn(elf, section))) {
        Elf64_Shdr *header = elf64_getshdr(section);
        if (header && header->sh_type == type) {
            *ret_header = header;
            return section;
        }
    }
    return NULL;
}

/* End of the code section that holds the symbol; 0: it is no code. */
static uint64_t code_section_end(const GArray *sections, const Elf64_Sym *symbol)
{
    if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx >= sections->len)
        return 0;
    const Elf64_Shdr *header = g_array_index(sections, Elf64_Shdr *, symbol->st_shndx);
    if (!header || !(header->sh_flags & SHF_EXECINSTR))
        return 0;
    if (symbol->st_value < header->sh_addr || symbol->st_value - header->sh_addr >= header->sh_size)
        return 0;
    return header->sh_addr + header->sh_size;
}

static uint8_t symbol_rank(const Elf64_Sym *symbol, const char *name)
{
    unsigned char binding = ELF64_ST_BIND(symbol->st_info);
    size_t underscores = strspn(name, "_");
    size_t rank = RANK_UNDERSCORE * MIN(underscores, 7);
    if (ELF64_ST_TYPE(symbol->st_info) == STT_NOTYPE)
        rank += RANK_LABEL;
    if (binding == STB_LOCAL)
        rank += RANK_LOCAL;
    else if (binding == STB_WEAK)
        rank += RANK_WEAK;
    return (uint8_t)rank;
}

static bool is_code_type(const Elf64_Sym *symbol)
{
    unsigned char type = ELF64_ST_TYPE(symbol->st_info);
    return type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE;
}

static void add_symbol(struct symbol_table *table, const GArray *sections, const Elf64_Sym *symbol)
{
    const struct names *names = &table->names[table->n_files];
    uint64_t end = is_code_type(symbol) ? code_section_end(sections, symbol) : 0;
    struct entry entry = {.start = symbol->st_value, .end = end, .name = symbol->st_name};
    if (end == 0 || symbol->st_name >= names->size || names->text[symbol->st_name] == '\0')
        return;
    entry.file = (uint8_t)table->n_files;
    entry.sizeless = symbol->st_size == 0;
    if (!entry.sizeless && symbol->st_size < UINT64_MAX - symbol->st_value)
        entry.end = symbol->st_value + symbol->st_size;
    entry.rank = symbol_rank(symbol, names->text + symbol->st_name);
    g_array_append_val(table->entries, entry);
}

static GArray *section_headers(Elf *elf)
{
    GArray *headers = g_array_new(FALSE, TRUE, sizeof(Elf64_Shdr *));
    Elf_Scn *section = NULL;
    g_array_set_size(headers, 1); /* section 0 is none; elf_nextscn begins at 1 */
    while ((section = elf_nextscn(elf, section))) {
        Elf64_Shdr *header = elf64_getshdr(section);
        g_array_append_val(headers, header);
    }
    return headers;
}

/* Reads the section's string table; the last byte must end the last string. */
static bool read_names(Elf *elf, uint32_t link, struct names *ret_names)
{
    Elf_Scn *section = elf_getscn(elf, link);
    Elf_Data *data = section ? elf_rawdata(section, NULL) : NULL;
    if (!data || !data->d_buf || data->d_size == 0 ||
        ((const char *)data->d_buf)[data->d_size - 1] != '\0')
        return false;
    *ret_names = (struct names){data->d_buf, data->d_size};
    return true;
}

static void add_section(struct symbol_table *table, Elf *elf, uint32_t type)
{
    Elf64_Shdr *header = NULL;
    Elf_Scn *section = find_section(elf, type, &header);
    Elf_Data *data = section && header->sh_type != SHT_NOBITS ? elf_rawdata(section, NULL) : NULL;
    if (!data || !data->d_buf || !read_names(elf, header->sh_link, &table->names[table->n_files]))
        return;
    GArray *sections = section_headers(elf);
    for (size_t i = 1; i < data->d_size / sizeof(Elf64_Sym); i++) {
        Elf64_Sym symbol; /* the section may be misaligned in a corrupt file */
        if (table->entries->len >= SYMBOL_TABLE_MAX)
            break;
        memcpy(&symbol, (const uint8_t *)data->d_buf + i * sizeof(symbol), sizeof(symbol));
        add_symbol(table, sections, &symbol);
    }
    g_array_free(sections, TRUE);
}

static bool is_symbol_section(const char *name, const Elf64_Shdr *header)
{
    (void)name;
    return header->sh_type == SHT_SYMTAB || header->sh_type == SHT_DYNSYM ||
           header->sh_type == SHT_STRTAB;
}

bool symbol_table_add(struct symbol_table *table, const struct elf_file *file,
                      uint32_t section_type)
{
    size_t before = table->entries->len;
    if (table->n_files == SYMBOL_TABLE_FILES_MAX)
        return false;
    Elf *elf = elf_image_open(file, is_symbol_section, NULL);
    if (!elf)
        return false;
    add_section(table, elf, section_type);
    elf_end(elf); /* the raw data stays: it is the file's memory */
    if (table->entries->len == before)
        return false;
    table->n_files++;
    table->sorted = false;
    return true;
}

struct sort_key {
    uint32_t offset; /* start, from the lowest start */
    uint32_t index;
};

static void radix_pass(const struct sort_key *from, struct sort_key *to, size_t n, unsigned shift)
{
    size_t place[RADIX_SIZE + 1] = {0};
    for (size_t i = 0; i < n; i++)
        place[((from[i].offset >> shift) & (RADIX_SIZE - 1)) + 1]++;
    for (size_t i = 1; i <= RADIX_SIZE; i++)
        place[i] += place[i - 1];
    for (size_t i = 0; i < n; i++)
        to[place[(from[i].offset >> shift) & (RADIX_SIZE - 1)]++] = from[i];
}

static void radix_sort(GArray *entries, uint64_t lowest)
{
    const struct entry *old = (const struct entry *)(void *)entries->data;
    struct sort_key *keys = g_new(struct sort_key, entries->len);
    struct sort_key *spare = g_new(struct sort_key, entries->len);
    struct entry *sorted = g_new(struct entry, entries->len);
    for (uint32_t i = 0; i < entries->len; i++)
        keys[i] = (struct sort_key){(uint32_t)(old[i].start - lowest), i};
    radix_pass(keys, spare, entries->len, 0);
    radix_pass(spare, keys, entries->len, RADIX_BITS);
    radix_pass(keys, spare, entries->len, 2 * RADIX_BITS);
    for (size_t i = 0; i < entries->len; i++)
        sorted[i] = old[spare[i].index];
    memcpy(entries->data, sorted, entries->len * sizeof(*sorted));
    g_free(sorted);
    g_free(spare);
    g_free(keys);
}

static int compare_starts(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    return a->start < b->start ? -1 : a->start > b->start;
}

static void sort_entries(struct symbol_table *table)
{
    struct entry *entries = (struct entry *)(void *)table->entries->data;
    uint64_t lowest = UINT64_MAX, highest = 0, reach = 0;
    for (size_t i = 0; i < table->entries->len; i++) {
        lowest = MIN(lowest, entries[i].start);
        highest = MAX(highest, entries[i].start);
    }
    if (table->entries->len > 0 && highest - lowest <= UINT32_MAX)
        radix_sort(table->entries, lowest);
    else
        g_array_sort(table->entries, compare_starts);
    for (size_t i = 0; i < table->entries->len; i++) {
        if (!entries[i].sizeless)
            reach = MAX(reach, entries[i].end);
        entries[i].reach = reach;
    }
    table->sorted = true;
}

static const char *entry_name(const struct symbol_table *table, const struct entry *entry)
{
    return table->names[entry->file].text + entry->name;
}

static size_t entry_name_length(const struct symbol_table *table, const struct entry *entry)
{
    size_t room = table->names[entry->file].size - entry->name;
    return strnlen(entry_name(table, entry), MIN(room, SYMBOL_NAME_MAX));
}

static bool is_better(const struct symbol_table *table, const struct entry *a,
                      const struct entry *b)
{
    size_t a_length, b_length;
    if (a->rank != b->rank)
        return a->rank < b->rank;
    a_length = entry_name_length(table, a);
    b_length = entry_name_length(table, b);
    int order = memcmp(entry_name(table, a), entry_name(table, b), MIN(a_length, b_length));
    return a_length != b_length ? a_length < b_length : order < 0;
}

/* Index of the first entry that starts after `vaddr`. */
static size_t upper_bound(const struct entry *entries, size_t n, uint64_t vaddr)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entries[middle].start <= vaddr)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The innermost symbol with a size that covers `vaddr`. */
static const struct entry *find_sized(const struct symbol_table *table, size_t above,
                                      uint64_t vaddr)
{
    const struct entry *entries = (const struct entry *)(void *)table->entries->data;
    const struct entry *best = NULL;
    for (size_t i = above, steps = 0; i-- > 0 && steps < ALIASES_MAX; steps++) {
        const struct entry *entry = &entries[i];
        if (entry->reach <= vaddr || (best && entry->start != best->start))
            break;
        if (!entry->sizeless && entry->end > vaddr && (!best || is_better(table, entry, best)))
            best = entry;
    }
    return best;
}

/* The best of the nearest symbols below `vaddr`, when it has no size and nothing is known to begin
 * in between. */
static const struct entry *find_sizeless(const struct symbol_table *table,
                                         const struct elf_file *elf, size_t above, uint64_t vaddr)
{
    const struct entry *entries = (const struct entry *)(void *)table->entries->data;
    const struct entry *best = NULL;
    uint64_t function;
    for (size_t i = above; i-- > 0 && above - i <= ALIASES_MAX;) {
        if (entries[i].start != entries[above - 1].start)
            break;
        if (entries[i].sizeless && entries[i].end > vaddr &&
            (!best || is_better(table, &entries[i], best)))
            best = &entries[i];
    }
    if (best && eh_frame_table_function(elf, vaddr, &function) && function > best->start)
        return NULL;
    return best;
}

/* Copies the name without its version, and a cold part's under its function's name: it is one
 * function. */
static void copy_name(const struct symbol_table *table, const struct entry *entry, char *buffer)
{
    size_t length = entry_name_length(table, entry);
    memcpy(buffer, entry_name(table, entry), length);
    buffer[length] = '\0';
    char *cut = strchr(buffer, '@');
    if (cut && cut > buffer)
        *cut = '\0';
    cut = strstr(buffer, ".cold");
    if (cut && cut > buffer && (cut[5] == '\0' || cut[5] == '.'))
        *cut = '\0';
}

bool symbol_table_find(struct symbol_table *table, const struct elf_file *elf, uint64_t vaddr,
                       char *buffer)
{
    const struct entry *entry;
    size_t above;
    if (!table->sorted)
        sort_entries(table);
    above =
        upper_bound((const struct entry *)(void *)table->entries->data, table->entries->len, vaddr);
    entry = find_sized(table, above, vaddr);
    if (!entry && above > 0)
        entry = find_sizeless(table, elf, above, vaddr);
    if (!entry)
        return false;
    copy_name(table, entry, buffer);
    return true;
}
