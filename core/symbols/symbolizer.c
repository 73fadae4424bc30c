/*
 * Resolution of addresses: one module per ELF file, with its symbols, its DWARF and the results so
 * far.
 *
 * The DWARF's frames are completed by the symbol table: the physical function takes its linkage
 * name from there, so that a function is one row of a profile whether or not its debug information
 * is at hand.
 */
#include "core/symbols/symbolizer.h"

#include <string.h>

#include "core/symbols/debug_file.h"
#include "core/symbols/debug_info.h"
#include "core/symbols/demangle.h"
#include "core/symbols/elf_image.h"
#include "core/symbols/entry_names.h"
#include "core/symbols/plt_stubs.h"
#include "core/symbols/symbol_table.h"

enum { RESULTS_MAX = 1 << 18 }; /* remembered for one file */

static const size_t strings_max_bytes = (size_t)256 << 20;

struct result {
    size_t n;
    struct symbol_line lines[];
};

struct module {
    struct elf_file *elf;
    struct debug_file *debug;    /* separate debug file */
    struct debug_file *unpacked; /* from .gnu_debugdata */
    struct symbol_table *symbols;
    struct debug_info *info; /* NULL: none, or not worth its cost */
    GHashTable *results;     /* vaddr -> struct result */
};

struct symbolizer {
    GHashTable *modules; /* GBytes identity -> struct module */
    GStringChunk *strings;
    GHashTable *interned;  /* string -> the same string */
    GHashTable *demangled; /* interned linkage -> interned name */
    size_t string_bytes;
};

/* ---- modules ---- */

static void module_free(void *pointer)
{
    struct module *module = pointer;
    g_hash_table_destroy(module->results);
    debug_info_free(module->info);
    symbol_table_free(module->symbols);
    debug_file_free(module->unpacked);
    debug_file_free(module->debug);
    elf_file_unref(module->elf);
    g_free(module);
}

/* A program, as opposed to a library: its debug information is wanted at any price. */
static bool is_program(const struct elf_file *elf)
{
    size_t size = 0;
    if (elf->type == ET_EXEC)
        return true;
    const uint8_t *dynamic = elf_image_bytes(elf, ".dynamic", &size);
    for (size_t at = 0; dynamic && at + sizeof(Elf64_Dyn) <= size; at += sizeof(Elf64_Dyn)) {
        Elf64_Dyn entry;
        memcpy(&entry, dynamic + at, sizeof(entry));
        if (entry.d_tag == DT_FLAGS_1)
            return entry.d_un.d_val & DF_1_PIE;
    }
    return !dynamic; /* static */
}

static void open_symbols(struct module *module)
{
    module->symbols = symbol_table_new();
    if (symbol_table_add(module->symbols, module->elf, SHT_SYMTAB))
        return;
    symbol_table_add(module->symbols, module->elf, SHT_DYNSYM);
    if (!module->debug)
        module->debug = debug_file_find(module->elf);
    if (module->debug && symbol_table_add(module->symbols, module->debug->elf, SHT_SYMTAB))
        return;
    module->unpacked = debug_file_unpack(module->elf);
    if (module->unpacked)
        symbol_table_add(module->symbols, module->unpacked->elf, SHT_SYMTAB);
}

static void open_info(struct module *module)
{
    struct debug_cost cost = debug_info_cost(module->elf);
    if (cost.present) {
        module->info = debug_info_open(module->elf);
        return;
    }
    if (!module->debug)
        module->debug = debug_file_find(module->elf);
    if (!module->debug)
        return;
    cost = debug_info_cost(module->debug->elf);
    if (cost.present && (!cost.compressed || is_program(module->elf)))
        module->info = debug_info_open(module->debug->elf);
}

static struct module *module_new(struct elf_file *elf)
{
    struct module *module = g_new0(struct module, 1);
    module->elf = elf_file_ref(elf);
    module->results = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    open_symbols(module);
    open_info(module);
    return module;
}

/* The size is part of it: a hostile file that copies another's build-id should not take its place
 * easily. */
static GBytes *module_identity(const struct elf_file *elf)
{
    uint8_t key[ELF_BUILD_ID_MAX + 3 * sizeof(uint64_t)] = {0};
    uint64_t numbers[] = {elf->size, elf->device, elf->inode};
    size_t kept = elf->build_id_size > 0 ? 1 : G_N_ELEMENTS(numbers);
    if (elf->fd < 0 && elf->build_id_size == 0) /* images in memory without a build-id */
        numbers[1] = (uint64_t)(uintptr_t)elf->image;
    memcpy(key, elf->build_id, elf->build_id_size);
    memcpy(key + ELF_BUILD_ID_MAX, numbers, kept * sizeof(*numbers));
    return g_bytes_new(key, sizeof(key));
}

static struct module *find_module(struct symbolizer *symbolizer, struct elf_file *elf)
{
    GBytes *identity = module_identity(elf);
    struct module *module = g_hash_table_lookup(symbolizer->modules, identity);
    if (module) {
        g_bytes_unref(identity);
        return module;
    }
    module = module_new(elf);
    g_hash_table_insert(symbolizer->modules, identity, module);
    return module;
}

/* ---- strings ---- */

