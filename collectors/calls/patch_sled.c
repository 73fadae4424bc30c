/*
 * See patch_sled.h.
 */
#include "collectors/calls/patch_sled.h"

#include <elf.h>
#include <string.h>

#include "core/symbols/elf_image.h"

enum {
    SLEDS_MAX = 1 << 20,
    RELOCATIONS_MAX = 1 << 22,
    NOPS_MAX = 64,
    NOP = 0x90,
};

static const uint8_t endbr64[PATCH_ENDBR_BYTES] = {0xf3, 0x0f, 0x1e, 0xfa};

static bool is_wanted(const char *name, const Elf64_Shdr *header)
{
    return strcmp(name, "__patchable_function_entries") == 0 || header->sh_type == SHT_RELA;
}

/* Sets the words that relocations of one section will fill. */
static void relocate(Elf_Scn *section, uint64_t address, uint64_t *words, size_t n)
{
    Elf_Data *data = elf_rawdata(section, NULL);
    size_t n_relocations = data && data->d_buf ? data->d_size / sizeof(Elf64_Rela) : 0;
    for (size_t i = 0; i < MIN(n_relocations, RELOCATIONS_MAX); i++) {
        Elf64_Rela rela;
        memcpy(&rela, (const uint8_t *)data->d_buf + i * sizeof rela, sizeof rela);
        uint64_t at = rela.r_offset - address;
        if (ELF64_R_TYPE(rela.r_info) == R_X86_64_RELATIVE && rela.r_offset >= address &&
            at / sizeof *words < n && at % sizeof *words == 0)
            words[at / sizeof *words] = (uint64_t)rela.r_addend;
    }
}

static void add_section(Elf *elf, Elf_Scn *section, const Elf64_Shdr *header, GArray *sleds)
{
    Elf_Data *data = header->sh_type == SHT_NOBITS ? NULL : elf_rawdata(section, NULL);
    size_t n = data && data->d_buf ? MIN(data->d_size / sizeof(uint64_t), SLEDS_MAX) : 0;
    Elf_Scn *other = NULL;
    guint before = sleds->len;
    if (n == 0 || before + n > SLEDS_MAX)
        return;
    g_array_set_size(sleds, before + (guint)n);
    uint64_t *words = &g_array_index(sleds, uint64_t, before);
    memcpy(words, data->d_buf, n * sizeof *words);
    while ((other = elf_nextscn(elf, other))) {
        Elf64_Shdr *relocations = elf64_getshdr(other);
        if (relocations && relocations->sh_type == SHT_RELA)
            relocate(other, header->sh_addr, words, n);
    }
}

GArray *patch_sled_list(const struct elf_file *file)
{
    GArray *sleds = g_array_new(FALSE, TRUE, sizeof(uint64_t));
    Elf *elf = elf_image_open(file, is_wanted, NULL);
    Elf_Scn *section = NULL;
    size_t names;
    while (elf && elf_getshdrstrndx(elf, &names) == 0 && (section = elf_nextscn(elf, section))) {
        Elf64_Shdr *header = elf64_getshdr(section);
        const char *name = header ? elf_strptr(elf, names, header->sh_name) : NULL;
        if (name && strcmp(name, "__patchable_function_entries") == 0)
            add_section(elf, section, header, sleds);
    }
    if (elf)
        elf_end(elf);
    return sleds;
}

/* How many NOPs stand there. */
static size_t count_nops(const struct elf_file *elf, uint64_t at)
{
    size_t n = 0;
    const uint8_t *byte;
    while (n < NOPS_MAX && (byte = elf_file_bytes(elf, at + n, 1)) && *byte == NOP)
        n++;
    return n;
}

/* Whether two bytes that do nothing stand there: as gcc writes them, or as clang does. */
static bool has_room(const struct elf_file *elf, uint64_t at)
{
    const uint8_t *bytes = elf_file_bytes(elf, at, 2);
    return bytes && (bytes[0] == NOP || bytes[0] == PATCH_SLED_PREFIX) && bytes[1] == NOP;
}

static bool has_endbr_at(const struct elf_file *elf, uint64_t at)
{
    const void *bytes = elf_file_bytes(elf, at, sizeof endbr64);
    return bytes && memcmp(bytes, endbr64, sizeof endbr64) == 0;
}

bool patch_sled_read(const struct elf_file *elf, uint64_t start, uint64_t entry,
                     struct patch_sled *ret_sled)
{
    size_t n = count_nops(elf, start);
    if (n < PATCH_SLED_CALL_BYTES)
        return false;
    bool has_endbr = has_endbr_at(elf, start + n);
    if (entry <= start || entry > start + n)
        entry = has_endbr ? start + n : start + PATCH_SLED_CALL_BYTES;
    has_endbr = has_endbr && entry == start + n;
    if (entry - start < PATCH_SLED_CALL_BYTES ||
        !has_room(elf, entry + (has_endbr ? PATCH_ENDBR_BYTES : 0)))
        return false;
    *ret_sled = (struct patch_sled){.entry = entry, .has_endbr = has_endbr};
    return true;
}
