/* See calls_threads.h. */
#include "collectors/target/calls_threads.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collectors/target/calls_fast.h"
#include "collectors/target/calls_records.h"
#include "collectors/target/segment_part.h"

enum {
    FIRST_BYTES = 16 << 10,
    MAPPING_BYTES_MAX = 1 << 20, /* unless more is needed at once */
    OWN_TREES = 256,             /* so many threads have a tree of their own */
    LOOKED_AT = 8,
    LINE = 64,
    FIRST_KEYS = 32,
};

__thread struct calls_thread *calls_thread_own;

__thread bool calls_thread_is_refused;

/* ---- memory ---- */

static bool add_mapping(struct calls_thread *thread, uint64_t needed)
{
    uint64_t bytes = 2 * thread->mapping->bytes;
    bytes = bytes < MAPPING_BYTES_MAX ? bytes : MAPPING_BYTES_MAX;
    if (bytes < needed + CALLS_PAGE)
        bytes = segment_part_bytes(needed + CALLS_PAGE);
    if (!thread->is_scratch && !calls_may_call(thread->calls))
        return false;
    struct calls_head *mapping = segment_private_map(bytes);
    if (!mapping)
        return false;
    mapping->bytes = bytes;
    mapping->before = thread->mapping;
    thread->free_end = thread->free = NULL; /* should this be left half-way */
    thread->mapping = mapping;
    thread->free = (char *)mapping + sizeof *mapping;
    thread->free_end = (char *)mapping + bytes;
    return true;
}

static char *aligned(char *at, uint64_t alignment)
{
    return (char *)(((uintptr_t)at + alignment - 1) & -(uintptr_t)alignment);
}

static void *take(struct calls_thread *thread, uint64_t bytes, uint64_t alignment)
{
    int saved_errno = errno;
    char *start = aligned(thread->free, alignment);
    bool has_room = start < thread->free_end && bytes <= (uint64_t)(thread->free_end - start);
    if (!has_room && add_mapping(thread, bytes)) {
        start = aligned(thread->free, alignment);
        has_room = true;
    }
    errno = saved_errno;
    if (!has_room)
        return NULL;
    thread->free = start + bytes;
    return start;
}

void *calls_thread_take(struct calls_thread *thread, uint64_t bytes)
{
    return take(thread, bytes, LINE);
}

void calls_thread_each(struct calls_thread *thread, void (*visit)(void *part, size_t bytes))
{
    struct calls_head *mapping = thread->mapping;
    while (mapping) {
        struct calls_head *before = mapping->before;
        visit(mapping, (size_t)mapping->bytes);
        mapping = before;
    }
}

/* ---- the shadow stack ---- */

static struct wire_calls_chunk *claim_chunk(struct calls_thread *thread, uint32_t *ret_number)
{
    struct calls *calls = thread->calls;
    uint32_t *count = &calls->wire->n_chunks;
    if (__atomic_load_n(count, __ATOMIC_RELAXED) >= calls->chunks.n_max)
        return NULL;
    *ret_number = __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
    return *ret_number < calls->chunks.n_max ? segment_area_need(&calls->chunks, *ret_number)
                                             : NULL;
}

/* With a chunk, when the calls go into the segment. */
static bool give_chunk(struct calls_thread *thread, struct calls_stack *stack)
{
    uint32_t number = 0;
    struct calls_head *head = calls_head_of(thread->top);
    stack->head.chunk = thread->is_scratch ? take(thread, sizeof *stack->head.chunk, LINE)
                                           : claim_chunk(thread, &number);
    if (!stack->head.chunk)
        return false;
    stack->head.to_frame = (uintptr_t)stack->head.chunk->frames - (uintptr_t)stack->opens;
    __atomic_store_n(head->chunk ? &head->chunk->next : &thread->lane->first_chunk, number,
                     __ATOMIC_RELEASE);
    return true;
}

bool calls_thread_add_page(struct calls_thread *thread)
{
    struct calls_stack *stack = take(thread, sizeof *stack, CALLS_PAGE);
    if (!stack || !give_chunk(thread, stack))
        return false;
    stack->head.around = thread->top;
    stack->head.depth = calls_depth_of(thread->top);
    __atomic_store_n(&calls_head_of(thread->top)->after, stack, __ATOMIC_RELEASE);
    return true;
}

/* ---- making a state ---- */

static struct calls_open *bottom_of(struct calls_thread *thread)
{
    return (struct calls_open *)((uintptr_t)calls_head_of(thread) + CALLS_PAGE) - 1;
}

