/*
 * The functions of a file that could be patched: where each begins, how long it is, and what stands
 * behind it.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_PATCH_FUNCTIONS_H
#define PROFTOP_COLLECTORS_CALLS_PATCH_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/elf_file.h"

/* One function; addresses as linked. */
struct patch_function {
    uint64_t entry;
    uint64_t size;       /* 0: unknown */
    uint64_t end;        /* of what is there before the next function */
    const char *linkage; /* "": it has no name, only a sled */
    bool is_resolver;    /* of an indirect function (STT_GNU_IFUNC) */
    bool has_sled, has_endbr;
};

struct patch_functions;

/*
 * Reads them: from .symtab, else .dynsym and what separate debug files and .gnu_debugdata add, as
 * the symbolizer does; and from __patchable_function_entries. Parts to which functions jump (.cold)
 * are left out. Never NULL: a corrupt file has none. Context: any thread; takes a reference of its
 * own to nothing.
 */
struct patch_functions *patch_functions_read(const struct elf_file *elf);

/* One more reference; returns it. Context: one thread at a time, as all who have references. */
struct patch_functions *patch_functions_ref(struct patch_functions *functions);

/* The last one frees it; NULL is allowed. Context: likewise. */
void patch_functions_unref(struct patch_functions *functions);

/* All of them, by address. Valid as long as the object. Context: any thread. */
const struct patch_function *patch_functions_all(const struct patch_functions *functions,
                                                 size_t *ret_n);

/* The function that holds an address; NULL: none. Context: any thread. */
const struct patch_function *patch_functions_find(const struct patch_functions *functions,
                                                  uint64_t address);

#endif
