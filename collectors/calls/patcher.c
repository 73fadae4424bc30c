/*
 * See patcher.h. What was asked for is a list of items; carrying out goes through it three times:
 * prepare what is new, have mapped what that needs, and make or undo changes.
 */
#include "collectors/calls/patcher.h"

#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "collectors/calls/patch_change.h"
#include "collectors/calls/patch_memory.h"
#include "core/symbols/demangle.h"
#include "core/symbols/symbolizer.h"
#include "core/target/remote_call.h"
#include "core/wire/wire.h"

enum { CARRY_OUT_MS = 2000, PAUSE_NS = 500000, ITEMS_MAX = 1 << 20, REQUESTS_MAX = 1 << 16 };

/* By what a function was asked for: bits. */
enum way { BY_FILTER = 1, BY_REQUEST = 2, BY_SLED = 4 };

/* A function that was asked for. */
struct item {
    struct patch patch;
    struct patch_module *module;
    const struct patch_function *function;
    struct patch_change change;
    unsigned wanted; /* enum way; 0: no longer */
    bool is_prepared;
    bool is_doubtful; /* its change has to be made once more, to be sure */
    bool is_gone;     /* with its module */
};

/* What a person has asked for, also of modules that are not there yet. */
struct request {
    char *module, *linkage;
    uint64_t address;
};

struct patcher {
    struct patch_workshop shop;
    GPtrArray *modules;
    GPtrArray *items;     /* struct item, in the order of asking */
    GHashTable *by_entry; /* address in memory -> struct item that is not gone */
    GPtrArray *requests;
    GArray *patches; /* what patcher_patches gives out */
    GStringChunk *strings;
    struct symbolizer *symbolizer; /* for source files; NULL: not needed so far */
    guint n_scanned;               /* modules that have been searched */
    uint32_t n_ordered;            /* mappings that the collector has been told of */
    uint64_t scan_generation;      /* of unloaded libraries, at the scan */
    bool is_on;
    bool has_all_sleds; /* at the last scan */
};

