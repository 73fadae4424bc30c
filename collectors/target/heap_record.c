/*
 * See heap_record.h. `guard` is the stack address of the hook that runs. A hook that finds it set
 * is within another one, unless it is further up the stack: then the other was left by siglongjmp()
 * or by an exception, and nothing will ever clear it.
 */
#include "collectors/target/heap_record.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collectors/target/heap_accounts.h"
#include "collectors/target/heap_sampling.h"

enum {
    STACK_MAX = 64 << 20, /* two addresses further apart are of different stacks */
    INNER_MAX = 1024,     /* stack between a hook and a call by the allocator behind it; a signal's
                             frame alone is larger */
};

#define LEFT_MAX  (INT64_MAX / 2)
#define SIZE_BITS ((UINT64_C(1) << 48) - 1)

static uint32_t mode_of(const struct heap *heap)
{
    return __atomic_load_n(&heap->wire->mode, __ATOMIC_RELAXED);
}

/* ---- hooks within hooks ---- */

static bool is_on_signal_stack(const struct heap *heap)
{
    stack_t stack = {.ss_flags = 0};
    int saved_errno = errno;
    bool is_on = heap && heap_may_call(heap) && syscall(SYS_sigaltstack, NULL, &stack) == 0 &&
                 (stack.ss_flags & SS_ONSTACK);
    errno = saved_errno;
    return is_on;
}

/* Whether a hook, by its stack address, was left without returning. */
static bool was_left(const struct heap_thread *thread, uintptr_t hook, uintptr_t sp)
{
    return sp >= hook && sp - hook < STACK_MAX && !is_on_signal_stack(thread->heap);
}

bool heap_is_in_hook(const struct heap_thread *thread, uintptr_t sp)
{
    uintptr_t guard = thread->guard, plain = thread->plain_sp;
    return (guard && !was_left(thread, guard, sp)) || (plain && !was_left(thread, plain, sp));
}

/* Whether another hook runs, of which this one is a part. */
static bool is_within(struct heap_thread *thread, uintptr_t sp)
{
    if (__builtin_expect(thread->guard == 0, 1))
        return false;
    if (!was_left(thread, thread->guard, sp))
        return true;
    heap_blocks_unlock(thread);
    thread->guard = 0;
    return false;
}

/* The end of the last hook that had a heap. */
static void forget(struct heap_thread *thread)
{
    thread->plain = 0;
    thread->heap = NULL;
    thread->guard = 0;
}

/* Sets the guard; false when this is a hook within a hook. */
static bool enter(struct heap_thread *thread, uintptr_t sp)
{
    if (is_within(thread, sp))
        return false;
    __atomic_store_n(&thread->guard, sp, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    thread->plain = 0;
    if (__builtin_expect(thread->heap && !thread->is_lost, 1))
        return true;
    forget(thread); /* forked in a handler since the thread was looked up */
    return false;
}

/* After a call that was looked at: whether the next ones need only be counted. */
static void allow_plain(struct heap_thread *thread)
{
    uint32_t mode = mode_of(thread->heap);
    if (mode == WIRE_HEAP_EXACT || thread->shares_lane || thread->new_caller.sp ||
        thread->deleting || thread->last_block)
        return;
    if (mode == WIRE_HEAP_OFF)
        thread->left = INT64_MAX;
    else if (thread->left > LEFT_MAX) /* it was off */
        thread->left = heap_sampling_gap(&thread->random, heap_sample_bytes(thread->heap));
    thread->counted = mode == WIRE_HEAP_OFF ? &thread->nowhere : thread->lane;
    thread->plain = HEAP_PLAIN_CALLS;
}

static void exit_hook(struct heap_thread *thread)
{
    allow_plain(thread);
    if (__builtin_expect(thread->is_lost, 0))
        forget(thread);
    /* from now on a fork wipes the state */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&thread->guard, 0, __ATOMIC_RELAXED);
}

/* ---- blocks ---- */

static void drop(struct heap_thread *thread, const struct wire_heap_block *block, bool was_last,
                 uint64_t ticks)
{
    struct heap_end end = {
        .ticks = ticks, .is_temporary = was_last, .is_remote = block->serial != thread->serial};
    heap_accounts_remove(thread->heap, block, &end);
}

static void record(struct heap_call *call, uint64_t address, bool is_realloc)
{
    struct heap_thread *thread = call->thread;
    struct heap *heap = thread->heap;
    struct wire_heap_block block = {.address = address, .size = call->bytes & SIZE_BITS}, old;
    uint32_t number = heap_blocks_new(thread);
    if (!number) {
        heap_lane_add(thread, &thread->lane->unrecorded, 1);
        heap_note_trouble(heap, WIRE_HEAP_NO_ROOM);
        return;
    }
    block.serial = thread->serial;
    block.row =
        heap_accounts_of_node(thread, stack_walk_node(&thread->walk, &heap->tree, &call->caller));
    block.ticks = heap_ticks();
    if (heap_blocks_put(thread, number, &block, &old)) {
        heap_lane_add(thread, &thread->lane->frees, 1);
        drop(thread, &old, false, block.ticks);
    }
    heap_accounts_add(heap, &block, is_realloc);
    thread->last_block = number;
}

