/*
 * See calls.h. What is usual is in calls_fast.h; here is the rest: calls that have been left
 * without a sign, handlers that interrupt a hook, what is done for the first time.
 *
 * Stack addresses are compared only within one stack: signal handlers may run on one of their own,
 * which lies anywhere.
 */
#include "collectors/target/calls.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collectors/target/calls_fast.h"
#include "collectors/target/patch_vectors.h"

enum {
    STACK_MAX = 64 << 20, /* two addresses further apart are of different stacks */
    EQUAL_MAX = 64,       /* calls that are searched for a function that has ended */
    SCOPES_MAX = 4096,    /* likewise, for a scope */
};

/* ---- stacks ---- */

/* The stack that a signal handler runs on; empty: it has none, or none runs. */
struct signal_stack {
    uintptr_t low, high;
};

static struct signal_stack current_signal_stack(const struct calls_thread *thread)
{
    stack_t stack;
    int saved_errno = errno;
    struct signal_stack found = {0, 0};
    const struct calls *calls = thread->calls;
    if (calls && calls_may_call(calls) && syscall(SYS_sigaltstack, NULL, &stack) == 0 &&
        (stack.ss_flags & SS_ONSTACK))
        found =
            (struct signal_stack){(uintptr_t)stack.ss_sp, (uintptr_t)stack.ss_sp + stack.ss_size};
    errno = saved_errno;
    return found;
}

static bool is_on(const struct signal_stack *stack, uintptr_t sp)
{
    return sp >= stack->low && sp < stack->high;
}

/* Whether what had its frame at `old` has been left, as something above or at `sp` runs. */
static bool was_left(uintptr_t old, uintptr_t sp, const struct signal_stack *stack)
{
    return old <= sp && sp - old < STACK_MAX && is_on(stack, old) == is_on(stack, sp);
}

/* ---- closing ---- */

/* Without its exit: that probe has not run. What it takes to close it here is not known, and less
 * than that. */
static void pop_implicitly(struct calls_thread *thread, uint64_t now)
{
    calls_close(thread, now, true);
    calls_bump(&thread->lane->implicit_exits, 1);
}

void calls_close_all(struct calls_thread *thread, uint64_t now)
{
    while (!calls_is_bottom(thread->top))
        pop_implicitly(thread, now);
}

/* Closes calls whose frames were below `sp`. These loops stop at the bottom whatever they look for:
 * a thread that shares its state with another one, as it was made without memory of its own, may
 * find that closed. */
static void pop_below(struct calls_thread *thread, uintptr_t sp, uint64_t now)
{
    if (thread->top->sp >= sp)
        return;
    struct signal_stack stack = current_signal_stack(thread);
    while (!calls_is_bottom(thread->top) && thread->top->sp < sp &&
           was_left(thread->top->sp, sp, &stack))
        pop_implicitly(thread, now);
}

static void pop_until(struct calls_thread *thread, const struct calls_open *open, uint64_t now)
{
    while (thread->top != open && !calls_is_bottom(thread->top))
        pop_implicitly(thread, now);
}

/* ---- which state ---- */

/* The state that a hook is to use: that of the thread, or when the hook is in a handler that has
 * interrupted another one, the second; its guard is clear then. NULL: there is none. */
static struct calls_thread *choose(struct calls_thread *thread, uintptr_t here, bool may_make)
{
    while (thread && thread->guard) {
        struct signal_stack stack = current_signal_stack(thread);
        if (was_left(thread->guard, here, &stack)) {
            thread->guard = 0;
            break;
        }
        if (!thread->second && may_make)
            calls_thread_second(thread);
        thread = thread->second;
    }
    return thread;
}

/* ---- entering ---- */

/* What is unusual may need libc, which may use vector registers: patched code needs those kept. */
static void run_keeping(enum wire_calls_way way, void (*run)(void *), void *data)
{
    if (way == WIRE_CALLS_BY_PATCH)
        vector_state_run(run, data);
    else
        run(data);
}

struct claim {
    struct calls_thread *thread;
    uintptr_t here;
};

static void run_claim(void *data)
{
    struct claim *claim = data;
    struct calls_thread *thread = calls_thread_own;
    if (!thread || !thread->top)
        thread = calls_thread_claim();
    claim->thread = choose(thread, claim->here, true);
}

static void count_missed(struct calls_thread *thread)
{
    __atomic_fetch_add(&thread->lane->missed, 1, __ATOMIC_RELAXED);
}

bool calls_enter_slowly(const struct calls_entry *entry, uintptr_t here)
{
    struct claim claim = {.here = here};
    if (calls_thread_is_refused || !calls_get())
        return false;
    run_keeping(entry->way, run_claim, &claim);
    if (!claim.thread) {
        if (calls_thread_own && calls_thread_own->guard && calls_is_enabled(calls_thread_own))
            count_missed(calls_thread_own);
        return false;
    }
    return calls_guard(claim.thread, here) && calls_enter_guarded(claim.thread, entry);
}

