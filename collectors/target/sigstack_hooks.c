/* See sigstack_hooks.h. */
#include "collectors/target/sigstack_hooks.h"

#include <cpuid.h>
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collectors/target/handler_hooks.h"
#include "collectors/target/sampler_threads.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

enum {
    STACK_BYTES = 256 << 10, /* a handful is touched */
    STACK_BYTES_TIGHT = 32 << 10,
    GUARD_BYTES = 4096,
    HANDLER_BYTES = 1024, /* more than the handler uses */
    FRAME_BYTES = 576,    /* of a signal frame, beside the vector registers: 440, and alignment */
    GET_PERMITTED_STATE = 0x1022, /* arch_prctl's ARCH_GET_XCOMP_PERM */
};

static const uint64_t tile_state = UINT64_C(3) << 17;

typedef int sigaltstack_function(const stack_t *, stack_t *);

static sigaltstack_function *real_sigaltstack;

/* Ours, of the calling thread; still there in a forked child. */
static __thread struct {
    char *base;
    size_t bytes;
} ours;

static uint32_t has_given; /* some thread has one of ours */

void sigstack_hooks_resolve(void)
{
    if (!real_sigaltstack)
        real_sigaltstack = (sigaltstack_function *)dlsym(RTLD_NEXT, "sigaltstack");
}

static int set_stack(const stack_t *new, stack_t *ret_old)
{
    return (int)syscall(SYS_sigaltstack, new, ret_old);
}

/* ---- what our handler needs ---- */

/* Size of the vector registers in a signal frame, the tiles apart: up to the end of the last. */
static size_t vector_bytes(void)
{
    unsigned a, b, c, d;
    size_t end = 576; /* the part that is always there */
    if (!__get_cpuid_count(0xd, 0, &a, &b, &c, &d))
        return end;
    uint64_t features = (a | (uint64_t)d << 32) & ~tile_state;
    for (unsigned i = 2; i < 63; i++) {
        if (!(features >> i & 1) || !__get_cpuid_count(0xd, i, &a, &b, &c, &d))
            continue;
        if (end < a + b)
            end = a + b;
    }
    return end;
}

/* Threads have tiles only once the process has asked the kernel for them. */
static bool may_have_tiles(void)
{
    uint64_t permitted = 0;
    return syscall(SYS_arch_prctl, GET_PERMITTED_STATE, &permitted) == 0 &&
           (permitted & tile_state);
}

/* A frame of the program's, which may be there already, and ours. With SS_AUTODISARM the kernel
 * forgets the stack while a handler is on it. */
static bool has_room(const stack_t *stack)
{
    size_t frame = FRAME_BYTES + vector_bytes(), largest = getauxval(AT_MINSIGSTKSZ);
    if (may_have_tiles() && largest > frame)
        frame = largest;
    return !(stack->ss_flags & (int)SS_AUTODISARM) && stack->ss_size >= 2 * frame + HANDLER_BYTES;
}

/* ---- ours ---- */

static bool map_ours(const struct sampler *sampler, struct sampler_thread *thread)
{
    size_t bytes = sampler->has_tight_memory ? STACK_BYTES_TIGHT : STACK_BYTES;
    if (ours.base)
        return true;
    ours.base = thread->sigstack;
    ours.bytes = thread->sigstack_bytes;
    if (ours.base)
        return true;
    char *pages = mmap(NULL, GUARD_BYTES + bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (pages == MAP_FAILED)
        return false;
    mprotect(pages, GUARD_BYTES, PROT_NONE);
    madvise(pages, GUARD_BYTES + bytes, MADV_DONTDUMP);
    ours.base = pages + GUARD_BYTES;
    ours.bytes = bytes;
    return true;
}

static bool put_ours(void)
{
    stack_t stack = {.ss_sp = ours.base, .ss_size = ours.bytes};
    return set_stack(&stack, NULL) == 0;
}

static bool is_ours(const stack_t *stack)
{
    return ours.base && stack->ss_sp == ours.base;
}

bool sigstack_holds(uintptr_t address)
{
    return ours.base && address - (uintptr_t)ours.base < ours.bytes;
}

bool sigstack_give(struct sampler *sampler, struct sampler_thread *thread)
{
    stack_t now;
    if (set_stack(NULL, &now) != 0)
        return false;
    if (!(now.ss_flags & SS_DISABLE) && !is_ours(&now)) {
        if (!has_room(&now))
            sampler_thread_count_unsampled(sampler, thread, WIRE_UNSAMPLED_SMALL_SIGSTACK);
        return has_room(&now);
    }
    if (is_ours(&now) || (map_ours(sampler, thread) && put_ours()))
        return true;
    sampler_thread_count_unsampled(sampler, thread, WIRE_UNSAMPLED_NO_MEMORY);
    return false;
}

void sigstack_take_back(struct sampler_thread *thread)
{
    stack_t before, none = {.ss_flags = SS_DISABLE};
    if (!ours.base || set_stack(&none, &before) != 0)
        return;
    if (!is_ours(&before))
        set_stack(&before, NULL);
    thread->sigstack = ours.base;
    thread->sigstack_bytes = ours.bytes;
    ours.base = NULL;
}

void sigstack_prepare(void)
{
    __atomic_store_n(&has_given, 1, __ATOMIC_RELAXED);
    handler_hooks_begin();
}

/* ---- hook ---- */

/* A thread is sampled while its signal stack has room. */
static void rearm(void)
{
    struct sampler *sampler = sampler_get_own();
    struct sampler_thread *thread = sampler ? sampler_thread_self() : NULL;
    if (!thread || !sampler_may_arm(sampler))
        return;
    if (!sigstack_give(sampler, thread))
        sampler_thread_disarm(sampler, thread);
    else if (thread->timer < 0)
        sampler_thread_arm(sampler, thread);
}

#define EXPORT __attribute__((visibility("default")))

EXPORT int sigaltstack(const stack_t *new, stack_t *ret_old)
{
    stack_t old;
    if (!real_sigaltstack)
        sigstack_hooks_resolve();
    if (!__atomic_load_n(&has_given, __ATOMIC_RELAXED))
        return real_sigaltstack(new, ret_old);
    if (real_sigaltstack(new, &old) != 0)
        return -1;
    int saved_errno = errno;
    if (new)
        rearm();
    if (is_ours(&old))
        old = (stack_t){.ss_flags = SS_DISABLE};
    if (ret_old)
        *ret_old = old;
    errno = saved_errno;
    return 0;
}