static void fill_nowhere(struct calls_thread *thread)
{
    struct calls_open *bottom = bottom_of(thread);
    bottom->sp = UINTPTR_MAX;
    bottom->function = CALLS_BOTTOM;
    calls_head_of(bottom)->to_frame = (uintptr_t)&thread->nowhere_frame - (uintptr_t)bottom;
    calls_head_of(bottom)->depth -= calls_depth_of(bottom);
    thread->top = bottom;
    thread->nowhere.itself = &thread->nowhere;
    thread->nowhere.record = &thread->nowhere_record;
    thread->nowhere.context = CALLS_ANY_CONTEXT;
}

static struct calls_thread *map_state(void)
{
    struct calls_first_page *page = segment_private_map(FIRST_BYTES);
    return page ? &page->thread : NULL;
}

enum { INDEX_BYTES = sizeof(struct calls_index) + (sizeof(void *) << CALLS_INDEX_BITS) };

_Static_assert(sizeof(struct calls_first_page) + LINE + INDEX_BYTES <=
                   CALLS_PAGE - sizeof(struct calls_open),
               "the index fits in front of the bottom");

/* What a state consists of, in memory that is zero. */
static bool build(struct calls_thread *thread)
{
    struct calls_first_page *page = (struct calls_first_page *)calls_head_of(thread);
    page->head.before = NULL;
    page->head.bytes = FIRST_BYTES;
    thread->mapping = &page->head;
    thread->free = (char *)(page + 1);
    thread->free_end = (char *)page + FIRST_BYTES;
    fill_nowhere(thread);
    thread->index = calls_thread_take(thread, INDEX_BYTES);
    thread->index->shift = 64 - CALLS_INDEX_BITS;
    thread->free = (char *)page + CALLS_PAGE;
    return calls_thread_add_page(thread);
}

static bool take_lane(struct calls_thread *thread)
{
    struct calls *calls = thread->calls;
    uint32_t number = __atomic_load_n(&calls->n_lanes, __ATOMIC_RELAXED);
    if (number < WIRE_CALLS_LANES)
        number = __atomic_fetch_add(&calls->n_lanes, 1, __ATOMIC_RELAXED);
    if (number >= WIRE_CALLS_LANES)
        return false;
    thread->lane = &calls->lanes[number];
    return true;
}

static void unmap(void *part, size_t bytes)
{
    munmap(part, bytes);
}

static void unmap_state(struct calls_thread *thread)
{
    if (thread->mapping)
        calls_thread_each(thread, unmap);
    else
        unmap(calls_head_of(thread), FIRST_BYTES);
}

/* A new state; with that of the calling thread which a fork has wiped, if it has one. */
static struct calls_thread *make(struct calls *calls, int32_t tid)
{
    if (__atomic_load_n(&calls->n_lanes, __ATOMIC_RELAXED) >= WIRE_CALLS_LANES)
        return NULL;
    struct calls_thread *thread = calls_thread_own ? calls_thread_own : map_state();
    if (!thread)
        return NULL;
    calls_thread_own = NULL; /* until it is whole */
    thread->calls = calls;
    thread->owner = tid;
    thread->record_tid = tid;
    if (!take_lane(thread) || !build(thread)) {
        unmap_state(thread);
        return NULL;
    }
    thread->lane->tid = tid;
    for (int i = 0; i < WIRE_CALLS_WAYS; i++)
        thread->probes[i] = calls->probes[i];
    thread->generation = &calls->modules.generation;
    thread->seen_generation = segment_modules_generation(&calls->modules);
    __atomic_store_n(&thread->enabled, &calls->wire->enabled, __ATOMIC_RELEASE);
    return thread;
}

struct calls_thread *calls_thread_new_scratch(const uint32_t *enabled)
{
    struct calls_thread *thread = map_state();
    if (!thread)
        return NULL;
    thread->is_scratch = true;
    thread->lane = &thread->nowhere_lane;
    thread->generation = &thread->seen_generation;
    thread->enabled = enabled;
    if (build(thread))
        return thread;
    calls_thread_free_scratch(thread);
    return NULL;
}

void calls_thread_free_scratch(struct calls_thread *thread)
{
    unmap_state(thread);
}

/* ---- states of threads that have gone ---- */

static bool has_gone(const struct calls *calls, int32_t owner, int32_t self)
{
    return owner == self || (syscall(SYS_tgkill, calls->pid, owner, 0) != 0 && errno == ESRCH);
}

/* A state whose thread has gone, now the caller's; NULL: none of those looked at. A few each time
 * are enough: the more of them there are, the sooner one is found. */
