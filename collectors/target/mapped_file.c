/* See mapped_file.h. The ELF header is at the start of the mapping for all that usual linkers make,
 * and the program headers follow it at once. */
#include "collectors/target/mapped_file.h"

#include <dlfcn.h>
#include <elf.h>
#include <string.h>

enum { PAGE_BYTES = 4096 };

void mapped_file_init(struct mapped_file *file, const struct dl_find_object *found)
{
    *file = (struct mapped_file){.start = (uintptr_t)found->dlfo_map_start,
                                 .end = (uintptr_t)found->dlfo_map_end,
                                 .bias = found->dlfo_link_map ? found->dlfo_link_map->l_addr : 0};
    const ElfW(Ehdr) *header = found->dlfo_map_start;
    /* no more than the first page is surely memory; the headers of most files fill a quarter */
    if (file->start % PAGE_BYTES != 0 || file->end < file->start + PAGE_BYTES ||
        memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_phentsize != sizeof(ElfW(Phdr)) || header->e_phoff % 8 != 0 ||
        header->e_phoff > PAGE_BYTES ||
        header->e_phoff + header->e_phnum * sizeof(ElfW(Phdr)) > PAGE_BYTES)
        return;
    file->headers = (const ElfW(Phdr) *)(file->start + header->e_phoff);
    file->n_headers = header->e_phnum;
}

struct mapped_range mapped_file_segment(const struct mapped_file *file, uintptr_t address)
{
    struct mapped_range all = {file->start, file->end};
    for (uint32_t i = 0; i < file->n_headers; i++) {
        const ElfW(Phdr) *header = &file->headers[i];
        uintptr_t from = file->bias + header->p_vaddr;
        if (header->p_type == PT_LOAD && header->p_flags & PF_R && from <= address &&
            address - from < header->p_filesz && mapped_range_has(&all, from, header->p_filesz))
            return (struct mapped_range){from, from + header->p_filesz};
    }
    return file->headers ? (struct mapped_range){0, 0} : all;
}
