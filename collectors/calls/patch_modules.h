/*
 * The files whose code a process has mapped, and the functions in them.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_PATCH_MODULES_H
#define PROFTOP_COLLECTORS_CALLS_PATCH_MODULES_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "collectors/calls/patch_functions.h"

/* One of them; goes with the list. */
struct patch_module {
    char *path;
    uint64_t start, end; /* of its first executable range, in memory */
    uint64_t device, inode, file_offset;
    uint64_t bias;       /* address in memory less address as linked */
    const char *refusal; /* why nothing of it may be patched; NULL: nothing is known against it */
    const char *code_refusal; /* likewise, found in the file: its functions can be named */
    struct elf_file *elf;     /* NULL: it cannot be read */
    bool is_there;
    struct patch_functions *functions; /* NULL: not read so far; use patch_module_functions */
};

/* An empty list of struct patch_module *. Free with g_ptr_array_unref. Context: any thread. */
GPtrArray *patch_modules_new(void);

/* The same list, which shares files and functions; for a process that was forked from the other.
 * Context: one thread at a time. */
GPtrArray *patch_modules_copy(const GPtrArray *modules);

/*
 * Looks at what is mapped now. What is gone is not taken from the list: is_there is false then, and
 * never becomes true again. New ones are at the end. Context: one thread at a time.
 */
void patch_modules_scan(GPtrArray *modules, int pid);

/* Its functions, read at the first call. Context: one thread at a time. */
const struct patch_functions *patch_module_functions(struct patch_module *module);

#endif
