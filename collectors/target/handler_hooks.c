/*
 * See handler_hooks.h. What was changed is read off the kernel's own record: a handler that is our
 * function stands for the one in the table, and one that is in the table but lacks the flag has
 * asked for it.
 */
#include "collectors/target/handler_hooks.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/target/sampler_threads.h"

enum { SIGNALS = 65 };

typedef int sigaction_function(int, const struct sigaction *, struct sigaction *);
typedef void handler_function(int, siginfo_t *, void *);

static sigaction_function *real_sigaction;

static uint32_t has_begun;
static uint32_t program_has_stack;       /* in some thread */
static uint32_t program_has_small_stack; /* a handler of its own and ours may not fit on it both */
static uint32_t has_handler;             /* with SA_ONSTACK, now or once */
static uintptr_t handlers[SIGNALS];      /* by signal: the last one that was changed */

static bool is_set(const uint32_t *flag)
{
    return __atomic_load_n(flag, __ATOMIC_RELAXED) != 0;
}

static bool is_handler(const struct sigaction *action)
{
    return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
}

/* In front of the program's handlers, on its own small stack. When one of them leaves by longjmp,
 * the timer stays stopped until the next one returns. */
static void call_handler(int number, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    bool is_paused = sampler_thread_pause();
    uintptr_t handler = __atomic_load_n(&handlers[number], __ATOMIC_RELAXED);
    errno = saved_errno;
    ((handler_function *)handler)(number, info, context);
    saved_errno = errno;
    if (is_paused)
        sampler_thread_resume();
    errno = saved_errno;
}

/* What the program wants, to what is set in truth. */
static void disguise(int number, struct sigaction *action)
{
    if (!(action->sa_flags & SA_ONSTACK) || !is_handler(action))
        return;
    __atomic_store_n(&has_handler, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&handlers[number], (uintptr_t)action->sa_handler, __ATOMIC_RELAXED);
    if (!is_set(&program_has_stack))
        action->sa_flags &= ~SA_ONSTACK;
    else if (is_set(&program_has_small_stack))
        action->sa_sigaction = call_handler;
}

/* The reverse, where `handler` is what the table had. */
static void undisguise(uintptr_t handler, struct sigaction *action)
{
    if (action->sa_sigaction == call_handler)
        action->sa_sigaction = (handler_function *)handler;
    else if (is_handler(action) && (uintptr_t)action->sa_handler == handler)
        action->sa_flags |= SA_ONSTACK;
}

static uintptr_t handler_of(int number)
{
    return number > 0 && number < SIGNALS ? __atomic_load_n(&handlers[number], __ATOMIC_RELAXED)
                                          : 0;
}

static bool is_same(const struct sigaction *a, const struct sigaction *b)
{
    return a->sa_flags == b->sa_flags && a->sa_sigaction == b->sa_sigaction;
}

/* Sets all handlers anew that are not as they should be now. */
static void set_again(void)
{
    struct sigaction action;
    for (int number = 1; number < SIGNALS; number++) {
        if (number == SIGKILL || number == SIGSTOP || (number >= 32 && number < SIGRTMIN) ||
            real_sigaction(number, NULL, &action) != 0)
            continue;
        struct sigaction wanted = action;
        undisguise(handler_of(number), &wanted);
        disguise(number, &wanted);
        if (!is_same(&wanted, &action))
            real_sigaction(number, &wanted, NULL);
    }
}

void handler_hooks_begin(void)
{
    __atomic_store_n(&has_begun, 1, __ATOMIC_RELAXED);
    set_again();
}

void handler_hooks_note_stack(bool is_small)
{
    bool is_new = !__atomic_exchange_n(&program_has_stack, 1, __ATOMIC_RELAXED);
    if (is_small)
        is_new |= !__atomic_exchange_n(&program_has_small_stack, 1, __ATOMIC_RELAXED);
    if (is_new)
        set_again();
}

bool handler_hooks_need_own_stack(void)
{
    return is_set(&program_has_stack) && is_set(&has_handler);
}

/* ---- hooks ---- */

#define EXPORT __attribute__((visibility("default")))

/* NAME: all take a signal and a handler, and return the one that was. */
#define HOOKS(HOOK)                                                                                \
    HOOK(signal)                                                                                   \
    HOOK(ssignal)                                                                                  \
    HOOK(bsd_signal)                                                                               \
    HOOK(sysv_signal)                                                                              \
    HOOK(__sysv_signal)                                                                            \
    HOOK(sigset)

#define REAL(name) static sighandler_t (*real_##name)(int, sighandler_t);
HOOKS(REAL)

#define RESOLVE(name)                                                                              \
    if (!real_##name)                                                                              \
        real_##name = (sighandler_t(*)(int, sighandler_t))dlsym(RTLD_NEXT, #name);

void handler_hooks_resolve(void)
{
    if (!real_sigaction)
        real_sigaction = (sigaction_function *)dlsym(RTLD_NEXT, "sigaction");
    HOOKS(RESOLVE)
}

#define DEFINE(name)                                                                               \
    EXPORT sighandler_t name(int number, sighandler_t handler)                                     \
    {                                                                                              \
        if (!real_##name)                                                                          \
            handler_hooks_resolve();                                                               \
        uintptr_t before = handler_of(number);                                                     \
        sighandler_t old = real_##name(number, handler);                                           \
        return (uintptr_t)old == (uintptr_t)call_handler ? (sighandler_t)before : old;             \
    }

extern sighandler_t bsd_signal(int number, sighandler_t handler); /* not declared any more */
HOOKS(DEFINE)

EXPORT int sigaction(int number, const struct sigaction *new, struct sigaction *ret_old)
{
    struct sigaction wanted;
    if (!real_sigaction)
        handler_hooks_resolve();
    if (!is_set(&has_begun) || number <= 0 || number >= SIGNALS)
        return real_sigaction(number, new, ret_old);
    uintptr_t before = handler_of(number);
    if (new) {
        wanted = *new;
        disguise(number, &wanted);
        new = &wanted;
    }
    int result = real_sigaction(number, new, ret_old);
    if (result == 0 && ret_old)
        undisguise(before, ret_old);
    return result;
}
