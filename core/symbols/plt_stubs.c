/*
 * PLT stubs: the stub's jump names its GOT slot, the relocation of that slot names the symbol.
 * Reading the instructions serves .plt, .plt.sec and .plt.got alike, lazily bound or not.
 */
#include "core/symbols/plt_stubs.h"

#include <string.h>

#include "core/symbols/elf_image.h"

enum { STUB_BYTES = 16, RELOCATIONS_MAX = 1 << 20 };

/* What a stub says about its target: a GOT slot, or an index into .rela.plt. */
struct stub_target {
    bool by_index;
    uint64_t slot;
    uint32_t index;
};

static const Elf64_Shdr *plt_section_at(Elf *elf, uint64_t vaddr)
{
    static const char *const names[] = {".plt.sec", ".plt", ".plt.got"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        Elf64_Shdr *header = NULL;
        if (elf_image_section(elf, names[i], &header) && vaddr >= header->sh_addr &&
            vaddr - header->sh_addr < header->sh_size)
            return header;
    }
    return NULL;
}

static bool decode_stub(const uint8_t *code, uint64_t vaddr, struct stub_target *ret_target)
{
    static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    size_t at = memcmp(code, endbr64, sizeof(endbr64)) == 0 ? sizeof(endbr64) : 0;
    int32_t displacement;
    if (code[at] == 0x68) { /* push index; jmp to the resolver */
        ret_target->by_index = true;
        memcpy(&ret_target->index, code + at + 1, sizeof(ret_target->index));
        return true;
    }
    at += code[at] == 0xf2; /* bnd */
    if (at + 6 > 8 + sizeof(endbr64) || code[at] != 0xff || code[at + 1] != 0x25)
        return false;
    memcpy(&displacement, code + at + 2, sizeof(displacement));
    ret_target->by_index = false;
    ret_target->slot = vaddr + at + 6 + (uint64_t)(int64_t)displacement;
    return true;
}

/* The symbol index of the relocation that fills the target; 0: none. */
static uint32_t relocation_symbol(Elf *elf, const char *section_name,
                                  const struct stub_target *target)
{
    Elf64_Shdr *header = NULL;
    Elf_Scn *section = elf_image_section(elf, section_name, &header);
    Elf_Data *data = section ? elf_rawdata(section, NULL) : NULL;
    size_t n = data && data->d_buf ? MIN(data->d_size / sizeof(Elf64_Rela), RELOCATIONS_MAX) : 0;
    for (size_t i = 0; i < n; i++) {
        Elf64_Rela rela;
        memcpy(&rela, (const uint8_t *)data->d_buf + i * sizeof(rela), sizeof(rela));
        if (target->by_index ? i == target->index : rela.r_offset == target->slot)
            return (uint32_t)ELF64_R_SYM(rela.r_info);
    }
    return 0;
}

static bool dynamic_symbol_name(Elf *elf, uint32_t index, char *buffer, size_t size)
{
    Elf64_Shdr *header = NULL;
    Elf_Scn *section = elf_image_section(elf, ".dynsym", &header);
    Elf_Data *data = section ? elf_rawdata(section, NULL) : NULL;
    Elf64_Sym symbol;
    if (index == 0 || !data || !data->d_buf || index >= data->d_size / sizeof(symbol))
        return false;
    memcpy(&symbol, (const uint8_t *)data->d_buf + index * sizeof(symbol), sizeof(symbol));
    const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);
    if (!name || name[0] == '\0')
        return false;
    g_snprintf(buffer, size, "%.*s@plt", (int)MIN(size, 1u << 20) - 8, name);
    return true;
}

static uint32_t symbol_of(Elf *elf, const struct stub_target *target)
{
    uint32_t symbol = relocation_symbol(elf, ".rela.plt", target);
    if (symbol == 0 && !target->by_index)
        symbol = relocation_symbol(elf, ".rela.dyn", target);
    return symbol;
}

static bool name_stub(Elf *elf, const struct elf_file *file, uint64_t vaddr, char *buffer,
                      size_t size)
{
    const Elf64_Shdr *plt = plt_section_at(elf, vaddr);
    uint64_t entry_size =
        plt && plt->sh_entsize >= 8 ? MIN(plt->sh_entsize, STUB_BYTES) : STUB_BYTES;
    uint8_t code[STUB_BYTES] = {0};
    struct stub_target target = {0};
    if (!plt)
        return false;
    uint64_t start = vaddr - (vaddr - plt->sh_addr) % entry_size;
    const void *bytes = elf_file_bytes(file, start, entry_size);
    if (!bytes)
        return false;
    memcpy(code, bytes, entry_size);
    if (!decode_stub(code, start, &target))
        return false;
    return dynamic_symbol_name(elf, symbol_of(elf, &target), buffer, size);
}

static bool is_linkage_section(const char *name, const Elf64_Shdr *header)
{
    (void)name;
    return header->sh_type == SHT_RELA || header->sh_type == SHT_DYNSYM ||
           header->sh_type == SHT_STRTAB;
}

bool plt_stub_name(const struct elf_file *file, uint64_t vaddr, char *buffer, size_t size)
{
    Elf *elf = file->is_64bit ? elf_image_open(file, is_linkage_section, NULL) : NULL;
    bool found = elf && name_stub(elf, file, vaddr, buffer, size);
    elf_end(elf);
    return found;
}

bool plt_slot_name(const struct elf_file *file, uint64_t slot, char *buffer, size_t size)
{
    const struct stub_target target = {.slot = slot};
    Elf *elf = file->is_64bit ? elf_image_open(file, is_linkage_section, NULL) : NULL;
    bool found = elf && dynamic_symbol_name(elf, symbol_of(elf, &target), buffer, size);
    elf_end(elf);
    return found;
}
