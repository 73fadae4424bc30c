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

#include "collectors/target/sampler_signal.h"
#include "collectors/target/sampler_threads.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

enum {
    STACK_BYTES = 128 << 10, /* a handful is touched */
    STACK_BYTES_TIGHT = 32 << 10,
    GUARD_BYTES = 4096,
    LARGE_BYTES = 32 << 10, /* of a stack of the program's: has room for its handlers and ours */
    HANDLER_BYTES = 1024,   /* more than the handler uses */
    FRAME_BYTES = 1024,     /* of a signal frame, beside the vector registers */
    GET_PERMITTED_STATE = 0x1022, /* arch_prctl's ARCH_GET_XCOMP_PERM */
    SIGNALS = 65,
};

static const uint64_t tile_state = UINT64_C(3) << 17;
static const uint64_t libc_bits = UINT64_C(3) << 31; /* of the two signals that libc keeps */

typedef int sigaltstack_function(const stack_t *, stack_t *);
typedef int sigaction_function(int, const struct sigaction *, struct sigaction *);

static sigaltstack_function *real_sigaltstack;
static sigaction_function *real_sigaction;

/* Ours, of the calling thread; still there in a forked child. */
static __thread struct {
    char *base;
    size_t bytes;
} ours;

static uint32_t has_given;               /* some thread has one of ours */
static uint32_t program_has_stack;       /* the program has set one in some thread */
static uint32_t program_has_small_stack; /* ours and a handler of its own may not fit on it both */

/* Handlers that asked for SA_ONSTACK and did not get it, by signal. A handler that was set since by
 * other ways (signal() and the like) is another one, so nothing here must be kept up to date. */
static uintptr_t wants_stack[SIGNALS];

void sigstack_hooks_resolve(void)
{
    if (!real_sigaltstack)
        real_sigaltstack = (sigaltstack_function *)dlsym(RTLD_NEXT, "sigaltstack");
    if (!real_sigaction)
        real_sigaction = (sigaction_function *)dlsym(RTLD_NEXT, "sigaction");
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

static size_t needed_bytes(void)
{
    size_t frame = FRAME_BYTES + vector_bytes(), largest = getauxval(AT_MINSIGSTKSZ);
    return (may_have_tiles() && largest > frame ? largest : frame) + HANDLER_BYTES;
}

/* With SS_AUTODISARM the kernel forgets the stack while a handler is on it. */
static bool has_room(const stack_t *stack)
{
    return !(stack->ss_flags & (int)SS_AUTODISARM) && stack->ss_size >= needed_bytes();
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

bool sigstack_give(struct sampler *sampler, struct sampler_thread *thread)
{
    stack_t now;
    if (set_stack(NULL, &now) != 0)
        return false;
    if (!(now.ss_flags & SS_DISABLE) && !is_ours(&now)) {
        if (!has_room(&now))
            sampler_count_unsampled(sampler, WIRE_UNSAMPLED_SMALL_SIGSTACK);
        return has_room(&now);
    }
    if (is_ours(&now) || (map_ours(sampler, thread) && put_ours()))
        return true;
    sampler_count_unsampled(sampler, WIRE_UNSAMPLED_NO_MEMORY);
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

/* ---- the program's handlers ---- */

static uint64_t *mask_of(struct sigaction *action)
{
    return (uint64_t *)&action->sa_mask;
}

static bool is_handler(const struct sigaction *action)
{
    return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
}

/* What a handler that wants the alternate stack is set with in truth. */
static void disguise(int number, struct sigaction *action)
{
    uintptr_t handler = (uintptr_t)action->sa_handler;
    bool wants = (action->sa_flags & SA_ONSTACK) && is_handler(action);
    bool gets = wants && __atomic_load_n(&program_has_stack, __ATOMIC_RELAXED);
    if (wants && !gets)
        __atomic_store_n(&wants_stack[number], handler, __ATOMIC_RELAXED);
    else if (handler == __atomic_load_n(&wants_stack[number], __ATOMIC_RELAXED))
        __atomic_store_n(&wants_stack[number], 0, __ATOMIC_RELAXED);
    if (wants && __atomic_load_n(&program_has_small_stack, __ATOMIC_RELAXED))
        *mask_of(action) |= SAMPLER_SIGNAL_BIT;
    if (wants && !gets)
        action->sa_flags &= ~SA_ONSTACK;
}

/* The reverse, where `wanted` is what wants_stack had for the signal. A mask with both of libc's
 * signals is one that the program has filled by itself. */
static void undisguise(uintptr_t wanted, struct sigaction *action)
{
    if ((*mask_of(action) & libc_bits) == SAMPLER_SIGNAL_BIT)
        *mask_of(action) &= ~SAMPLER_SIGNAL_BIT;
    if (is_handler(action) && (uintptr_t)action->sa_handler == wanted)
        action->sa_flags |= SA_ONSTACK;
}

static uintptr_t wanted_by(int number)
{
    return number > 0 && number < SIGNALS ? __atomic_load_n(&wants_stack[number], __ATOMIC_RELAXED)
                                          : 0;
}

/* Sets all handlers anew that are not as they should be now. */
static void set_handlers_again(void)
{
    struct sigaction action;
    for (int number = 1; number <= SIGRTMAX; number++) {
        if (number == SIGKILL || number == SIGSTOP || (number >= 32 && number < SIGRTMIN) ||
            real_sigaction(number, NULL, &action) != 0)
            continue;
        struct sigaction wanted = action;
        undisguise(wanted_by(number), &wanted);
        disguise(number, &wanted);
        if (wanted.sa_flags != action.sa_flags || *mask_of(&wanted) != *mask_of(&action))
            real_sigaction(number, &wanted, NULL);
    }
}

/* Takes note of a stack that the program has set; its handlers are to know. */
static void note_program_stack(const stack_t *stack)
{
    bool is_first = !__atomic_exchange_n(&program_has_stack, 1, __ATOMIC_RELAXED);
    if (stack->ss_size < LARGE_BYTES)
        is_first |= !__atomic_exchange_n(&program_has_small_stack, 1, __ATOMIC_RELAXED);
    if (is_first)
        set_handlers_again();
}

void sigstack_prepare(void)
{
    stack_t now;
    __atomic_store_n(&has_given, 1, __ATOMIC_RELAXED);
    set_handlers_again();
    if (set_stack(NULL, &now) == 0 && !(now.ss_flags & SS_DISABLE) && !is_ours(&now))
        note_program_stack(&now);
}

/* ---- hooks ---- */

#define EXPORT __attribute__((visibility("default")))

EXPORT int sigaction(int number, const struct sigaction *new, struct sigaction *ret_old)
{
    struct sigaction wanted;
    if (!real_sigaction)
        sigstack_hooks_resolve();
    if (!__atomic_load_n(&has_given, __ATOMIC_RELAXED))
        return real_sigaction(number, new, ret_old);
    uintptr_t wanted_before = wanted_by(number);
    if (new &&number > 0 && number < SIGNALS) {
        wanted = *new;
        disguise(number, &wanted);
        new = &wanted;
    }
    int result = real_sigaction(number, new, ret_old);
    if (result == 0 && ret_old)
        undisguise(wanted_before, ret_old);
    return result;
}

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
    if (new && !(new->ss_flags &SS_DISABLE))
        note_program_stack(new);
    if (new)
        rearm();
    if (is_ours(&old))
        old = (stack_t){.ss_flags = SS_DISABLE};
    if (ret_old)
        *ret_old = old;
    errno = saved_errno;
    return 0;
}
