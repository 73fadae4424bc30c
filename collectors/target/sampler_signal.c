/*
 * See sampler_signal.h. The handler makes no system call in the usual case: a program may have
 * forbidden itself all but a few. It blocks every signal while it runs, some microseconds, so that
 * no handler of the program is ever run on our signal stack, or leaves ours by longjmp.
 */
#include "collectors/target/sampler_signal.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "collectors/target/sampler.h"
#include "collectors/target/sampler_slots.h"
#include "collectors/target/sampler_threads.h"

enum { KERNEL_SA_RESTORER = 0x04000000, KERNEL_SET_BYTES = 8 };

/* As the kernel wants it: libc's sigaction() refuses this signal. */
struct kernel_action {
    uintptr_t handler;
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

typedef void signal_function(int, siginfo_t *, void *);

/* Whom to hand on what is not ours. Outlives a fork, as dispositions do. */
static uintptr_t handler_before;

/* What returns from the handler, in the bytes by which unwinders and debuggers know it. */
void proftop_signal_return(void);
__asm__(".text\n"
        ".balign 16\n"
        "nop\n"
        ".globl proftop_signal_return\n"
        ".hidden proftop_signal_return\n"
        ".type proftop_signal_return, @function\n"
        "proftop_signal_return:\n"
        "mov $15, %rax\n"
        "syscall\n"
        ".size proftop_signal_return, . - proftop_signal_return\n");

static bool kernel_action(const struct kernel_action *action, struct kernel_action *ret_old)
{
    return syscall(SYS_rt_sigaction, SAMPLER_SIGNAL, action, ret_old, KERNEL_SET_BYTES) == 0;
}

/* Ends the process as the signal would have without a handler, once this one returns. */
static void die(void)
{
    struct kernel_action fatal = {.handler = (uintptr_t)SIG_DFL};
    kernel_action(&fatal, NULL);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SAMPLER_SIGNAL);
}

static void hand_on(int number, siginfo_t *info, void *context)
{
    uintptr_t before = __atomic_load_n(&handler_before, __ATOMIC_RELAXED);
    if (before == (uintptr_t)SIG_DFL)
        die();
    else if (before != (uintptr_t)SIG_IGN)
        ((signal_function *)before)(number, info, context);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    struct sampler_thread *thread =
        info->si_code == SI_TIMER ? sampler_thread_at(info->si_value.sival_ptr) : NULL;
    struct sampler *sampler = sampler_get();
    if (!thread)
        hand_on(number, info, context);
    else if (sampler && __atomic_load_n(&thread->state, __ATOMIC_RELAXED) == SAMPLER_THREAD_RUNS) {
        thread->cpu_ns += ((uint64_t)info->si_overrun + 1) * thread->period_ns;
        thread->left_ns = UINT64_MAX;
        if (__atomic_load_n(&sampler->wire->enabled, __ATOMIC_RELAXED))
            sampler_slots_fill(sampler, thread, context);
        sampler_thread_follow_period(sampler, thread);
    }
    errno = saved_errno;
}

/* Whether libc keeps the signal for itself, as it has done since there are threads in it. */
static bool is_libcs_own(void)
{
    sigset_t all;
    sigfillset(&all);
    return SIGRTMIN > SAMPLER_SIGNAL && sigismember(&all, SAMPLER_SIGNAL) != 1;
}

bool sampler_signal_take(void)
{
    struct kernel_action now;
    struct kernel_action ours = {.handler = (uintptr_t)on_signal,
                                 .flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART | KERNEL_SA_RESTORER,
                                 .restorer = proftop_signal_return,
                                 .mask = ~UINT64_C(0)};
    if (!is_libcs_own() || !kernel_action(NULL, &now))
        return false;
    if (now.handler == (uintptr_t)on_signal)
        return true;
    __atomic_store_n(&handler_before, now.handler, __ATOMIC_RELAXED);
    return kernel_action(&ours, NULL);
}

/* Exec gives handled signals their default action, but lets ignored ones stay so. */
static void put_back_ignored(uintptr_t handler)
{
    struct kernel_action now;
    if (handler_before != (uintptr_t)SIG_IGN || !kernel_action(NULL, &now))
        return;
    if (now.handler == (uintptr_t)on_signal || now.handler == (uintptr_t)SIG_IGN) {
        now.handler = handler;
        kernel_action(&now, NULL);
    }
}

void sampler_signal_before_exec(void)
{
    put_back_ignored((uintptr_t)SIG_IGN);
}

void sampler_signal_after_exec(void)
{
    put_back_ignored((uintptr_t)on_signal);
}
