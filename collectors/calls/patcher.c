/*
 * See patcher.h: what is asked for, as a list of items.
 */
#include "collectors/calls/patcher.h"

#include <string.h>
#include <unistd.h>

#include "collectors/calls/patch_names.h"
#include "collectors/calls/patcher_state.h"
#include "core/symbols/demangle.h"

enum { ITEMS_MAX = 1 << 20, REQUESTS_MAX = 1 << 16 };

static void request_free(void *data)
{
    struct patch_wish *request = data;
    g_free(request->module);
    g_free(request->linkage);
    g_free(request);
}

struct patcher *patcher_new(const struct patcher_options *options)
{
    struct patcher *p = g_new0(struct patcher, 1);
    p->shop = (struct patch_workshop){
        .options = *options,
        .stubs = patch_stubs_new(options->code, options->mappings),
        .memory_fd = -1,
    };
    p->modules = patch_modules_new();
    p->items = g_ptr_array_new_with_free_func(g_free);
    p->by_entry = g_hash_table_new(NULL, NULL);
    p->requests = g_ptr_array_new_with_free_func(request_free);
    p->patches = g_array_new(FALSE, FALSE, sizeof(struct patch));
    p->strings = g_string_chunk_new(4 << 10);
    p->is_on = true;
    return p;
}

void patcher_free(struct patcher *p)
{
    if (!p)
        return;
    if (p->shop.memory_fd >= 0)
        close(p->shop.memory_fd);
    patch_stubs_free(p->shop.stubs);
    patch_room_free(p->shop.room);
    symbolizer_free(p->symbolizer);
    g_hash_table_unref(p->by_entry);
    g_ptr_array_unref(p->items);
    g_ptr_array_unref(p->modules);
    g_ptr_array_unref(p->requests);
    g_array_unref(p->patches);
    g_string_chunk_free(p->strings);
    g_free(p);
}

/* ---- what is asked for ---- */

static struct patch_item *add_item(struct patcher *p, struct patch_module *module,
                                   const struct patch_function *function, enum patch_way way)
{
    uint64_t entry = module->bias + function->entry;
    struct patch_item *item = g_hash_table_lookup(p->by_entry, GSIZE_TO_POINTER(entry));
    if (!item && p->items->len < ITEMS_MAX) {
        item = g_new0(struct patch_item, 1);
        item->patch = (struct patch){.module = module->path,
                                     .bias = module->bias,
                                     .address = entry,
                                     .linkage = function->linkage,
                                     .reason = ""};
        item->module = module;
        item->function = function;
        g_ptr_array_add(p->items, item);
        g_hash_table_insert(p->by_entry, GSIZE_TO_POINTER(entry), item);
    }
    if (item)
        item->wanted |= way;
    return item;
}

static const char *source_file(struct patcher *p, const struct patch_module *module,
                               uint64_t address)
{
    struct symbol_line line[1];
    if (!p->symbolizer)
        p->symbolizer = symbolizer_new();
    bool found = symbolizer_lookup(p->symbolizer, module->elf, address, line, 1) == 1;
    return found && line->file ? line->file : "";
}

static bool is_meant(struct patcher *p, const struct calls_filter *filter,
                     const struct patch_module *module, const struct patch_function *function)
{
    if (function->linkage[0] == '\0')
        return false;
    char *name = demangle(function->linkage), *brief = demangle_brief(name);
    struct calls_candidate candidate = {.name = name,
                                        .brief = brief,
                                        .linkage = function->linkage,
                                        .module = module->path,
                                        .file = ""};
    if (calls_filter_wants_files(filter))
        candidate.file = source_file(p, module, function->entry);
    bool meant = calls_filter_matches(filter, &candidate);
    g_free(brief);
    g_free(name);
    return meant;
}

static void search_module(struct patcher *p, struct patch_module *module,
                          const struct calls_filter *filter, bool all_sleds)
{
    bool by_name = filter && calls_filter_wants_module(filter, module->path);
    size_t n = 0;
    if (module->refusal || (!by_name && !all_sleds))
        return;
    const struct patch_functions *functions = patch_module_functions(module);
    const struct patch_function *all = patch_functions_all(functions, &n);
    for (size_t i = 0; i < n; i++) {
        if (all_sleds && all[i].has_sled)
            add_item(p, module, &all[i], BY_SLED);
        if (by_name && is_meant(p, filter, module, &all[i]))
            add_item(p, module, &all[i], BY_FILTER);
    }
}

/* What a request means in a module that is there. */
static void take_request(struct patcher *p, struct patch_module *module, uint64_t address, bool on)
{
    const struct patch_functions *functions =
        module->refusal ? NULL : patch_module_functions(module);
    const struct patch_function *function =
        functions ? patch_functions_find(functions, address) : NULL;
    if (function && on) {
        add_item(p, module, function, BY_REQUEST);
    } else if (function) {
        uint64_t entry = module->bias + function->entry;
        struct patch_item *item = g_hash_table_lookup(p->by_entry, GSIZE_TO_POINTER(entry));
        if (item)
            item->wanted = 0;
    } else if (on) {
        const struct patch_function none = {.entry = address, .linkage = ""};
        struct patch_item *item = add_item(p, module, &none, BY_REQUEST);
        if (item && item->function == &none) {
            item->function = NULL;
            item->patch.state = PATCH_REFUSED;
            item->patch.reason = module->refusal ? module->refusal : "no function is known there";
        }
    }
}

