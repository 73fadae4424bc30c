/*
 * See calls_fork.h. Another thread's child at the same time gets the segment's parts as well, and
 * struct calls by which it knows; but not that thread's state.
 */
#include "collectors/target/calls_fork.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "collectors/target/calls_segment.h"
#include "collectors/target/calls_threads.h"

/* This process has lost its calls by such a fork. All it has of them is its own memory. */
static bool is_lost;
static const uint32_t never;

static void give(void *part, size_t bytes)
{
    madvise(part, bytes, MADV_DOFORK);
}

static void withhold(void *part, size_t bytes)
{
    madvise(part, bytes, MADV_DONTFORK);
}

static void keep(void *part, size_t bytes)
{
    madvise(part, bytes, MADV_KEEPONFORK);
}

static void wipe(void *part, size_t bytes)
{
    madvise(part, bytes, MADV_WIPEONFORK);
}

/* Zeroes in place of what is the parent's too. */
static void blank(void *part, size_t bytes)
{
    mmap(part, bytes, PROT_READ | PROT_WRITE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
}

/* Of all states of the thread: a handler may have interrupted a hook of the second one. */
static void each_state(struct calls_thread *thread, void (*visit)(void *part, size_t bytes))
{
    while (thread) {
        struct calls_thread *second = thread->second;
        calls_thread_each(thread, visit);
        thread = second;
    }
}

static struct calls_thread *half_done(void)
{
    struct calls_thread *thread = calls_thread_own;
    if (!thread || !thread->top || is_lost)
        return NULL;
    return thread->guard || thread->forks > 0 ? thread : NULL;
}

void calls_fork_prepare(void)
{
    struct calls_thread *thread = half_done();
    int saved_errno = errno;
    if (!thread || !calls_may_call(thread->calls))
        return;
    if (thread->forks++ == 0)
        each_state(thread, keep);
    if (__atomic_fetch_add(&thread->calls->forks, 1, __ATOMIC_ACQ_REL) == 0) {
        keep(thread->calls, sizeof *thread->calls);
        calls_each_part(thread->calls, give);
    }
    errno = saved_errno;
}

void calls_fork_parent(void)
{
    struct calls_thread *thread = half_done();
    int saved_errno = errno;
    if (!thread || thread->forks == 0)
        return;
    if (__atomic_sub_fetch(&thread->calls->forks, 1, __ATOMIC_ACQ_REL) == 0) {
        calls_each_part(thread->calls, withhold);
        wipe(thread->calls, sizeof *thread->calls);
    }
    if (--thread->forks == 0)
        each_state(thread, wipe);
    errno = saved_errno;
}

bool calls_fork_child(void)
{
    struct calls *calls = calls_get();
    struct calls_thread *thread = calls_thread_own;
    if (!calls)
        return is_lost;
    is_lost = true;
    calls_each_part(calls, blank);
    calls_stop(calls);
    for (; thread && thread->top; thread = thread->second)
        thread->enabled = &never;
    return true;
}
