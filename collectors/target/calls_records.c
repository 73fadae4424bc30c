/* See calls_records.h. */
#include "collectors/target/calls_records.h"

#include <dlfcn.h>

#include "collectors/target/mapped_file.h"

#define FUNCTION_MASK ((UINT64_C(1) << 48) - 1)

/* ---- the index ---- */

static uint64_t n_places(const struct calls_index *index)
{
    return UINT64_C(1) << (64 - index->shift);
}

static void insert(struct calls_index *index, struct calls_node *node)
{
    uint64_t mask = n_places(index) - 1;
    uint64_t i = calls_hash(node->function, node->context, index->shift);
    while (index->places[i])
        i = (i + 1) & mask;
    __atomic_store_n(&index->places[i], node, __ATOMIC_RELEASE);
    index->n_used++;
}

/* Another index with all nodes that are not of a module that has gone. */
static struct calls_index *copy(struct calls_thread *thread, uint32_t bits)
{
    const struct calls_index *old = thread->index;
    struct calls_index *index =
        calls_thread_take(thread, sizeof *index + (sizeof(struct calls_node *) << bits));
    if (!index)
        return NULL;
    index->shift = 64 - bits;
    for (uint64_t i = 0; i < n_places(old); i++)
        if (old->places[i] && !old->places[i]->is_gone)
            insert(index, old->places[i]);
    return index;
}

static bool grow(struct calls_thread *thread)
{
    const struct calls_index *old = thread->index;
    if (2 * (uint64_t)old->n_used < n_places(old))
        return true;
    struct calls_index *index = copy(thread, 64 - old->shift + 1);
    if (!index)
        return false;
    __atomic_store_n(&thread->index, index, __ATOMIC_RELEASE);
    return true;
}

/* ---- modules ---- */

static uint16_t module_of(const struct calls_thread *thread, const struct calls_key *key)
{
    struct dl_find_object found;
    if (key->way == WIRE_CALLS_BY_SCOPE)
        return WIRE_CALLS_MODULE_NAMES;
    if (thread->is_scratch || !mapped_file_find(key->function, &found))
        return 0;
    return (uint16_t)segment_modules_number(&thread->calls->modules, &found);
}

static bool has_gone(const struct calls *calls, const struct calls_node *node)
{
    return node->module > 0 && node->module < WIRE_MODULES &&
           segment_modules_is_gone(&calls->modules, node->module);
}

/* When there is no memory for another index, their places stay taken. */
void calls_nodes_forget(struct calls_thread *thread)
{
    struct calls_index *index = thread->index;
    thread->seen_generation = __atomic_load_n(thread->generation, __ATOMIC_ACQUIRE);
    bool has_any = false;
    for (uint64_t i = 0; i < n_places(index); i++) {
        struct calls_node *node = index->places[i];
        if (!node || node->is_gone || !has_gone(thread->calls, node))
            continue;
        node->is_gone = 1;
        has_any = true;
    }
    index = has_any ? copy(thread, 64 - index->shift) : NULL;
    if (index) {
        __atomic_store_n(&thread->index, index, __ATOMIC_RELEASE);
        return;
    }
    index = thread->index;
    for (uint64_t i = 0; has_any && i < n_places(index); i++)
        if (index->places[i] && index->places[i]->is_gone)
            index->places[i]->function = UINT64_MAX;
}

/* ---- nodes ---- */

static struct calls_node *make_node(struct calls_thread *thread, const struct calls_key *key)
{
    struct calls_node *node = grow(thread) ? calls_thread_take(thread, sizeof *node) : NULL;
    if (!node)
        return NULL;
    node->function = key->function;
    node->context = key->context;
    node->way = (uint8_t)key->way;
    return node;
}

/* The node that stands for the function itself. */
static struct calls_node *itself(struct calls_thread *thread, const struct calls_key *key)
{
    struct calls_node *node = calls_node_find(thread->index, key->function, CALLS_ANY_CONTEXT);
    struct calls_key any = {key->function, CALLS_ANY_CONTEXT, key->way};
    if (node)
        return node;
    node = make_node(thread, &any);
    if (!node)
        return NULL;
    node->module = module_of(thread, key);
    node->itself = node;
    insert(thread->index, node);
    return node;
}

static struct calls_node *find_or_make(struct calls_thread *thread, const struct calls_key *key)
{
    struct calls_node *node = calls_node_find(thread->index, key->function, key->context);
    if (node)
        return node;
    struct calls_node *function = itself(thread, key);
    node = function ? make_node(thread, key) : NULL;
    if (!node)
        return NULL;
    node->module = function->module;
    node->itself = function;
    insert(thread->index, node);
    return node;
}

/* ---- records ---- */

/* The number of a new record; 0: there is no room for more. */
static uint32_t claim(struct calls *calls)
{
    uint32_t *count = &calls->wire->n_records;
    if (__atomic_load_n(count, __ATOMIC_RELAXED) >= calls->records.n_max)
        return 0;
    uint32_t number = __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
    return number < calls->records.n_max && segment_area_need(&calls->records, number) ? number : 0;
}

static uint32_t make_record(struct calls_thread *thread, const struct calls_node *node,
                            bool is_recursive)
{
    uint32_t number = claim(thread->calls);
    if (!number)
        return 0;
    struct wire_calls_record *record = segment_area_at(&thread->calls->records, number);
    record->context = node->context;
    record->is_recursive = is_recursive;
    record->way = (unsigned)node->way & 3u;
    record->tid = (uint32_t)thread->record_tid & ((1u << 29) - 1);
    /* which says that it is whole */
    __atomic_store_n((uint64_t *)record,
                     (node->function & FUNCTION_MASK) | (uint64_t)node->module << 48,
                     __ATOMIC_RELEASE);
    return number;
}

static bool give_record(struct calls_thread *thread, struct calls_node *node, bool is_recursive)
{
    if (is_recursive ? node->recursive != NULL : node->record != NULL)
        return true;
    if (thread->is_scratch) {
        node->record = node->recursive = &thread->nowhere_record;
        return true;
    }
    uint32_t number = make_record(thread, node, is_recursive);
    if (!number)
        return false;
    struct wire_calls_record *record = segment_area_at(&thread->calls->records, number);
    if (is_recursive) {
        node->recursive_number = number;
        __atomic_store_n(&node->recursive, record, __ATOMIC_RELEASE);
    } else {
        node->number = number;
        __atomic_store_n(&node->record, record, __ATOMIC_RELEASE);
    }
    return true;
}

struct calls_node *calls_node_make(struct calls_thread *thread, const struct calls_key *key,
                                   bool is_recursive)
{
    struct calls_node *node = find_or_make(thread, key);
    if (node && give_record(thread, node, is_recursive))
        return node;
    if (!thread->is_scratch)
        calls_note_trouble(thread->calls, WIRE_CALLS_NO_ROOM);
    return NULL;
}

static void share(struct wire_calls_record *record)
{
    if (record)
        record->tid = 0;
}

void calls_nodes_share(struct calls_thread *thread)
{
    if (thread->record_tid == 0)
        return;
    thread->record_tid = 0;
    for (uint64_t i = 0; i < n_places(thread->index); i++) {
        const struct calls_node *node = thread->index->places[i];
        share(node ? node->record : NULL);
        share(node ? node->recursive : NULL);
    }
}
