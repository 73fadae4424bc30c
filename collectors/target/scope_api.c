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
#include "collectors/target/calls_section.h"
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

static bool is_enabled_here(void)
{
    return !__atomic_load_n(&is_disabled, __ATOMIC_RELAXED);
}

/* ---- what touches the segment ---- */

/* Where signal handlers are kept off: struct scopes says why. */
struct section {
    struct scopes *scopes;
    struct calls_section calls;
};

static void section_end(const struct section *section)
{
    calls_section_end(&section->calls);
}

/* False: there is nothing to do, and section_end() not to be called. */
static bool section_begin(struct section *section)
{
    section->scopes = scopes_get();
    if (!section->scopes || !calls_section_begin(&section->calls))
        return false;
    if (section->calls.thread)
        return true;
    section_end(section);
    return false;
}

static bool is_recorded(const struct section *section)
{
    return is_enabled_here() &&
           __atomic_load_n(&section->scopes->calls->wire->enabled, __ATOMIC_RELAXED);
}

/* ---- scopes ---- */

static uint32_t make_name(const char *name)
{
    struct section section;
    if (!section_begin(&section))
        return 0;
    uint32_t number = is_recorded(&section) ? scope_names_make(section.scopes, name) : 0;
    section_end(&section);
    return number;
}

static bool enter_at(uintptr_t sp, const char *name)
{
    struct scopes *scopes = is_enabled_here() ? scopes_get() : NULL;
    if (!scopes)
        return false;
    if (!name || !*name)
        name = SCOPES_NO_NAME;
    uint32_t number = scope_names_known(scopes, name);
    if (__builtin_expect(!number, 0))
        number = make_name(name);
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

/* What is open nowhere. */
static void note_stray(void)
{
    struct section section;
    if (!section_begin(&section))
        return;
    bool is_counted = is_recorded(&section);
    section_end(&section);
    if (is_counted)
        calls_leave(0, 0);
}

/* Those further out than there are bits are taken for entered. */
static void leave_by_hand(void)
{
    if (by_hand.depth == 0) {
        note_stray();
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
    struct section section;
    if (!section_begin(&section))
        return;
    if (is_recorded(&section))
        scope_marks_add(section.scopes, section.calls.thread->owner, text);
    section_end(&section);
}

static void name_thread(const char *name)
{
    struct section section;
    if (!section_begin(&section))
        return;
    char *to = section.calls.thread->lane->name;
    size_t size = sizeof section.calls.thread->lane->name,
           length = name ? strnlen(name, size - 1) : 0;
    memcpy(to, name ? name : "", length);
    memset(to + length, 0, size - length);
    section_end(&section);
}

static void count(const char *name, int64_t value)
{
    struct section section;
    if (!section_begin(&section))
        return;
    if (is_recorded(&section))
        scope_counters_set(section.scopes, name, value);
    section_end(&section);
}

static void set_enabled(int is_enabled)
{
    __atomic_store_n(&is_disabled, !is_enabled, __ATOMIC_RELAXED);
}

static int is_enabled(void)
{
    struct section section;
    if (!section_begin(&section))
        return 0;
    int is_so = is_recorded(&section);
    section_end(&section);
    return is_so;
}

static void reset(void)
{
    struct section section;
    if (!section_begin(&section))
        return;
    scope_stats_reset(section.scopes);
    section_end(&section);
}

static size_t stats(struct proftop_stat *out, size_t n, size_t bytes_each)
{
    struct section section;
    if (!section_begin(&section))
        return 0;
    size_t n_rows = scope_stats_get(section.scopes, out, n, bytes_each);
    section_end(&section);
    return n_rows;
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
