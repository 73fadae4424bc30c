/*
 * See scope_api.h. That the program has disabled its scopes is its own business: proftop's switch
 * is another one, and nothing is recorded but when both are on.
 *
 * A scope's frame is where the program's stack pointer is when it enters: so that scopes lie within
 * the functions that they are in, and those that these call, within them.
 */
#include "collectors/target/scope_api.h"

#include <string.h>

#include "collectors/target/calls.h"
#include "collectors/target/calls_threads.h"
#include "collectors/target/scope_allocs.h"
#include "collectors/target/scope_counters.h"
#include "collectors/target/scope_marks.h"
#include "collectors/target/scope_names.h"
#include "collectors/target/scope_stats.h"

#define EXPORT __attribute__((visibility("default")))

/* Goes on into forked children. */
static uint32_t is_disabled;

/* Which of the thread's proftop_enter() have entered, the last one in bit 0. */
static __thread struct {
    uint64_t entered;
    uint32_t depth;
} by_hand;

/* NULL: nothing is recorded now. */
static struct scopes *recording(void)
{
    struct scopes *scopes = scopes_get();
    if (!scopes || __atomic_load_n(&is_disabled, __ATOMIC_RELAXED) ||
        !__atomic_load_n(&scopes->calls->wire->enabled, __ATOMIC_RELAXED))
        return NULL;
    return scopes;
}

static struct calls_thread *own_thread(void)
{
    struct calls_thread *thread = calls_thread_own;
    return thread && thread->enabled ? thread : calls_thread_claim();
}

/* ---- scopes ---- */

static bool enter_at(uintptr_t sp, const char *name)
{
    struct scopes *scopes = recording();
    uint32_t number = scopes ? scope_names_number(scopes, name) : 0;
    struct calls_entry entry = {.function = number, .sp = sp, .way = WIRE_CALLS_BY_SCOPE};
    return number && calls_enter(&entry);
}

#define SP_OF_CALLER() ((uintptr_t)__builtin_dwarf_cfa())

static int enter_scope(const char *name)
{
    return enter_at(SP_OF_CALLER(), name);
}

static void enter_by_hand(const char *name)
{
    by_hand.entered = by_hand.entered << 1 | enter_at(SP_OF_CALLER(), name);
    by_hand.depth++;
}

/* Those further out than there are bits are taken for entered. */
static void leave_by_hand(void)
{
    if (by_hand.depth == 0) {
        if (recording() && own_thread())
            calls_leave(0, 0); /* which is open nowhere */
        return;
    }
    bool has_entered = by_hand.entered & 1;
    by_hand.entered = by_hand.entered >> 1 | UINT64_C(1) << 63;
    by_hand.depth--;
    if (has_entered)
        calls_leave_scope();
}

/* ---- the rest ---- */

static void mark(const char *text)
{
    struct scopes *scopes = recording();
    struct calls_thread *thread = scopes ? own_thread() : NULL;
    if (scopes)
        scope_marks_add(scopes, thread ? thread->owner : 0, text);
}

static void name_thread(const char *name)
{
    struct calls_thread *thread = own_thread();
    if (!thread)
        return;
    char *to = thread->lane->name;
    size_t size = sizeof thread->lane->name, length = name ? strnlen(name, size - 1) : 0;
    memcpy(to, name ? name : "", length);
    memset(to + length, 0, size - length);
}

static void count(const char *name, int64_t value)
{
    struct scopes *scopes = recording();
    if (scopes)
        scope_counters_set(scopes, name, value);
}

static void set_enabled(int is_enabled)
{
    __atomic_store_n(&is_disabled, !is_enabled, __ATOMIC_RELAXED);
}

static int is_enabled(void)
{
    return recording() != NULL;
}

static void reset(void)
{
    struct scopes *scopes = scopes_get();
    if (scopes)
        scope_stats_reset(scopes);
}

static size_t stats(struct proftop_stat *out, size_t n, size_t bytes_each)
{
    struct scopes *scopes = scopes_get();
    return scopes ? scope_stats_get(scopes, out, n, bytes_each) : 0;
}

static void count_with_unit(const char *name, const char *unit, uint64_t value)
{
    char text[sizeof((struct wire_calls_counter *)0)->name];
    size_t room = sizeof text - 1 - strlen(unit), length = strnlen(name, room);
    memcpy(text, name, length);
    memcpy(text + length, unit, strlen(unit) + 1);
    count(text, (int64_t)value);
}

static void record_allocs(const char *name, struct proftop_alloc_scope *scope)
{
    scope_allocs_end(scope);
    if (!scope->is_measured)
        return;
    count_with_unit(name ? name : "", " bytes", scope->bytes);
    count_with_unit(name ? name : "", " blocks", scope->blocks);
}

static void allocated(const void *block, size_t bytes)
{
    struct stack_frame caller = STACK_FRAME_OF_CALLER();
    scope_allocs_add(&caller, block, bytes);
}

static void freed(const void *block)
{
    struct stack_frame caller = STACK_FRAME_OF_CALLER();
    scope_allocs_remove(&caller, block);
}

EXPORT const struct proftop_api proftop_api_1 = {
    .size_bytes = sizeof proftop_api_1,
    .enter_scope = enter_scope,
    .leave_scope = calls_leave_scope,
    .enter = enter_by_hand,
    .leave = leave_by_hand,
    .mark = mark,
    .name_thread = name_thread,
    .count = count,
    .set_enabled = set_enabled,
    .is_enabled = is_enabled,
    .reset = reset,
    .stats = stats,
    .begin_allocs = scope_allocs_begin,
    .end_allocs = scope_allocs_end,
    .record_allocs = record_allocs,
    .allocated = allocated,
    .freed = freed,
};