struct making {
    struct calls_thread *thread;
    const struct calls_entry *entry;
    struct calls_node *node;
    bool is_recursive;
};

static void run_make(void *data)
{
    struct making *making = data;
    struct calls_key key = {making->entry->function, making->thread->top->context,
                            making->entry->way};
    making->node = calls_node_make(making->thread, &key, making->is_recursive);
}

static void run_forget(void *data)
{
    calls_nodes_forget(data);
}

static void run_add_page(void *data)
{
    struct making *making = data;
    if (!calls_thread_add_page(making->thread))
        making->thread = NULL;
}

static bool has_record(const struct calls_node *node, bool is_recursive)
{
    return node && (is_recursive ? node->recursive != NULL : node->record != NULL);
}

/* Finds the node and its record, which are made if need be. */
static struct calls_node *find_node(struct calls_thread *thread, const struct calls_entry *entry,
                                    bool *ret_is_recursive)
{
    uint64_t function = entry->function;
    const struct calls_node *itself = calls_node_find(thread->index, function, CALLS_ANY_CONTEXT);
    struct making making = {.thread = thread, .entry = entry};
    making.is_recursive = itself && calls_open_is(itself->first, function);
    *ret_is_recursive = making.is_recursive;
    making.node = calls_node_find(thread->index, function, thread->top->context);
    if (!has_record(making.node, making.is_recursive))
        run_keeping(entry->way, run_make, &making);
    return making.node;
}

/* A hook's exit will come in any case: it must find something, or it would close another call. What
 * lies at `next` then is no call of the function, as far as that knows. */
static bool target_nowhere(struct calls_thread *thread, const struct calls_entry *entry,
                           const struct calls_open *next, struct calls_target *target)
{
    struct calls_node *itself = calls_node_find(thread->index, entry->function, CALLS_ANY_CONTEXT);
    if (itself && itself->first == next)
        itself->first = NULL;
    count_missed(thread);
    if (entry->way != WIRE_CALLS_BY_HOOK)
        return false;
    *target =
        (struct calls_target){&thread->nowhere, &thread->nowhere_record, 0, thread->top->context};
    return true;
}

/* What to add the call to, which will lie at `next`, as calls_enter_fast() has it. */
static bool find_target(struct calls_thread *thread, const struct calls_entry *entry,
                        struct calls_open *next, struct calls_target *target)
{
    bool is_recursive;
    struct calls_node *node = find_node(thread, entry, &is_recursive);
    if (!has_record(node, is_recursive))
        return target_nowhere(thread, entry, next, target);
    struct calls_node *itself = node->itself;
    *target = (struct calls_target){node, node->record, node->number, node->number};
    if (!is_recursive) {
        itself->first = next;
        return true;
    }
    target->record = node->recursive;
    target->number = node->recursive_number;
    const struct calls_open *first = __atomic_load_n(&itself->first, __ATOMIC_RELAXED);
    if (first) /* a thread with the same state may have closed it */
        target->context = first->number;
    return true;
}

/* Where the next call goes; NULL: no room. */
static struct calls_open *find_place(struct calls_thread *thread, enum wire_calls_way way)
{
    struct making making = {.thread = thread};
    struct calls_open *next = calls_next_place(thread->top);
    if (next)
        return next;
    run_keeping(way, run_add_page, &making);
    if (making.thread)
        return calls_next_place(thread->top);
    calls_note_trouble(thread->calls, WIRE_CALLS_NO_ROOM);
    count_missed(thread);
    return NULL;
}

bool calls_enter_guarded(struct calls_thread *thread, const struct calls_entry *entry)
{
    struct calls_target target;
    if (!calls_is_enabled(thread)) {
        calls_unguard(thread);
        return false;
    }
    pop_below(thread, entry->sp + entry->replaces_equal, calls_ticks());
    if (*thread->generation != thread->seen_generation)
        run_keeping(entry->way, run_forget, thread);
    struct calls_open *next = find_place(thread, entry->way);
    bool is_entered = next && find_target(thread, entry, next, &target);
    if (is_entered)
        calls_push(thread, next, entry, &target);
    calls_unguard(thread);
    return is_entered;
}

bool calls_enter(const struct calls_entry *entry)
{
    return calls_enter_fast(entry, (uintptr_t)__builtin_dwarf_cfa());
}

bool calls_is_innermost(uint64_t function, uintptr_t sp)
{
    const struct calls_thread *thread = calls_thread_own;
    while (thread && thread->guard)
        thread = thread->second;
    const struct calls_open *top = thread ? thread->top : NULL;
    return top && top->function == function && top->sp == sp;
}

/* ---- leaving ---- */