static void forget_gone(struct patcher *p)
{
    for (guint i = 0; i < p->items->len; i++) {
        struct patch_item *item = g_ptr_array_index(p->items, i);
        if (item->is_gone || item->module->is_there)
            continue;
        item->is_gone = true;
        g_hash_table_remove(p->by_entry, GSIZE_TO_POINTER(item->patch.address));
    }
}

/* A library that was unloaded and loaded again in the same place has its own code again: what was
 * changed is changed once more, which does nothing where it still is. */
static void doubt_changes(struct patcher *p)
{
    for (guint i = 0; i < p->items->len; i++) {
        struct patch_item *item = g_ptr_array_index(p->items, i);
        item->is_doubtful = item->patch.state == PATCH_IN;
        if (item->is_prepared && item->patch.state == PATCH_REFUSED)
            item->patch.state = PATCH_WANTED; /* it may have gone in the midst of its change */
    }
}

/* What was asked for of modules that are new. */
static void take_requests(struct patcher *p, struct patch_module *module)
{
    for (guint i = 0; i < p->requests->len; i++) {
        const struct patch_wish *request = g_ptr_array_index(p->requests, i);
        if (g_str_equal(request->module, module->path))
            take_request(p, module, request->address, true);
    }
}

/* Every function with a sled, or no longer. */
static void want_sleds(struct patcher *p, bool all_sleds)
{
    if (all_sleds == p->has_all_sleds)
        return;
    p->has_all_sleds = all_sleds;
    for (guint i = 0; i < p->items->len; i++)
        ((struct patch_item *)g_ptr_array_index(p->items, i))->wanted &= ~(unsigned)BY_SLED;
    for (guint i = 0; i < p->n_scanned && all_sleds; i++) {
        struct patch_module *module = g_ptr_array_index(p->modules, i);
        if (module->is_there)
            search_module(p, module, NULL, true);
    }
}

/* Why nothing of the process may be changed now. */
static const char *process_refusal(const struct patcher *p)
{
    const char *refusal = NULL;
    for (guint i = 0; i < p->modules->len && !refusal; i++) {
        const struct patch_module *module = g_ptr_array_index(p->modules, i);
        if (module->is_there)
            refusal = patch_names_process_refusal(module->path);
    }
    return refusal;
}

void patcher_scan(struct patcher *p, const struct calls_filter *filter, bool all_sleds)
{
    uint64_t generation = patcher_generation(p);
    if (generation != p->scan_generation)
        doubt_changes(p);
    p->scan_generation = generation;
    patch_modules_scan(p->modules, p->shop.options.pid);
    forget_gone(p);
    p->refusal = process_refusal(p);
    want_sleds(p, all_sleds);
    for (guint i = p->n_scanned; i < p->modules->len; i++) {
        struct patch_module *module = g_ptr_array_index(p->modules, i);
        search_module(p, module, filter, all_sleds);
        take_requests(p, module);
    }
    p->n_scanned = p->modules->len;
}

/* Remembers it, or forgets it, for modules to come. */
static void keep_request(struct patcher *p, const struct patch_request *request)
{
    for (guint i = p->requests->len; i-- > 0;) {
        const struct patch_wish *kept = g_ptr_array_index(p->requests, i);
        if (kept->address == request->address && g_str_equal(kept->module, request->module))
            g_ptr_array_remove_index(p->requests, i);
    }
    if (!request->on || p->requests->len >= REQUESTS_MAX)
        return;
    struct patch_wish *kept = g_new0(struct patch_wish, 1);
    kept->module = g_strdup(request->module);
    kept->linkage = g_strdup(request->linkage);
    kept->address = request->address;
    g_ptr_array_add(p->requests, kept);
}

void patcher_want(struct patcher *p, const struct patch_request *request)
{
    keep_request(p, request);
    for (guint i = 0; i < p->n_scanned; i++) {
        struct patch_module *module = g_ptr_array_index(p->modules, i);
        if (module->is_there && g_str_equal(module->path, request->module))
            take_request(p, module, request->address, request->on);
    }
}

void patcher_set_on(struct patcher *p, bool on)
{
    p->is_on = on;
}

const GArray *patcher_patches(const struct patcher *p)
{
    g_array_set_size(p->patches, 0);
    for (guint i = 0; i < p->items->len; i++) {
        const struct patch_item *item = g_ptr_array_index(p->items, i);
        if (item->wanted && !item->is_gone)
            g_array_append_val(p->patches, item->patch);
    }
    return p->patches;
}
