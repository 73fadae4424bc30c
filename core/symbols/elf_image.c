/*
 * Opening an ELF file for libelf. See the header for why sections are read first.
 */
#include "core/symbols/elf_image.h"

#include <string.h>

enum { SECTIONS_MAX = 1 << 16 };

struct headers {
    const Elf64_Shdr *sections; /* may be misaligned: use copy_header */
    size_t n;
    const char *names;
    size_t names_size;
};

static Elf64_Shdr copy_header(const struct headers *headers, size_t index)
{
    Elf64_Shdr header;
    memcpy(&header, (const char *)headers->sections + index * sizeof(header), sizeof(header));
    return header;
}

/* Reads the section headers and their names into the file's memory. */
static bool read_headers(const struct elf_file *file, struct headers *ret_headers)
{
    const void *start = elf_file_at(file, 0, sizeof(Elf64_Ehdr));
    struct headers headers = {0};
    Elf64_Shdr first, names;
    Elf64_Ehdr ehdr;
    if (!start)
        return false;
    memcpy(&ehdr, start, sizeof(ehdr));
    if (memcmp(ehdr.e_ident, ELFMAG, SELFMAG) != 0 || ehdr.e_ident[EI_CLASS] != ELFCLASS64 ||
        ehdr.e_ident[EI_DATA] != ELFDATA2LSB || ehdr.e_shentsize != sizeof(Elf64_Shdr))
        return false;
    headers.sections = elf_file_at(file, ehdr.e_shoff, sizeof(Elf64_Shdr));
    if (!headers.sections || ehdr.e_shoff == 0)
        return false;
    first = copy_header(&headers, 0);
    headers.n = ehdr.e_shnum ? ehdr.e_shnum : MIN(first.sh_size, SECTIONS_MAX);
    size_t names_index = ehdr.e_shstrndx == SHN_XINDEX ? first.sh_link : ehdr.e_shstrndx;
    if (!elf_file_at(file, ehdr.e_shoff, headers.n * sizeof(Elf64_Shdr)) ||
        names_index >= headers.n)
        return false;
    names = copy_header(&headers, names_index);
    headers.names = elf_file_at(file, names.sh_offset, names.sh_size);
    headers.names_size = names.sh_size;
    *ret_headers = headers;
    return headers.names && headers.names_size > 0 && headers.names[headers.names_size - 1] == '\0';
}

static uint64_t unpacked_size(const Elf64_Shdr *header, const void *bytes)
{
    Elf64_Chdr compression;
    if (!(header->sh_flags & SHF_COMPRESSED) || header->sh_size < sizeof(compression))
        return header->sh_size;
    memcpy(&compression, bytes, sizeof(compression));
    return compression.ch_size;
}

static bool read_section(const struct elf_file *file, const Elf64_Shdr *header, uint64_t *total)
{
    if (header->sh_type == SHT_NOBITS)
        return true;
    const void *bytes = elf_file_at(file, header->sh_offset, header->sh_size);
    if (!bytes)
        return false;
    uint64_t size = unpacked_size(header, bytes);
    *total = size > UINT64_MAX - *total ? UINT64_MAX : *total + size;
    return true;
}

static bool read_chosen(const struct elf_file *file, const struct headers *headers,
                        elf_image_filter *wanted, uint64_t *total)
{
    for (size_t i = 1; i < headers->n; i++) {
        Elf64_Shdr header = copy_header(headers, i);
        const char *name =
            header.sh_name < headers->names_size ? headers->names + header.sh_name : "";
        if (wanted(name, &header) && !read_section(file, &header, total))
            return false;
    }
    return true;
}

Elf *elf_image_open(const struct elf_file *file, elf_image_filter *wanted, uint64_t *ret_total)
{
    struct headers headers;
    uint64_t total = 0;
    if (elf_version(EV_CURRENT) == EV_NONE || !read_headers(file, &headers) ||
        !read_chosen(file, &headers, wanted, &total))
        return NULL;
    /* libelf only reads an image that it is given; its argument just is not const. */
    Elf *elf = elf_memory((char *)(uintptr_t)elf_file_at(file, 0, 0), file->size);
    if (elf && ret_total)
        *ret_total = total;
    return elf;
}

Elf_Scn *elf_image_section(Elf *elf, const char *name, Elf64_Shdr **ret_header)
{
    Elf_Scn *section = NULL;
    size_t names;
    if (elf_getshdrstrndx(elf, &names) != 0)
        return NULL;
    while ((section = elf_nextscn(elf, section))) {
        Elf64_Shdr *header = elf64_getshdr(section);
        const char *own = header ? elf_strptr(elf, names, header->sh_name) : NULL;
        if (own && strcmp(own, name) == 0) {
            *ret_header = header;
            return section;
        }
    }
    return NULL;
}

const uint8_t *elf_image_bytes(const struct elf_file *file, const char *name, size_t *ret_size)
{
    struct headers headers;
    if (!read_headers(file, &headers))
        return NULL;
    for (size_t i = 1; i < headers.n; i++) {
        Elf64_Shdr header = copy_header(&headers, i);
        if (header.sh_type == SHT_NOBITS || header.sh_name >= headers.names_size ||
            strcmp(headers.names + header.sh_name, name) != 0)
            continue;
        *ret_size = header.sh_size;
        return elf_file_at(file, header.sh_offset, header.sh_size);
    }
    return NULL;
}
