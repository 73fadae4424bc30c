/*
 * See patcher.h: patcher_carry_out(). What is wanted is gone through three times: what is new is
 * prepared, what that needs is mapped, and changes are made or undone.
 */
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "collectors/calls/patch_memory.h"
#include "collectors/calls/patcher_state.h"
#include "core/target/remote_call.h"
#include "core/wire/wire.h"

enum { CARRY_OUT_MS = 2000, PAUSE_NS = 500000, PLACES_TRIED = 8 };

uint64_t patcher_generation(const struct patcher *p)
{
    return __atomic_load_n(&p->shop.options.wire->unloading, __ATOMIC_SEQ_CST);
}

static void set_state(struct patch_item *item, enum patch_state state, bool *changed)
{
    *changed |= item->patch.state != state;
    item->patch.state = state;
}

static void refuse(struct patch_item *item, const char *reason, bool *changed)
{
    item->patch.reason = reason;
    set_state(item, PATCH_REFUSED, changed);
}

static bool is_to_be_in(const struct patcher *p, const struct patch_item *item)
{
    return p->is_on && item->wanted && !item->is_gone && item->patch.state != PATCH_REFUSED &&
           !p->refusal;
}

static bool is_to_be_done(const struct patcher *p, const struct patch_item *item)
{
    bool is_in = item->patch.state == PATCH_IN && !item->is_doubtful;
    if (item->is_gone || item->patch.state == PATCH_REFUSED)
        return false;
    if (is_to_be_in(p, item))
        return !is_in;
    return item->patch.state == PATCH_IN || (p->refusal && item->wanted);
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
    uint64_t now = patcher_generation(p);
    return now == p->scan_generation && (now & WIRE_UNLOADING_MASK) == 0;
}

/* Not once the process has ended, or runs another program. */
static bool is_readable(const struct patcher *p, const struct patch_item *item)
{
    uint8_t byte;
    return patch_memory_read(p->shop.memory_fd, item->patch.address, &byte, 1);
}

static void prepare_all(struct patcher *p, bool *changed)
{
    for (guint i = 0; i < p->items->len; i++) {
        struct patch_item *item = g_ptr_array_index(p->items, i);
        if (item->is_prepared || !is_to_be_in(p, item))
            continue;
        const char *reason =
            patch_change_prepare(&p->shop, item->module, item->function, &item->change);
        item->is_prepared = !reason;
        if (!is_as_scanned(p) || !is_readable(p, item)) /* it was perhaps another library's */
            item->is_prepared = false;
        else if (reason)
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

/* Whether what its jump leads to could not be mapped, or has not been so far. */
static bool is_unmapped(const struct patcher *p, const struct patch_item *item)
{
    return item->is_prepared && !item->is_inherited && !item->change.is_sled &&
           item->patch.state == PATCH_WANTED &&
           __atomic_load_n(&p->shop.options.mappings[item->change.mapping].result,
                           __ATOMIC_ACQUIRE) != 1;
}

static void refuse_unmapped(struct patcher *p, const char *reason, bool *changed)
{
    for (guint i = 0; i < p->items->len; i++) {
        struct patch_item *item = g_ptr_array_index(p->items, i);
        if (is_unmapped(p, item))
            refuse(item, reason, changed);
    }
}

/* Others may have taken the place meanwhile: another one is looked for. False: nothing of the
 * kind. */
static bool give_up_unmapped(struct patcher *p)
{
    bool any = false;
    for (guint i = 0; i < p->items->len; i++) {
        struct patch_item *item = g_ptr_array_index(p->items, i);
        bool unmapped = is_unmapped(p, item);
        item->is_prepared = item->is_prepared && !unmapped;
        any |= unmapped;
    }
    return any;
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

static void end_change(struct wire_calls *wire)
{
    __atomic_store_n(&wire->changing, 0, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &wire->changing, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* Keeps libraries from going, for one function's change. False: one is going just now, or has gone
 * since the scan. */
static bool begin_change(const struct patcher *p)
{
    struct wire_calls *wire = p->shop.options.wire;
    __atomic_store_n(&wire->changing, 1, __ATOMIC_SEQ_CST);
    if (is_as_scanned(p))
        return true;
    end_change(wire);
    return false;
}

static void make_change(struct patcher *p, struct patch_item *item, bool *changed)
{
    bool is_in = is_to_be_in(p, item);
    item->is_doubtful = false;
    if (!patch_change_make(&p->shop, &item->change, is_in))
        refuse(item, "its code has been changed by somebody else", changed);
    else if (p->refusal)
        refuse(item, p->refusal, changed);
    else
        set_state(item, is_in ? PATCH_IN : PATCH_OUT, changed);
}

/* Makes and undoes what can be now. False: some is left. */
static bool make_changes(struct patcher *p, bool is_mapped, bool *changed)
{
    bool is_left = false;
    for (guint i = 0; i < p->items->len; i++) {
        struct patch_item *item = g_ptr_array_index(p->items, i);
        if (!is_to_be_done(p, item))
            continue;
        if (p->refusal && item->patch.state != PATCH_IN)
            refuse(item, p->refusal, changed);
        else if (!item->is_prepared ||
                 (!is_mapped && !item->change.is_sled && item->patch.state == PATCH_WANTED) ||
                 !begin_change(p)) {
            is_left = true;
        } else {
            make_change(p, item, changed);
            end_change(p->shop.options.wire);
        }
    }
    return !is_left;
}

/* Prepares what is new and has it mapped. False: later. */
static bool get_ready(struct patcher *p, bool is_waiting, bool *changed)
{
    bool is_mapped = false;
    if (!__atomic_load_n(&p->shop.options.wire->is_ready, __ATOMIC_ACQUIRE))
        return false;
    for (int i = 0; i < PLACES_TRIED; i++) {
        prepare_all(p, changed);
        is_mapped = have_mapped(p, is_waiting, changed);
        if (!is_mapped || !give_up_unmapped(p))
            return is_mapped;
    }
    refuse_unmapped(p, patch_site_no_room, changed);
    return true;
}

bool patcher_carry_out(struct patcher *p, bool is_waiting, bool *ret_changed)
{
    bool changed = false;
    *ret_changed = false;
    if (!has_work(p))
        return true;
    if (!is_as_scanned(p))
        return false;
    if (p->shop.memory_fd < 0)
        p->shop.memory_fd = patch_memory_open(p->shop.options.pid);
    if (p->shop.memory_fd < 0)
        return false;
    bool is_mapped = get_ready(p, is_waiting, &changed);
    bool is_done = make_changes(p, is_mapped, &changed);
    *ret_changed = changed;
    return is_done;
}