/* The state whose calls a hook ends, with its guard set; NULL: none. */
static inline struct calls_thread *begin_to_leave(uintptr_t here)
{
    struct calls_thread *thread = calls_thread_own;
    if (!thread || !thread->top)
        return NULL;
    if (__builtin_expect(thread->guard != 0, 0))
        thread = choose(thread, here, false);
    return thread && calls_guard(thread, here) ? thread : NULL;
}

static void note_orphan(struct calls_thread *thread)
{
    calls_bump(&thread->lane->orphan_exits, 1);
}

/* The innermost open call of a function whose frame lies at `sp`: those of the frames below have
 * been left, those with its own are inlined ones. NULL: none. */
static struct calls_open *find_open(struct calls_thread *thread, uint64_t function, uintptr_t sp)
{
    struct calls_open *open = thread->top;
    if (open->function == function)
        return open;
    for (int n_equal = 0; n_equal < EQUAL_MAX && open->sp <= sp; open = calls_around(open)) {
        if (open->function == function)
            return open;
        n_equal += open->sp == sp;
    }
    return NULL;
}

void calls_leave_slowly(uint64_t function, uintptr_t sp, uintptr_t here)
{
    uint64_t now = calls_ticks();
    struct calls_thread *thread = begin_to_leave(here);
    if (!thread)
        return;
    struct calls_open *open = find_open(thread, function, sp);
    if (open) {
        pop_until(thread, open, now);
        calls_pop(thread, now);
    } else {
        note_orphan(thread);
    }
    calls_unguard(thread);
}

void calls_leave(uint64_t function, uintptr_t sp)
{
    calls_leave_fast(function, sp, (uintptr_t)__builtin_dwarf_cfa());
}

void calls_leave_at(uintptr_t sp)
{
    uint64_t now = calls_ticks();
    struct calls_thread *thread = begin_to_leave((uintptr_t)__builtin_dwarf_cfa());
    if (!thread)
        return;
    pop_below(thread, sp, now);
    if (thread->top->sp != sp)
        note_orphan(thread);
    while (thread->top->sp == sp)
        calls_pop(thread, now);
    calls_unguard(thread);
}

void calls_leave_untimed(uintptr_t sp)
{
    struct calls_thread *thread = begin_to_leave((uintptr_t)__builtin_dwarf_cfa());
    if (!thread)
        return;
    while (thread->top->sp == sp) {
        calls_pop(thread, 0); /* a time before it began: nothing is added */
        calls_bump(&thread->lane->untimed, 1);
    }
    calls_unguard(thread);
}

/* The innermost open scope; NULL: there is none. */
static struct calls_open *find_scope(struct calls_thread *thread)
{
    struct calls_open *open = thread->top;
    for (int n = 0; n < SCOPES_MAX && !calls_is_bottom(open); n++) {
        if (open->node->way == WIRE_CALLS_BY_SCOPE)
            return open;
        open = calls_around(open);
    }
    return NULL;
}

void calls_leave_scope(void)
{
    uint64_t now = calls_ticks();
    struct calls_thread *thread = begin_to_leave((uintptr_t)__builtin_dwarf_cfa());
    if (!thread)
        return;
    struct calls_open *open = find_scope(thread);
    if (open) {
        pop_until(thread, open, now);
        calls_pop(thread, now);
    } else {
        note_orphan(thread);
    }
    calls_unguard(thread);
}

/* ---- jumps ---- */

/*
 * The innermost open call that goes on when the stack is unwound to `sp`: the one whose frame is
 * the nearest that is not below. On one stack that is the first to be found; a handler on a stack
 * of its own may lie above, so some of those around are looked at too.
 */
static struct calls_open *find_unwound(struct calls_thread *thread, uintptr_t sp)
{
    struct calls_open *open = thread->top, *found;
    while (open->sp < sp && sp - open->sp < STACK_MAX)
        open = calls_around(open);
    found = open;
    for (int n = 0; n < EQUAL_MAX && !calls_is_bottom(open); n++) {
        open = calls_around(open);
        if (open->sp >= sp && open->sp < found->sp)
            found = open;
    }
    return found;
}

static void unwind(struct calls_thread *thread, uintptr_t sp, uint64_t now)
{
    if (thread->guard) {
        struct signal_stack stack = current_signal_stack(thread);
        if (thread->guard >= sp || !was_left(thread->guard, sp, &stack))
            return;
    }
    if (!calls_guard(thread, (uintptr_t)__builtin_dwarf_cfa()))
        return;
    pop_until(thread, find_unwound(thread, sp), now);
    calls_unguard(thread);
}

void calls_unwound(uintptr_t sp)
{
    uint64_t now = calls_ticks();
    struct calls_thread *thread = calls_thread_own;
    for (; thread && thread->top; thread = thread->second)
        unwind(thread, sp, now);
}
