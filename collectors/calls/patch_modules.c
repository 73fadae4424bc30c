/*
 * See patch_modules.h. A module is known by its first executable range: path, file and address.
 */
#include "collectors/calls/patch_modules.h"

#include <stdio.h>

#include "collectors/calls/patch_names.h"
#include "collectors/calls/patch_verdict.h"
#include "core/target/proc_maps.h"

enum { MODULES_MAX = 4096 };

static void module_free(void *data)
{
    struct patch_module *module = data;
    patch_functions_unref(module->functions);
    elf_file_unref(module->elf);
    g_free(module->path);
    g_free(module);
}

GPtrArray *patch_modules_new(void)
{
    return g_ptr_array_new_with_free_func(module_free);
}

GPtrArray *patch_modules_copy(const GPtrArray *modules)
{
    GPtrArray *copies = patch_modules_new();
    for (guint i = 0; i < modules->len; i++) {
        const struct patch_module *module = g_ptr_array_index(modules, i);
        struct patch_module *copy = g_memdup2(module, sizeof *module);
        copy->path = g_strdup(module->path);
        copy->elf = module->elf ? elf_file_ref(module->elf) : NULL;
        copy->functions = module->functions ? patch_functions_ref(module->functions) : NULL;
        g_ptr_array_add(copies, copy);
    }
    return copies;
}

/* What is looked for while the maps are read. */
struct scan {
    GPtrArray *modules;
    int pid;
    guint n_old;
    GHashTable *present; /* indices, from 1 on */
};

static bool is_same(const struct patch_module *module, const struct proc_map *map)
{
    return module->is_there && module->device == map->device && module->inode == map->inode &&
           map->start - map->file_offset == module->start - module->file_offset &&
           g_str_equal(module->path, map->path);
}

/* By its name, else by the range itself, which leads to the file though it has been deleted. */
static struct elf_file *open_file(int pid, const struct proc_map *map)
{
    char link[96];
    struct elf_file *elf = elf_file_open(pid, map->path, map->device, map->inode, NULL);
    snprintf(link, sizeof link, "/proc/%d/map_files/%lx-%lx", pid, (unsigned long)map->start,
             (unsigned long)map->end);
    return elf ? elf : elf_file_open_link(link, map->path, map->device, map->inode, NULL);
}

static void add_module(const struct scan *scan, const struct proc_map *map)
{
    struct patch_module *module = g_new0(struct patch_module, 1);
    uint64_t vaddr = 0;
    *module = (struct patch_module){.path = g_strdup(map->path),
                                    .start = map->start,
                                    .end = map->end,
                                    .device = map->device,
                                    .inode = map->inode,
                                    .file_offset = map->file_offset,
                                    .is_there = true};
    module->refusal = patch_names_module_refusal(map->path);
    if (!module->refusal)
        module->elf = open_file(scan->pid, map);
    if (module->elf && elf_file_address(module->elf, map->file_offset, &vaddr))
        module->bias = map->start - vaddr;
    else if (!module->refusal)
        module->refusal = "its file cannot be read";
    if (module->elf)
        module->code_refusal = patch_verdict_of_file(module->elf);
    g_ptr_array_add(scan->modules, module);
}

static void look(const struct proc_map *map, void *data)
{
    struct scan *scan = data;
    if (map->inode == 0 || map->path[0] != '/')
        return;
    for (guint i = 0; i < scan->modules->len; i++) {
        const struct patch_module *module = g_ptr_array_index(scan->modules, i);
        if (!is_same(module, map))
            continue;
        g_hash_table_add(scan->present, GUINT_TO_POINTER(i + 1));
        return;
    }
    if (scan->modules->len < MODULES_MAX)
        add_module(scan, map);
}

void patch_modules_scan(GPtrArray *modules, int pid)
{
    struct scan scan = {modules, pid, modules->len, g_hash_table_new(NULL, NULL)};
    if (proc_maps_read(pid, look, &scan))
        for (guint i = 0; i < scan.n_old; i++)
            if (!g_hash_table_contains(scan.present, GUINT_TO_POINTER(i + 1)))
                ((struct patch_module *)g_ptr_array_index(modules, i))->is_there = false;
    g_hash_table_unref(scan.present);
}

const struct patch_functions *patch_module_functions(struct patch_module *module)
{
    if (!module->functions && module->elf)
        module->functions = patch_functions_read(module->elf);
    return module->functions;
}