static struct calls_thread *take_over(struct calls *calls, int32_t tid)
{
    struct calls_thread *thread = __atomic_load_n(&calls->cursor, __ATOMIC_ACQUIRE);
    for (int i = 0; i < LOOKED_AT; i++) {
        if (!thread)
            thread = __atomic_load_n(&calls->threads, __ATOMIC_ACQUIRE);
        if (!thread)
            return NULL;
        int32_t owner = __atomic_load_n(&thread->owner, __ATOMIC_ACQUIRE);
        if (has_gone(calls, owner, tid) &&
            __atomic_compare_exchange_n(&thread->owner, &owner, tid, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
            __atomic_store_n(&calls->cursor, thread->next, __ATOMIC_RELEASE);
            return thread;
        }
        thread = thread->next;
    }
    __atomic_store_n(&calls->cursor, thread, __ATOMIC_RELEASE);
    return NULL;
}

/* What the thread that has gone left open ended when, as far as is known, it last called. */
static void renew(struct calls_thread *thread, int32_t tid)
{
    thread->guard = 0;
    calls_close_all(thread, thread->top->start);
    calls_nodes_share(thread);
    __atomic_store_n(&thread->lane->tid, tid, __ATOMIC_RELAXED);
    thread->lane->name[0] = '\0';
    if (thread->second)
        renew(thread->second, tid);
}

/* ---- claiming ---- */

static void publish(struct calls *calls, struct calls_thread *thread)
{
    struct calls_thread *first = __atomic_load_n(&calls->threads, __ATOMIC_ACQUIRE);
    do
        thread->next = first;
    while (!__atomic_compare_exchange_n(&calls->threads, &first, thread, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE));
}

static pthread_key_t key;
static bool has_key;

static void end_thread(void *data);

/* Values of the first keys need no allocation. */
void calls_threads_resolve(void)
{
    if (has_key || pthread_key_create(&key, end_thread) != 0)
        return;
    has_key = key < FIRST_KEYS;
    if (!has_key)
        pthread_key_delete(key);
}

/* While a state is made, handlers are kept off: one that forks would leave a child with the half of
 * it, and one that calls would make another. */
static bool block_signals(uint64_t *ret_before)
{
    const uint64_t all = UINT64_MAX;
    return syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, ret_before, sizeof all) == 0;
}

static void unblock_signals(uint64_t before)
{
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
}

static struct calls_thread *find_or_make(struct calls *calls, int32_t tid)
{
    struct calls_thread *thread = NULL;
    bool may_take_over =
        !calls_thread_own && __atomic_load_n(&calls->n_lanes, __ATOMIC_RELAXED) > OWN_TREES;
    if (may_take_over)
        thread = take_over(calls, tid);
    if (thread) {
        renew(thread, tid);
        return thread;
    }
    thread = make(calls, tid);
    if (thread)
        publish(calls, thread);
    return thread;
}

struct calls_thread *calls_thread_claim(void)
{
    struct calls *calls = calls_get();
    if (!calls)
        return NULL;
    int saved_errno = errno;
    uint64_t before = 0;
    bool is_blocked = calls_may_call(calls) && block_signals(&before);
    struct calls_thread *thread = NULL;
    if (is_blocked && calls_get()) /* not in a child that has none any more */
        thread = find_or_make(calls, (int32_t)syscall(SYS_gettid));
    calls_thread_own = thread;
    calls_thread_is_refused = !thread;
    if (thread && has_key)
        pthread_setspecific(key, thread);
    if (!thread && calls_get())
        calls_note_trouble(calls, WIRE_CALLS_NO_ROOM);
    if (is_blocked)
        unblock_signals(before);
    errno = saved_errno;
    return thread;
}

struct calls_thread *calls_thread_second(struct calls_thread *thread)
{
    struct calls_thread *own = calls_thread_own;
    int saved_errno = errno;
    uint64_t before = 0;
    if (thread->second || thread->is_scratch || thread->has_no_second)
        return thread->second;
    bool is_blocked = calls_may_call(thread->calls) && block_signals(&before);
    calls_thread_own = NULL;
    struct calls_thread *second = is_blocked ? make(thread->calls, thread->owner) : NULL;
    if (second)
        second->record_tid = thread->record_tid;
    calls_thread_own = own;
    thread->second = second;
    thread->has_no_second = !second;
    if (!second)
        calls_note_trouble(thread->calls, WIRE_CALLS_NO_ROOM);
    if (is_blocked)
        unblock_signals(before);
    errno = saved_errno;
    return second;
}

/* Closes what is open: the thread ends. What destructors call later is still counted. */
static void end_thread(void *data)
{
    (void)data;
    uint64_t now = calls_ticks();
    for (struct calls_thread *thread = calls_thread_own; thread && thread->top;
         thread = thread->second) {
        thread->guard = 0;
        calls_close_all(thread, now);
    }
}
