/* See heap_threads.h. */
#include "collectors/target/heap_threads.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collectors/target/heap_blocks.h"
#include "collectors/target/heap_sampling.h"

enum { STATE_BYTES = 4096, LOOKED_AT = 8 };

_Static_assert(sizeof(struct heap_thread) <= STATE_BYTES, "a state is one page");

__thread struct heap_thread *heap_thread_own;

static uint64_t next_owner(struct heap *heap, int32_t tid)
{
    uint32_t serial = __atomic_add_fetch(&heap->n_serials, 1, __ATOMIC_RELAXED);
    return (uint64_t)serial << 32 | (uint32_t)tid;
}

static bool has_gone(const struct heap *heap, int32_t owner, int32_t self)
{
    return owner == self || (syscall(SYS_tgkill, heap->pid, owner, 0) != 0 && errno == ESRCH);
}

/* A state whose thread has gone, now the caller's; NULL: none of those looked at. A few each time
 * are enough: the more of them there are, the sooner one is found. */
static struct heap_thread *take_over(struct heap *heap, int32_t tid)
{
    struct heap_thread *thread = __atomic_load_n(&heap->cursor, __ATOMIC_ACQUIRE);
    for (int i = 0; i < LOOKED_AT; i++) {
        if (!thread)
            thread = __atomic_load_n(&heap->threads, __ATOMIC_ACQUIRE);
        if (!thread)
            return NULL;
        uint64_t owner = __atomic_load_n(&thread->owner, __ATOMIC_ACQUIRE);
        if (has_gone(heap, (int32_t)owner, tid) &&
            __atomic_compare_exchange_n(&thread->owner, &owner, next_owner(heap, tid), false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            __atomic_store_n(&heap->cursor, thread, __ATOMIC_RELEASE);
            return thread;
        }
        thread = thread->next;
    }
    __atomic_store_n(&heap->cursor, thread, __ATOMIC_RELEASE);
    return NULL;
}

static struct heap_thread *map_state(void)
{
    void *page =
        mmap(NULL, STATE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return NULL;
    if (madvise(page, STATE_BYTES, MADV_WIPEONFORK) != 0) {
        munmap(page, STATE_BYTES);
        return NULL;
    }
    madvise(page, STATE_BYTES, MADV_DONTDUMP);
    return page;
}

static void take_lane(struct heap_thread *thread)
{
    struct heap *heap = thread->heap;
    uint32_t number = __atomic_load_n(&heap->n_lanes, __ATOMIC_RELAXED);
    if (number < WIRE_HEAP_LANES)
        number = __atomic_fetch_add(&heap->n_lanes, 1, __ATOMIC_RELAXED);
    thread->shares_lane = number >= WIRE_HEAP_LANES;
    thread->lane = &heap->lanes[thread->shares_lane ? 0 : number];
}

/* A new state, or the one that a fork has wiped, as the first of the list. */
static struct heap_thread *make(struct heap *heap, int32_t tid)
{
    struct heap_thread *thread = heap_thread_own ? heap_thread_own : map_state();
    if (!thread)
        return NULL;
    heap_thread_own = NULL; /* until it is whole */
    thread->owner = next_owner(heap, tid);
    thread->heap = heap;
    thread->random = (thread->owner + heap_ticks()) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    take_lane(thread);
    struct heap_thread *first = __atomic_load_n(&heap->threads, __ATOMIC_ACQUIRE);
    do
        thread->next = first;
    while (!__atomic_compare_exchange_n(&heap->threads, &first, thread, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE));
    return thread;
}

/* The thread's own part of a state that is new or another's. */
static void begin(struct heap_thread *thread, int32_t tid)
{
    struct heap *heap = thread->heap;
    heap_blocks_unlock(thread);
    thread->guard = 0;
    thread->plain = 0;
    thread->plain_sp = 0;
    thread->new_caller.sp = 0;
    thread->deleting = NULL;
    thread->last_block = 0;
    thread->serial = (uint16_t)(thread->owner >> 32);
    thread->left = heap_sampling_gap(&thread->random, heap_sample_bytes(heap));
    if (!thread->shares_lane)
        __atomic_store_n(&thread->lane->tid, tid, __ATOMIC_RELAXED);
    stack_walk_clear(&thread->walk);
    stack_walk_init(&thread->walk, &heap->rules);
}

struct heap_thread *heap_thread_claim(void)
{
    struct heap *heap = heap_get();
    if (!heap)
        return NULL;
    if (!heap_may_call(heap)) {
        heap_note_trouble(heap, WIRE_HEAP_NO_ROOM);
        return NULL;
    }
    int saved_errno = errno;
    int32_t tid = (int32_t)syscall(SYS_gettid);
    struct heap_thread *thread = heap_thread_own ? NULL : take_over(heap, tid);
    if (!thread)
        thread = make(heap, tid);
    if (thread) {
        begin(thread, tid);
        heap_thread_own = thread;
    } else {
        heap_note_trouble(heap, WIRE_HEAP_NO_ROOM);
    }
    errno = saved_errno;
    return thread;
}

void heap_thread_begin_passing(struct heap_thread *thread, struct heap *heap)
{
    thread->heap = heap;
    thread->lane = &heap->lanes[0];
    thread->shares_lane = true;
}

void heap_thread_end_passing(struct heap_thread *thread)
{
    heap_blocks_release_all(thread);
}