static void request_free(void *data)
{
    struct request *request = data;
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

static struct item *add_item(struct patcher *p, struct patch_module *module,
                             const struct patch_function *function, enum way way)
{
    uint64_t entry = module->bias + function->entry;
    struct item *item = g_hash_table_lookup(p->by_entry, GSIZE_TO_POINTER(entry));
    if (!item && p->items->len < ITEMS_MAX) {
        item = g_new0(struct item, 1);
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
        struct item *item = g_hash_table_lookup(p->by_entry, GSIZE_TO_POINTER(entry));
        if (item)
            item->wanted = 0;
    } else if (on) {
        const struct patch_function none = {.entry = address, .linkage = ""};
        struct item *item = add_item(p, module, &none, BY_REQUEST);
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
        struct item *item = g_ptr_array_index(p->items, i);
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
        struct item *item = g_ptr_array_index(p->items, i);
        item->is_doubtful = item->patch.state == PATCH_IN;
    }
}

static uint64_t map_generation(const struct patcher *p)
{
    const uint64_t *word = p->shop.options.map_generation;
    return word ? __atomic_load_n(word, __ATOMIC_ACQUIRE) : 0;
}

/* What was asked for of modules that are new. */
static void take_requests(struct patcher *p, struct patch_module *module)
{
    for (guint i = 0; i < p->requests->len; i++) {
        const struct request *request = g_ptr_array_index(p->requests, i);
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
        ((struct item *)g_ptr_array_index(p->items, i))->wanted &= ~(unsigned)BY_SLED;
    for (guint i = 0; i < p->n_scanned && all_sleds; i++) {
        struct patch_module *module = g_ptr_array_index(p->modules, i);
        if (module->is_there)
            search_module(p, module, NULL, true);
    }
}

void patcher_scan(struct patcher *p, const struct calls_filter *filter, bool all_sleds)
{
    uint64_t generation = map_generation(p);
    if (generation != p->scan_generation)
        doubt_changes(p);
    p->scan_generation = generation;
    patch_modules_scan(p->modules, p->shop.options.pid);
    forget_gone(p);
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
        const struct request *kept = g_ptr_array_index(p->requests, i);
        if (kept->address == request->address && g_str_equal(kept->module, request->module))
            g_ptr_array_remove_index(p->requests, i);
    }
    if (!request->on || p->requests->len >= REQUESTS_MAX)
        return;
    struct request *kept = g_new0(struct request, 1);
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

/* ---- carrying out ---- */

static void set_state(struct item *item, enum patch_state state, bool *changed)
{
    *changed |= item->patch.state != state;
    item->patch.state = state;
}

static void refuse(struct item *item, const char *reason, bool *changed)
{
    item->patch.reason = reason;
    set_state(item, PATCH_REFUSED, changed);
}

static bool is_to_be_in(const struct patcher *p, const struct item *item)
{
    return p->is_on && item->wanted && !item->is_gone && item->patch.state != PATCH_REFUSED;
}

static bool is_to_be_done(const struct patcher *p, const struct item *item)
{
    bool is_in = item->patch.state == PATCH_IN && !item->is_doubtful;
    return !item->is_gone && item->patch.state != PATCH_REFUSED &&
           (is_to_be_in(p, item) ? !is_in : item->patch.state == PATCH_IN);
}

static bool has_work(const struct patcher *p)
{
    for (guint i = 0; i < p->items->len; i++)
        if (is_to_be_done(p, g_ptr_array_index(p->items, i)))
            return true;
    return false;
}

/* Whether the libraries are those that were there at the scan: what is unloaded now must not be
 * written to. */
static bool is_as_scanned(const struct patcher *p)
{
    uint64_t now = map_generation(p);
    return now == p->scan_generation && (now & WIRE_UNLOADING_MASK) == 0;
}

static void prepare_all(struct patcher *p, bool *changed)
{
    for (guint i = 0; i < p->items->len; i++) {
        struct item *item = g_ptr_array_index(p->items, i);
        if (item->is_prepared || !is_to_be_in(p, item))
            continue;
        const char *reason =
            patch_change_prepare(&p->shop, item->module, item->function, &item->change);
        item->is_prepared = !reason;
        if (reason)
            refuse(item, reason, changed);
    }
    patch_room_free(p->shop.room); /* another time, other mappings */
    p->shop.room = NULL;
}

/* Whether all orders have a result. */
static bool all_answered(const struct patcher *p)
{
    for (uint32_t i = 0; i < p->n_ordered; i++)
        if (__atomic_load_n(&p->shop.options.mappings[i].result, __ATOMIC_ACQUIRE) == 0)
            return false;
    return true;
}

/* The process waits for the word: it looks for orders whenever it is woken. */
static bool wake_and_wait(const struct patcher *p)
{
    for (int i = 0; i < CARRY_OUT_MS * 1000000 / PAUSE_NS; i++) {
        syscall(SYS_futex, &p->shop.options.wire->go, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
        if (all_answered(p))
            return true;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
    return false;
}

/* Those whose code cannot be mapped. */
static void refuse_unmapped(struct patcher *p, const char *reason, bool *changed)
{
    for (guint i = 0; i < p->items->len; i++) {
        struct item *item = g_ptr_array_index(p->items, i);
        if (!item->is_prepared || item->change.is_sled || item->patch.state == PATCH_REFUSED)
            continue;
        if (__atomic_load_n(&p->shop.options.mappings[item->change.mapping].result,
                            __ATOMIC_ACQUIRE) != 1)
            refuse(item, reason, changed);
    }
}

/* Has the orders carried out. False: later. */
static bool have_mapped(struct patcher *p, bool is_waiting, bool *changed)
{
    struct wire_calls *wire = p->shop.options.wire;
    GError *error = NULL;
    uint32_t n = patch_stubs_n_mappings(p->shop.stubs);
    if (p->n_ordered == n && all_answered(p))
        return true;
    p->n_ordered = n;
    __atomic_store_n(&wire->n_mappings, n, __ATOMIC_RELEASE);
    if (is_waiting)
        return wake_and_wait(p);
    enum remote_call_outcome outcome =
        remote_call_run(p->shop.options.pid, __atomic_load_n(&wire->carry_out, __ATOMIC_RELAXED),
                        CARRY_OUT_MS, &error);
    if (outcome == REMOTE_CALL_REFUSED)
        refuse_unmapped(p, g_string_chunk_insert_const(p->strings, error->message), changed);
    g_clear_error(&error);
    return outcome != REMOTE_CALL_LATER && all_answered(p);
}

static void make_change(struct patcher *p, struct item *item, bool *changed)
{
    bool is_in = is_to_be_in(p, item);
    item->is_doubtful = false;
    if (!patch_change_make(&p->shop, &item->change, is_in))
        refuse(item, "its code has been changed by somebody else", changed);
    else
        set_state(item, is_in ? PATCH_IN : PATCH_OUT, changed);
}

/* Makes and undoes what can be now. False: some is left. */
static bool make_changes(struct patcher *p, bool is_mapped, bool *changed)
{
    bool is_left = false;
    for (guint i = 0; i < p->items->len; i++) {
        struct item *item = g_ptr_array_index(p->items, i);
        if (!is_to_be_done(p, item))
            continue;
        if (!item->is_prepared)
            set_state(item, PATCH_OUT, changed);
        else if (!is_as_scanned(p) ||
                 (!is_mapped && !item->change.is_sled && item->patch.state == PATCH_WANTED))
            is_left = true;
        else
            make_change(p, item, changed);
    }
    return !is_left;
}

bool patcher_carry_out(struct patcher *p, bool is_waiting, bool *ret_changed)
{
    bool changed = false;
    *ret_changed = false;
    if (!has_work(p))
        return true;
    if (!__atomic_load_n(&p->shop.options.wire->is_ready, __ATOMIC_ACQUIRE) || !is_as_scanned(p))
        return false;
    if (p->shop.memory_fd < 0)
        p->shop.memory_fd = patch_memory_open(p->shop.options.pid);
    if (p->shop.memory_fd < 0)
        return false;
    prepare_all(p, &changed);
    bool is_mapped = have_mapped(p, is_waiting, &changed);
    if (is_mapped)
        refuse_unmapped(p, "no room within reach for its jump", &changed);
    bool is_done = make_changes(p, is_mapped, &changed);
    *ret_changed = changed;
    return is_done;
}

const GArray *patcher_patches(const struct patcher *p)
{
    g_array_set_size(p->patches, 0);
    for (guint i = 0; i < p->items->len; i++) {
        const struct item *item = g_ptr_array_index(p->items, i);
        if (item->wanted && !item->is_gone)
            g_array_append_val(p->patches, item->patch);
    }
    return p->patches;
}
