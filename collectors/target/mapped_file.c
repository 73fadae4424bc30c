/*
 * See mapped_file.h. A library is one mapping, which begins with the ELF header, and the program
 * headers follow that at once. What the kernel has mapped, the program and the loader, may have
 * gaps; libc then tells of each segment as if it were a file. The kernel says where their headers
 * are.
 */
#include "collectors/target/mapped_file.h"

#include <dlfcn.h>
#include <elf.h>
#include <string.h>
#include <sys/auxv.h>

enum { PAGE_BYTES = 4096 };

static __typeof__(_dl_find_object) *find_object;

bool mapped_file_resolve(void)
{
    if (!find_object)
        find_object = (__typeof__(find_object))dlsym(RTLD_DEFAULT, "_dl_find_object");
    return find_object != NULL;
}

bool mapped_file_find(uintptr_t address, struct dl_find_object *ret_found)
{
    return find_object && find_object((void *)address, ret_found) == 0 && ret_found->dlfo_link_map;
}

static void set_headers(struct mapped_file *file, uintptr_t headers, size_t n)
{
    file->headers = (const ElfW(Phdr) *)headers;
    file->n_headers = (uint32_t)n;
}

/* By the ELF header, in a page that is surely memory. */
static bool find_by_file(struct mapped_file *file, uintptr_t start)
{
    const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)start;
    if (start % PAGE_BYTES != 0 || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_phentsize != sizeof(ElfW(Phdr)) || header->e_phoff % 8 != 0 ||
        header->e_phoff > PAGE_BYTES ||
        header->e_phoff + header->e_phnum * sizeof(ElfW(Phdr)) > PAGE_BYTES)
        return false;
    set_headers(file, start + header->e_phoff, header->e_phnum);
    return true;
}

/* All that is loaded of it, gaps included. */
static void span_segments(struct mapped_file *file)
{
    file->start = UINTPTR_MAX;
    file->end = 0;
    for (uint32_t i = 0; i < file->n_headers; i++) {
        const ElfW(Phdr) *header = &file->headers[i];
        uintptr_t from = (file->bias + header->p_vaddr) & -(uintptr_t)PAGE_BYTES;
        uintptr_t to = file->bias + header->p_vaddr + header->p_memsz;
        if (header->p_type != PT_LOAD)
            continue;
        file->start = from < file->start ? from : file->start;
        file->end = to > file->end ? to : file->end;
    }
}

void mapped_file_init(struct mapped_file *file, const struct dl_find_object *found)
{
    const struct link_map *map = found->dlfo_link_map;
    *file = (struct mapped_file){.start = (uintptr_t)found->dlfo_map_start,
                                 .end = (uintptr_t)found->dlfo_map_end,
                                 .bias = map ? map->l_addr : 0};
    if (!map || file->end - file->start < PAGE_BYTES)
        return;
    unsigned long headers = getauxval(AT_PHDR), loader = getauxval(AT_BASE);
    if (map->l_name && !*map->l_name && headers) {
        set_headers(file, headers, getauxval(AT_PHNUM));
        span_segments(file);
    } else if (loader && map->l_addr == loader && find_by_file(file, loader)) {
        span_segments(file);
    } else {
        find_by_file(file, file->start);
    }
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
