/*
 * See heap_fork.h. `shared` is kept first and given up last: a child of another thread that has got
 * any of the parts has got it too, and is told by it.
 */
#include "collectors/target/heap_fork.h"

#include <errno.h>
#include <sys/mman.h>

#include "collectors/target/heap_record.h"
#include "collectors/target/heap_segment.h"
#include "collectors/target/heap_threads.h"

/* This process has lost its heap by such a fork. All it has of it is its own memory. */
static bool is_lost;

static void give(void *part, size_t bytes)
{
    madvise(part, bytes, MADV_DOFORK);
}

static void withhold(void *part, size_t bytes)
{
    madvise(part, bytes, MADV_DONTFORK);
}

/* Zeroes in place of what is the parent's too. */
static void blank(void *part, size_t bytes)
{
    mmap(part, bytes, PROT_READ | PROT_WRITE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
}

static void give_all(struct heap_thread *thread, struct heap *heap)
{
    if (thread->forks++ == 0) {
        madvise(thread, sizeof *thread, MADV_KEEPONFORK);
        stack_walk_advise(&thread->walk, MADV_DOFORK);
    }
    if (__atomic_fetch_add(&heap->forks, 1, __ATOMIC_ACQ_REL) == 0) {
        madvise(heap, sizeof *heap, MADV_KEEPONFORK);
        unwind_rules_advise(&heap->rules, MADV_DOFORK);
        heap_each_part(heap, give);
    }
}

static void withhold_all(struct heap_thread *thread, struct heap *heap)
{
    if (__atomic_sub_fetch(&heap->forks, 1, __ATOMIC_ACQ_REL) == 0) {
        heap_each_part(heap, withhold);
        unwind_rules_advise(&heap->rules, MADV_DONTFORK);
        madvise(heap, sizeof *heap, MADV_WIPEONFORK);
    }
    if (--thread->forks == 0) {
        stack_walk_advise(&thread->walk, MADV_DONTFORK);
        madvise(thread, sizeof *thread, MADV_WIPEONFORK);
    }
}

void heap_fork_prepare(void)
{
    struct heap_thread *thread = heap_thread_own;
    struct heap *heap = thread ? thread->heap : NULL;
    int saved_errno = errno;
    if (heap && !is_lost && heap_is_in_hook(thread, (uintptr_t)__builtin_frame_address(0)) &&
        heap_may_call(heap))
        give_all(thread, heap);
    errno = saved_errno;
}

void heap_fork_parent(void)
{
    struct heap_thread *thread = heap_thread_own;
    int saved_errno = errno;
    if (thread && thread->heap && thread->forks > 0 && !is_lost)
        withhold_all(thread, thread->heap);
    errno = saved_errno;
}

/* The half-done hook must find its heap until it ends; the next one forgets it. */
static void lose(struct heap_thread *thread)
{
    thread->is_lost = true;
    thread->plain = 0;
    thread->counted = &thread->nowhere;
}

bool heap_fork_child(void)
{
    struct heap *heap = heap_get();
    if (!heap)
        return is_lost;
    is_lost = true;
    heap->rows.may_grow = heap->nodes.may_grow = false;
    heap->index.may_grow = heap->blocks.may_grow = false;
    heap_each_part(heap, blank);
    __atomic_store_n(&heap->is_running, 0, __ATOMIC_RELEASE);
    if (heap_thread_own && heap_thread_own->heap)
        lose(heap_thread_own);
    return true;
}
