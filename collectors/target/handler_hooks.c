/*
 * See handler_hooks.h. What was changed is read off the kernel's own record: a handler that is our
 * function stands for the one in the table.
 */
#include "collectors/target/handler_hooks.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "collectors/target/handler_frame.h"
#include "collectors/target/sampler_threads.h"

enum {
    SIGNALS = 65,
    SMALL_BYTES = 32 << 10, /* a stack below that may not have room for a handler and ours */
    KERNEL_SA_RESTORER = 0x04000000,
};

typedef int sigaction_function(int, const struct sigaction *, struct sigaction *);
typedef void handler_function(int, siginfo_t *, void *);

static sigaction_function *real_sigaction;

static uint32_t has_begun;
static uintptr_t handlers[SIGNALS]; /* by signal: the last one that was changed */

static bool is_handler(const struct sigaction *action)
{
    return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
}

/* On a small stack of the program's, and not on top of another handler there, which has seen to it.
 */
static bool must_pause(const ucontext_t *context)
{
    uintptr_t start = (uintptr_t)context->uc_stack.ss_sp;
    uintptr_t interrupted = (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
    return context->uc_stack.ss_size > 0 && context->uc_stack.ss_size < SMALL_BYTES &&
           interrupted - start >= context->uc_stack.ss_size;
}

/* When the handler leaves by longjmp, the timer stays stopped until the next one returns. */
__attribute__((visibility("hidden"))) void proftop_call_handler(int number, siginfo_t *info,
                                                                void *context)
{
    handler_function *handler =
        (handler_function *)__atomic_load_n(&handlers[number], __ATOMIC_RELAXED);
    if (!must_pause(context)) {
        handler(number, info, context);
        return;
    }
    int saved_errno = errno;
    bool is_paused = sampler_thread_pause();
    errno = saved_errno;
    handler(number, info, context);
    saved_errno = errno;
    if (is_paused)
        sampler_thread_resume();
    errno = saved_errno;
}

/* As Go's runtime sets its handlers. */
static bool goes_by_kernel(const struct sigaction *action)
{
    if ((action->sa_flags & ~KERNEL_SA_RESTORER) != (SA_SIGINFO | SA_ONSTACK | SA_RESTART))
        return false;
    for (int number = 1; number < SIGNALS; number++)
        if (number != SIGKILL && number != SIGSTOP && (number < 32 || number >= SIGRTMIN) &&
            sigismember(&action->sa_mask, number) != 1)
            return false;
    return true;
}

/* What the program wants, to what is set in truth. */
static void disguise(int number, struct sigaction *action)
{
    if (!(action->sa_flags & SA_ONSTACK) || !is_handler(action))
        return;
    if (goes_by_kernel(action)) {
        handler_frame_leave();
        return;
    }
    __atomic_store_n(&handlers[number], (uintptr_t)action->sa_handler, __ATOMIC_RELAXED);
    action->sa_sigaction = proftop_handler_entry;
}

/* The reverse, where `handler` is what the table had. */
static void undisguise(uintptr_t handler, struct sigaction *action)
{
    if (action->sa_sigaction == proftop_handler_entry)
        action->sa_sigaction = (handler_function *)handler;
}

static uintptr_t handler_of(int number)
{
    return number > 0 && number < SIGNALS ? __atomic_load_n(&handlers[number], __ATOMIC_RELAXED)
                                          : 0;
}

void handler_hooks_begin(void)
{
    struct sigaction action;
    __atomic_store_n(&has_begun, 1, __ATOMIC_RELAXED);
    for (int number = 1; number < SIGNALS; number++) {
        if (number == SIGKILL || number == SIGSTOP || (number >= 32 && number < SIGRTMIN) ||
            real_sigaction(number, NULL, &action) != 0 ||
            action.sa_sigaction == proftop_handler_entry)
            continue;
        uintptr_t before = (uintptr_t)action.sa_handler;
        disguise(number, &action);
        if ((uintptr_t)action.sa_handler != before)
            real_sigaction(number, &action, NULL);
    }
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
        return (uintptr_t)old == (uintptr_t)proftop_handler_entry ? (sighandler_t)before : old;    \
    }

extern sighandler_t bsd_signal(int number, sighandler_t handler); /* not declared any more */
HOOKS(DEFINE)

EXPORT int sigaction(int number, const struct sigaction *new, struct sigaction *ret_old)
{
    struct sigaction wanted;
    if (!real_sigaction)
        handler_hooks_resolve();
    if (!__atomic_load_n(&has_begun, __ATOMIC_RELAXED) || number <= 0 || number >= SIGNALS)
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
