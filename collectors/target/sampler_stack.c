/* See sampler_stack.h. */
#include "collectors/target/sampler_stack.h"

#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    PAGE_BYTES = 4096,
    MAIN_STACK_MAX = 128 << 20, /* the kernel keeps at least so much free below it */
    ROOT_BYTES = 1024,          /* libc's frames above a thread's first function */
};

extern void *__libc_stack_end; /* libc's: the stack pointer at the program's entry */

struct stack_bounds sampler_stack_of_main(void)
{
    struct rlimit limit;
    uintptr_t top = (uintptr_t)__libc_stack_end, size = MAIN_STACK_MAX;
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < size)
        size = limit.rlim_cur;
    return (struct stack_bounds){.low = top > size ? top - size : 0, .top = top};
}

/* Libc puts its own description of a thread at the end of the thread's stack. */
struct stack_bounds sampler_stack_of_thread(const struct sampler_thread *thread, uintptr_t frame)
{
    uintptr_t self = (uintptr_t)pthread_self(), low;
    if (frame >= self || thread->stack_bytes < PAGE_BYTES)
        return (struct stack_bounds){0};
    uintptr_t end = (self + PAGE_BYTES - 1) & -(uintptr_t)PAGE_BYTES;
    if (thread->stack_address)
        low = thread->stack_address;
    else
        low = end - (thread->stack_bytes & -(uintptr_t)PAGE_BYTES) + PAGE_BYTES;
    uintptr_t top = self - frame > ROOT_BYTES ? frame + ROOT_BYTES : self;
    return low < frame ? (struct stack_bounds){.low = low, .top = top} : (struct stack_bounds){0};
}

/* Bytes that the kernel could copy. */
static uint32_t copy_by_kernel(const struct sampler *sampler, const struct stack_copy *copy)
{
    struct iovec to = {.iov_base = copy->to, .iov_len = copy->limit_bytes};
    struct iovec from = {.iov_base = (void *)copy->from, .iov_len = copy->limit_bytes};
    if (!sampler_may_call(sampler))
        return 0;
    long n = syscall(SYS_process_vm_readv, sampler->pid, &to, 1, &from, 1, 0);
    return n > 0 ? (uint32_t)n : 0;
}

void sampler_stack_copy(const struct sampler *sampler, const struct sampler_thread *thread,
                        struct stack_copy *copy)
{
    copy->flags = 0;
    if (copy->from >= thread->stack_low && copy->from < thread->stack_top) {
        uintptr_t there = thread->stack_top - copy->from;
        copy->bytes = there < copy->limit_bytes ? (uint32_t)there : copy->limit_bytes;
        copy->flags = there > copy->limit_bytes ? WIRE_SAMPLE_STACK_CUT : 0;
        memcpy(copy->to, (const void *)copy->from, copy->bytes);
        return;
    }
    copy->bytes = copy_by_kernel(sampler, copy);
    if (copy->bytes == 0)
        copy->flags = WIRE_SAMPLE_STACK_NONE;
    else if (copy->bytes == copy->limit_bytes)
        copy->flags = WIRE_SAMPLE_STACK_CUT;
}
