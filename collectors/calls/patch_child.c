/*
 * See patcher.h: patcher_new_child(). A forked child has its parent's changed code, and what that
 * leads to: the parent's code area, which is mapped in the child too, and stays when the parent
 * ends. What of it is in is seen by the child's own bytes, as the parent's may have been changed
 * since.
 */
#include "collectors/calls/patch_memory.h"
#include "collectors/calls/patcher_state.h"

/* The child's module in the place of the parent's. */
static struct patch_module *counterpart(const struct patcher *parent, const struct patcher *child,
                                        const struct patch_module *module)
{
    guint i = 0;
    g_ptr_array_find(parent->modules, module, &i);
    return g_ptr_array_index(child->modules, i);
}

static void judge(const struct patcher *child, struct patch_item *item)
{
    enum patch_found found = child->shop.memory_fd >= 0
                                 ? patch_change_look(&child->shop, &item->change)
                                 : PATCH_FOUND_NOTHING;
    item->is_inherited = item->is_prepared = found != PATCH_FOUND_NOTHING;
    item->is_doubtful = found == PATCH_FOUND_HALF;
    item->patch.reason = "";
    if (found == PATCH_FOUND_NOTHING)
        item->patch.state = PATCH_WANTED;
    else
        item->patch.state = found == PATCH_FOUND_OUT ? PATCH_OUT : PATCH_IN;
}

static void inherit_item(struct patcher *child, const struct patcher *parent,
                         const struct patch_item *from)
{
    struct patch_item *item = g_memdup2(from, sizeof *from);
    item->module = counterpart(parent, child, from->module);
    item->patch.module = item->module->path;
    item->patch.reason = g_string_chunk_insert_const(child->strings, from->patch.reason);
    if (!item->function) /* its name is nobody's */
        item->patch.linkage = "";
    if (item->is_prepared)
        judge(child, item);
    g_ptr_array_add(child->items, item);
    g_hash_table_insert(child->by_entry, GSIZE_TO_POINTER(item->patch.address), item);
}

static void inherit_wish(struct patcher *child, const struct patch_wish *from)
{
    struct patch_wish *wish = g_new0(struct patch_wish, 1);
    wish->module = g_strdup(from->module);
    wish->linkage = g_strdup(from->linkage);
    wish->address = from->address;
    g_ptr_array_add(child->requests, wish);
}

struct patcher *patcher_new_child(const struct patcher *parent,
                                  const struct patcher_options *options)
{
    struct patcher *child = patcher_new(options);
    g_ptr_array_unref(child->modules);
    child->modules = patch_modules_copy(parent->modules);
    child->n_scanned = parent->n_scanned;
    child->has_all_sleds = parent->has_all_sleds;
    child->scan_generation = patcher_generation(child);
    child->shop.memory_fd = patch_memory_open(options->pid);
    for (guint i = 0; i < parent->items->len; i++) {
        const struct patch_item *item = g_ptr_array_index(parent->items, i);
        if (!item->is_gone)
            inherit_item(child, parent, item);
    }
    for (guint i = 0; i < parent->requests->len; i++)
        inherit_wish(child, g_ptr_array_index(parent->requests, i));
    return child;
}

bool patcher_has_changes(const struct patcher *patcher)
{
    for (guint i = 0; i < patcher->items->len; i++) {
        const struct patch_item *item = g_ptr_array_index(patcher->items, i);
        if (item->is_prepared)
            return true;
    }
    return false;
}