static bool is_due(struct heap_thread *thread, uint64_t bytes)
{
    thread->left -= (int64_t)bytes;
    if (thread->left >= 0)
        return false;
    thread->left = heap_sampling_gap(&thread->random, heap_sample_bytes(thread->heap));
    return true;
}

static void count_block(struct heap_call *call, const void *block, bool is_realloc)
{
    struct heap_thread *thread = call->thread;
    uint32_t mode = mode_of(thread->heap);
    thread->last_block = 0;
    if (mode == WIRE_HEAP_OFF)
        return;
    heap_lane_add(thread, &thread->lane->allocs, 1);
    heap_lane_add(thread, &thread->lane->alloc_bytes, call->bytes);
    if (mode == WIRE_HEAP_EXACT)
        record(call, (uintptr_t)block, is_realloc);
    else if (is_due(thread, call->bytes))
        record(call, (uintptr_t)block | WIRE_BLOCK_SAMPLED, is_realloc);
}

static void count_failure(struct heap_thread *thread)
{
    if (mode_of(thread->heap) != WIRE_HEAP_OFF)
        heap_lane_add(thread, &thread->lane->failed, 1);
}

/* A block is given back; `record` is what the table had of it, 0: nothing. */
static void count_free(struct heap_thread *thread, uint32_t record)
{
    uint32_t mode = mode_of(thread->heap);
    if (record || mode != WIRE_HEAP_OFF)
        heap_lane_add(thread, &thread->lane->frees, 1);
    if (!record && mode == WIRE_HEAP_EXACT)
        heap_lane_add(thread, &thread->lane->unknown_frees, 1);
}

static uint32_t take_out(struct heap_thread *thread, const void *block,
                         struct wire_heap_block *ret_block, bool *ret_was_last)
{
    uint32_t record = heap_blocks_take(thread, (uintptr_t)block, ret_block);
    *ret_was_last = record && record == thread->last_block && ret_block->serial == thread->serial;
    return record;
}

/* ---- threads without a state ---- */

/* Nothing can be recorded for them; but what they free is no longer there. */
static void free_without_state(const void *block)
{
    struct heap *heap = heap_get();
    struct heap_thread thread;
    struct wire_heap_block gone;
    bool was_last;
    if (!heap) {
        heap_early_freed();
        return;
    }
    memset(&thread, 0, sizeof thread);
    heap_thread_begin_passing(&thread, heap);
    uint32_t record = take_out(&thread, block, &gone, &was_last);
    count_free(&thread, record);
    if (!record)
        return;
    drop(&thread, &gone, false, heap_ticks());
    heap_blocks_release(&thread, record);
    heap_thread_end_passing(&thread);
}

static void count_without_state(uint64_t bytes)
{
    struct heap *heap = heap_get();
    if (!heap)
        heap_early_allocated(bytes);
    if (!heap || mode_of(heap) == WIRE_HEAP_OFF)
        return;
    struct wire_heap_lane *lane = &heap->lanes[0];
    __atomic_fetch_add(&lane->allocs, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&lane->alloc_bytes, bytes, __ATOMIC_RELAXED);
    __atomic_fetch_add(&lane->unrecorded, 1, __ATOMIC_RELAXED);
}

/* ---- allocating ---- */

/* Whether a stack pointer is that of a function which an operator new has called. */
static bool is_below_new(const struct heap_thread *thread, uintptr_t sp)
{
    return thread->new_caller.sp > sp && thread->new_caller.sp - sp < INNER_MAX;
}

/* Whether this malloc() is the one that an operator new calls: of its size, maybe rounded up. */
static bool is_for_new(const struct heap_thread *thread, uintptr_t sp, uint64_t bytes)
{
    return is_below_new(thread, sp) && bytes >= thread->new_bytes &&
           bytes - thread->new_bytes <= thread->new_alignment;
}

static void adopt_new(struct heap_call *call)
{
    struct heap_thread *thread = call->thread;
    if (is_for_new(thread, call->caller.sp, call->bytes)) {
        call->caller = thread->new_caller;
        call->bytes = thread->new_bytes;
    }
    thread->new_caller.sp = 0;
}

/* False: a hook within a hook. What a handler allocates within a hook of ours is counted at least,
 * unlike what the allocator itself does. */
