/* How many functions of a running process can be counted without recompiling it, and what speaks
 * against the others: patchable PID [PART-OF-PATH]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/calls/patch_verdict.h"
#include "collectors/calls/patch_modules.h"
#include "collectors/calls/patch_names.h"
#include "collectors/calls/patch_room.h"
#include "collectors/calls/patch_site.h"

enum { PAGE = 4096 };

static bool fits(uint64_t target, void *data)
{
    uint64_t start = target & ~(uint64_t)(PAGE - 1);
    uint64_t end = (target + 6 + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    return patch_room_is_free(data, start, end);
}

static const char *judge(const struct patch_module *module, const struct patch_function *function,
                         struct patch_room *room)
{
    struct patch_site site;
    struct patch_body body;
    uint8_t written[PATCH_BLOCK_BYTES];
    const char *reason = patch_names_refusal(function->linkage);
    size_t n = (size_t)MIN(function->end - function->entry, function->size + PATCH_INSTRUCTION_MAX);
    const uint8_t *bytes = elf_file_bytes(module->elf, function->entry, n);
    struct patch_code code = {bytes, module->bias + function->entry, MIN(function->size, n), n};
    if (reason || function->is_resolver)
        return reason ? reason : "it is a resolver";
    if (!bytes || function->size == 0)
        return bytes ? "its size is not known" : "its code is not in the file";
    reason = patch_verdict(module, &code, &body);
    if (!reason)
        reason = patch_site_find(&code, &body, fits, room, &site);
    if (reason)
        return reason;
    struct patch_block block = {.address = module->start, .enter = module->start};
    if (!patch_site_write(&site, &block, written))
        return "its instruction cannot be moved";
    return site.address == code.address ? "+ at the entry" : "+ behind the entry";
}

static void print_reason(gpointer reason, gpointer count, gpointer data)
{
    (void)data;
    printf("  %7u  %s\n", GPOINTER_TO_UINT(count), (const char *)reason);
}

static void report(struct patch_module *module, struct patch_room *room)
{
    GHashTable *reasons = g_hash_table_new(g_str_hash, g_str_equal);
    size_t n = 0, good = 0;
    const struct patch_function *all = patch_functions_all(patch_module_functions(module), &n);
    for (size_t i = 0; i < n; i++) {
        const char *reason = judge(module, &all[i], room);
        guint count = GPOINTER_TO_UINT(g_hash_table_lookup(reasons, reason));
        g_hash_table_insert(reasons, (gpointer)reason, GUINT_TO_POINTER(count + 1));
        good += reason[0] == '+';
    }
    printf("%s: %zu of %zu functions, %.1f %%\n", module->path, good, n,
           n ? 100.0 * (double)good / (double)n : 0);
    g_hash_table_foreach(reasons, print_reason, NULL);
    g_hash_table_unref(reasons);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    int pid = (int)strtol(argv[1], NULL, 10);
    GPtrArray *modules = patch_modules_new();
    struct patch_room *room = patch_room_read(pid);
    patch_modules_scan(modules, pid);
    for (guint i = 0; i < modules->len; i++) {
        struct patch_module *module = g_ptr_array_index(modules, i);
        if (module->elf && !module->refusal && (argc < 3 || strstr(module->path, argv[2])))
            report(module, room);
    }
    patch_room_free(room);
    g_ptr_array_unref(modules);
    return 0;
}
