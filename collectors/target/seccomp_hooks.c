/*
 * See seccomp_hooks.h. syscall() is a jump and no call: what returns twice, or on another stack,
 * must not find a frame of ours.
 */
#include "collectors/target/seccomp_hooks.h"

#include <dlfcn.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "collectors/target/calls_segment.h"
#include "collectors/target/heap_segment.h"
#include "collectors/target/sampler.h"
#include "collectors/target/sampler_threads.h"
#include "collectors/target/seccomp_filter.h"

typedef int prctl_function(int, ...);
typedef long syscall_function(long, ...);

static prctl_function *real_prctl;
__attribute__((visibility("hidden"))) syscall_function *proftop_real_syscall;

void seccomp_hooks_resolve(void)
{
    if (!real_prctl)
        real_prctl = (prctl_function *)dlsym(RTLD_NEXT, "prctl");
    if (!proftop_real_syscall)
        proftop_real_syscall = (syscall_function *)dlsym(RTLD_NEXT, "syscall");
}

/* Whether there is memory at a byte of each page; asked of the kernel, which does not fall over. */
static bool is_readable(const void *start, size_t bytes)
{
    enum { PAGE_BYTES = 4096 };
    char byte;
    uintptr_t end = (uintptr_t)start + bytes;
    struct iovec here = {.iov_base = &byte, .iov_len = 1};
    for (uintptr_t at = (uintptr_t)start; at < end; at = (at | (PAGE_BYTES - 1)) + 1) {
        struct iovec there = {.iov_base = (void *)at, .iov_len = 1};
        if (proftop_real_syscall(SYS_process_vm_readv, getpid(), &here, 1, &there, 1, 0) != 1)
            return false;
    }
    return end >= (uintptr_t)start;
}

/* A bad address is an error that the kernel tells the program of. Under a filter that is there
 * already, asking could be forbidden: it has passed such a check before then. */
static bool is_whole(const struct sampler *sampler, const struct sock_fprog *program)
{
    if (sampler->was_filtered || sampler->has_own_filter ||
        __atomic_load_n(&sampler->wire->has_seccomp, __ATOMIC_RELAXED))
        return true;
    return is_readable(program, sizeof *program) &&
           is_readable(program->filter, program->len * sizeof *program->filter);
}

/* No system calls from now on; no timers either when their handler could not return. */
static void before_filter(const struct sock_fprog *program)
{
    struct sampler *sampler = sampler_get_own();
    if (!sampler)
        return;
    sampler->may_call = sampler->may_arm = false;
    if (!program || !is_whole(sampler, program))
        return;
    sampler->has_own_filter = true;
    if (sampler->may_delete && !seccomp_filter_allows(program, SYS_rt_sigreturn))
        sampler_threads_disarm_all(sampler, WIRE_UNSAMPLED_SECCOMP);
    sampler->may_delete &= seccomp_filter_allows(program, SYS_timer_delete);
}

static void forbid_calls(void)
{
    heap_forbid_calls();
    calls_forbid_calls();
}

static void forbid_clock(void)
{
    heap_forbid_clock();
    calls_forbid_clock();
}

/* Strict mode takes the processor's clock away too: libc's would fall over it in a timer's
 * handler. */
static void before_strict(void)
{
    struct sampler *sampler = sampler_get_own();
    forbid_clock();
    if (sampler && sampler->may_delete)
        sampler_threads_disarm_all(sampler, WIRE_UNSAMPLED_SECCOMP);
}

static void before_prctl(unsigned long option, unsigned long mode, const void *program)
{
    if (option == PR_SET_SECCOMP)
        forbid_calls();
    if (option == PR_SET_TSC && mode == PR_TSC_SIGSEGV)
        forbid_clock();
    if (option == PR_SET_SECCOMP && mode == SECCOMP_MODE_STRICT)
        before_strict();
    if (option == PR_SET_NO_NEW_PRIVS || option == PR_SET_SECCOMP)
        before_filter(option == PR_SET_SECCOMP && mode == SECCOMP_MODE_FILTER ? program : NULL);
}

#define EXPORT __attribute__((visibility("default")))

EXPORT int prctl(int option, ...)
{
    unsigned long arguments[4];
    va_list list;
    va_start(list, option);
    for (int i = 0; i < 4; i++)
        arguments[i] = va_arg(list, unsigned long);
    va_end(list);
    if (!real_prctl)
        seccomp_hooks_resolve();
    before_prctl((unsigned)option, arguments[0], (const void *)arguments[1]);
    return real_prctl(option, arguments[0], arguments[1], arguments[2], arguments[3]);
}

struct arguments {
    unsigned long number, a, b, c;
};

/* What is to be known of a call through syscall(); before the constructor, finds the real one. */
__attribute__((visibility("hidden"))) void proftop_before_syscall(const struct arguments *call);

void proftop_before_syscall(const struct arguments *call)
{
    if (!proftop_real_syscall)
        seccomp_hooks_resolve();
    if (call->number == SYS_prctl)
        before_prctl(call->a, call->b, (const void *)call->c);
    if (call->number != SYS_seccomp || call->a > SECCOMP_SET_MODE_FILTER)
        return;
    forbid_calls();
    if (call->a == SECCOMP_SET_MODE_STRICT)
        before_strict();
    before_filter(call->a == SECCOMP_SET_MODE_FILTER ? (const void *)call->c : NULL);
}

/* Keeps the arguments, looks at them where that is needed, and goes on to the real function. */
__asm__(".text\n"
        ".globl syscall\n"
        ".type syscall, @function\n"
        "syscall:\n"
        ".cfi_startproc\n"
        "cmp $157, %rdi\n" /* SYS_prctl */
        "je 1f\n"
        "cmp $317, %rdi\n" /* SYS_seccomp */
        "je 1f\n"
        "cmpq $0, proftop_real_syscall(%rip)\n"
        "je 1f\n"
        "0: jmp *proftop_real_syscall(%rip)\n"
        "1: push %r9\n"
        "push %r8\n"
        "push %r8\n" /* aligns */
        "push %rcx\n"
        "push %rdx\n"
        "push %rsi\n"
        "push %rdi\n"
        ".cfi_adjust_cfa_offset 56\n"
        "mov %rsp, %rdi\n"
        "call proftop_before_syscall\n"
        "pop %rdi\n"
        "pop %rsi\n"
        "pop %rdx\n"
        "pop %rcx\n"
        "pop %r8\n"
        "pop %r8\n"
        "pop %r9\n"
        ".cfi_adjust_cfa_offset -56\n"
        "jmp 0b\n"
        ".cfi_endproc\n"
        ".size syscall, . - syscall\n");