struct symbolizer *symbolizer_new(void)
{
    struct symbolizer *symbolizer = g_new0(struct symbolizer, 1);
    symbolizer->modules = g_hash_table_new_full(g_bytes_hash, g_bytes_equal,
                                                (GDestroyNotify)g_bytes_unref, module_free);
    symbolizer->strings = g_string_chunk_new(16 << 10);
    symbolizer->interned = g_hash_table_new(g_str_hash, g_str_equal);
    symbolizer->demangled = g_hash_table_new(NULL, NULL);
    return symbolizer;
}

void symbolizer_free(struct symbolizer *symbolizer)
{
    if (!symbolizer)
        return;
    g_hash_table_destroy(symbolizer->modules);
    g_hash_table_destroy(symbolizer->demangled);
    g_hash_table_destroy(symbolizer->interned);
    g_string_chunk_free(symbolizer->strings);
    g_free(symbolizer);
}

const char *symbolizer_intern(struct symbolizer *symbolizer, const char *text)
{
    char cut[SYMBOL_TEXT_MAX + 1];
    size_t length = strnlen(text, SYMBOL_TEXT_MAX + 1);
    if (length > SYMBOL_TEXT_MAX) {
        length = SYMBOL_TEXT_MAX;
        memcpy(cut, text, length);
        cut[length] = '\0';
        text = cut;
    }
    char *own = g_hash_table_lookup(symbolizer->interned, text);
    if (own || symbolizer->string_bytes + length > strings_max_bytes)
        return own;
    own = g_string_chunk_insert_len(symbolizer->strings, text, (gssize)length);
    symbolizer->string_bytes += length + 1;
    g_hash_table_add(symbolizer->interned, own);
    return own;
}

static const char *demangled_name(struct symbolizer *symbolizer, const char *linkage)
{
    const char *name = g_hash_table_lookup(symbolizer->demangled, linkage);
    if (name)
        return name;
    char *full = demangle(linkage);
    name = symbolizer_intern(symbolizer, full);
    g_free(full);
    if (name)
        g_hash_table_insert(symbolizer->demangled, (void *)linkage, (void *)name);
    return name;
}

/* ---- lookup ---- */

/* Fills one line; false when it has no name at all. */
static bool take_frame(struct symbolizer *symbolizer, const struct debug_frame *frame,
                       struct symbol_line *ret_line)
{
    const char *linkage = frame->linkage ? frame->linkage : frame->name;
    struct symbol_line line = {.line = frame->line, .decl_line = frame->decl_line};
    if (!linkage || linkage[0] == '\0')
        return false;
    line.linkage = symbolizer_intern(symbolizer, linkage);
    if (!line.linkage)
        return false;
    line.name = demangled_name(symbolizer, line.linkage);
    line.file = frame->file ? symbolizer_intern(symbolizer, frame->file) : NULL;
    *ret_line = line;
    return line.name != NULL;
}

/* Turns DWARF's frames and the symbol (NULL: none) into lines. */
static size_t take_frames(struct symbolizer *symbolizer, struct debug_frame *frames, size_t n,
                          const char *symbol, struct symbol_line *lines)
{
    static const struct debug_frame nothing;
    size_t taken = 0;
    if (n == 0 && symbol) {
        frames[0] = nothing;
        n = 1;
    }
    if (symbol)
        frames[n - 1].linkage = symbol;
    for (size_t i = 0; i < n; i++)
        taken += take_frame(symbolizer, &frames[i], &lines[taken]);
    return taken;
}

static struct result *resolve(struct symbolizer *symbolizer, struct module *module, uint64_t vaddr)
{
    struct debug_frame frames[SYMBOL_LINES_MAX] = {0};
    struct symbol_line lines[SYMBOL_LINES_MAX];
    char symbol[SYMBOL_TEXT_MAX + 1];
    bool found = symbol_table_find(module->symbols, module->elf, vaddr, symbol) ||
                 plt_stub_name(module->elf, vaddr, symbol, sizeof(symbol));
    const char *name = found ? symbol : entry_name(module->elf, vaddr);
    size_t n = module->info ? debug_info_lookup(module->info, vaddr, frames, SYMBOL_LINES_MAX) : 0;
    struct result *result;
    n = take_frames(symbolizer, frames, n, name, lines);
    result = g_malloc(sizeof(*result) + n * sizeof(*lines));
    result->n = n;
    memcpy(result->lines, lines, n * sizeof(*lines));
    return result;
}

size_t symbolizer_lookup(struct symbolizer *symbolizer, struct elf_file *elf, uint64_t vaddr,
                         struct symbol_line *ret_lines, size_t max)
{
    struct module *module = find_module(symbolizer, elf);
    void *key = GSIZE_TO_POINTER(vaddr);
    struct result *result = g_hash_table_lookup(module->results, key);
    if (!result) {
        if (g_hash_table_size(module->results) >= RESULTS_MAX)
            g_hash_table_remove_all(module->results);
        result = resolve(symbolizer, module, vaddr);
        g_hash_table_insert(module->results, key, result);
    }
    size_t n = MIN(result->n, max);
    memcpy(ret_lines, result->lines + (result->n - n), n * sizeof(*ret_lines));
    return n;
}