static bool enter_to_allocate(struct heap_thread *thread, const struct stack_frame *caller,
                              uint64_t bytes)
{
    if (enter(thread, caller->sp))
        return true;
    if (thread->heap && thread->guard - caller->sp >= INNER_MAX &&
        mode_of(thread->heap) != WIRE_HEAP_OFF) {
        struct wire_heap_lane *lane = thread->lane;
        __atomic_fetch_add(&lane->allocs, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&lane->alloc_bytes, bytes, __ATOMIC_RELAXED);
        __atomic_fetch_add(&lane->unrecorded, 1, __ATOMIC_RELAXED);
    }
    return false;
}

bool heap_call_begin(struct heap_call *call, const struct stack_frame *caller, uint64_t bytes)
{
    struct heap_thread *thread = heap_thread_self();
    if (!thread) {
        count_without_state(bytes);
        return false;
    }
    if (!enter_to_allocate(thread, caller, bytes))
        return false;
    call->thread = thread;
    call->caller = *caller;
    call->bytes = bytes;
    if (thread->new_caller.sp)
        adopt_new(call);
    return true;
}

void heap_call_end(struct heap_call *call, const void *block)
{
    int saved_errno = errno;
    if (block)
        count_block(call, block, false);
    else
        count_failure(call->thread);
    exit_hook(call->thread);
    errno = saved_errno;
}

bool heap_call_begin_realloc(struct heap_call *call, const struct stack_frame *caller,
                             const void *old, uint64_t bytes)
{
    int saved_errno = errno;
    if (!heap_call_begin(call, caller, bytes)) {
        if (!heap_thread_self()) /* else it is a hook within a hook */
            free_without_state(old);
        return false;
    }
    call->old_record = take_out(call->thread, old, &call->old, &call->old_was_last);
    errno = saved_errno;
    return true;
}

/* The block of a realloc() that failed is still there. */
static void put_back(struct heap_call *call)
{
    struct wire_heap_block other;
    count_failure(call->thread);
    if (call->old_record)
        heap_blocks_put(call->thread, call->old_record, &call->old, &other);
}

static void count_realloc(struct heap_call *call, const void *block)
{
    struct heap_thread *thread = call->thread;
    count_free(thread, call->old_record);
    if (call->old_record) {
        drop(thread, &call->old, call->old_was_last, heap_ticks());
        heap_blocks_release(thread, call->old_record);
    }
    if (block)
        count_block(call, block, true);
}

void heap_call_end_realloc(struct heap_call *call, const void *block)
{
    int saved_errno = errno;
    if (block || call->bytes == 0)
        count_realloc(call, block);
    else
        put_back(call);
    exit_hook(call->thread);
    errno = saved_errno;
}

/* ---- freeing ---- */

void heap_note_free(const void *block, uintptr_t sp)
{
    struct heap_thread *thread = heap_thread_self();
    struct heap_call call;
    if (!thread) {
        free_without_state(block);
        return;
    }
    if (block == thread->deleting) {
        thread->deleting = NULL;
        return;
    }
    if (!enter(thread, sp))
        return;
    if (mode_of(thread->heap) == WIRE_HEAP_OFF &&
        heap_blocks_is_absent(thread->heap, (uintptr_t)block)) {
        exit_hook(thread);
        return;
    }
    int saved_errno = errno;
    call.thread = thread;
    uint32_t record = take_out(thread, block, &call.old, &call.old_was_last);
    count_free(thread, record);
    if (record) {
        drop(thread, &call.old, call.old_was_last, heap_ticks());
        heap_blocks_release(thread, record);
    }
    exit_hook(thread);
    errno = saved_errno;
}

/* ---- operator new and delete ---- */

bool heap_new_begin(const struct stack_frame *caller, uint64_t bytes, uint64_t alignment)
{
    struct heap_thread *thread = heap_thread_self();
    if (!thread || is_within(thread, caller->sp) || is_below_new(thread, caller->sp))
        return false; /* or operator new[] has called operator new */
    thread->plain = 0;
    thread->new_caller = *caller;
    thread->new_bytes = bytes;
    thread->new_alignment = alignment;
    return true;
}

void heap_new_end(const struct stack_frame *caller, uint64_t bytes, const void *block)
{
    struct heap_thread *thread = heap_thread_self();
    struct heap_call call;
    if (!thread || thread->new_caller.sp != caller->sp)
        return;
    thread->new_caller.sp = 0;
    if (heap_call_begin(&call, caller, bytes))
        heap_call_end(&call, block);
}

void heap_delete_begin(void *block, uintptr_t sp)
{
    struct heap_thread *thread = heap_thread_self();
    if (thread && block == thread->deleting)
        return;
    heap_note_free(block, sp);
    if (!thread || !thread->heap)
        return;
    thread->plain = 0;
    thread->deleting = block;
}

void heap_delete_end(void)
{
    struct heap_thread *thread = heap_thread_own;
    if (thread)
        thread->deleting = NULL;
}
