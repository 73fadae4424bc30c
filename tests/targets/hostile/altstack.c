/*
 * altstack MODE: alternate signal stacks that are just large enough for the program itself.
 *
 *   small     2048 bytes, which no signal of today's processors fits on; the program takes none
 *   handlers  8192 bytes; handlers at 1 kHz fill it to the last kilobyte and compute there
 *   without   one thread has such a stack, another has none: there the same handler runs on the
 *             normal stack and takes half a megabyte of it
 *   usual     8192 bytes, which runtimes give each of their threads
 *   raw       what the kernel says of the stack is believed, as by Go's runtime, whose handlers
 * must be on it, for they interrupt code on stacks of a few hundred bytes
 *
 * A profiler whose handler runs on the program's stack overruns it: the kernel kills the program,
 * or what lies below is overwritten. Checks what lies around the stack, that the handler is on it,
 * and that sigaltstack() tells what the program set, inside and outside of the handler.
 */
#include <alloca.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/targets/hostile/hostile.h"

enum { CANARY = 8192, LEFT = 1000 };

struct guarded {
    unsigned char *memory, *stack;
    size_t size;
};

static __thread struct guarded mine;
static __thread volatile int handled;
static atomic_bool done;

static void set_altstack(size_t size)
{
    mine.memory = malloc(CANARY + size + CANARY);
    memset(mine.memory, 0x5a, CANARY + size + CANARY);
    mine.stack = mine.memory + CANARY;
    mine.size = size;
    stack_t stack = {.ss_sp = mine.stack, .ss_size = size};
    if (sigaltstack(&stack, NULL) != 0)
        cannot("an alternate stack of %zu bytes is refused", size);
}

static void check_altstack(int flags)
{
    stack_t old;
    if (sigaltstack(NULL, &old) != 0 || old.ss_sp != mine.stack || old.ss_size != mine.size ||
        old.ss_flags != flags)
        broken("another alternate stack than was set: %zu bytes, flags %d", old.ss_size,
               old.ss_flags);
    for (size_t i = 0; i < CANARY; i++)
        if (mine.memory[i] != 0x5a || mine.stack[mine.size + i] != 0x5a)
            broken("bytes around the alternate stack were written to");
}

static void check_mask_in_handler(void)
{
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    for (int number = 1; number <= SIGRTMAX; number++)
        if ((sigismember(&mask, number) == 1) != (number == SIGUSR1))
            broken("in the handler signal %d is %s", number,
                   number == SIGUSR1 ? "open" : "blocked");
}

static void on_signal(int number)
{
    unsigned char here;
    int error = errno;
    (void)number;
    if (&here < mine.stack || &here >= mine.stack + mine.size)
        broken("the handler is not on the alternate stack");
    check_mask_in_handler();
    size_t room = (size_t)(&here - mine.stack);
    if (room > LEFT + 100) {
        unsigned char *all = alloca(room - LEFT);
        memset(all, 1, room - LEFT);
        __asm__ volatile("" ::"r"(all) : "memory");
        burn(0.0005);
    }
    check_altstack(SS_ONSTACK);
    stack_t other = {.ss_flags = SS_DISABLE};
    if (sigaltstack(&other, NULL) != -1 || errno != EPERM)
        broken("the alternate stack can be changed while in use");
    handled++;
    errno = error;
}

static void *sender(void *thread)
{
    struct timespec pause = {0, 500000};
    while (!atomic_load(&done)) {
        pthread_kill(*(pthread_t *)thread, SIGUSR1);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

/* 8192 bytes, or what an own frame and a kilobyte need where frames are larger. */
static size_t room_for_one(void)
{
    long frame = sysconf(_SC_MINSIGSTKSZ);
    return frame + 2048 > 8192 ? (size_t)frame + 2048 : 8192;
}

static void *handlers(void *arg)
{
    pthread_t self = pthread_self(), thread;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_RESTART};
    burn(0.001);                       /* so that no function is bound while the stack is full */
    sigaction(SIGUSR1, &action, NULL); /* before there is such a stack */
    set_altstack(room_for_one());
    check_altstack(0);
    raise(SIGUSR1);
    pthread_create(&thread, NULL, sender, &self);
    while (handled < 200)
        burn(0.001);
    atomic_store(&done, true);
    pthread_join(thread, NULL);
    check_altstack(0);
    return arg;
}

static __thread const char *normal_stack_end;

static void on_normal_stack(int number)
{
    enum { TAKEN = 512 * 1024 };
    volatile char taken[TAKEN];
    stack_t old;
    (void)number;
    if (mine.stack) {
        check_altstack(SS_ONSTACK);
        return;
    }
    if ((const char *)taken < normal_stack_end)
        broken("without an alternate stack the handler is on some other");
    for (size_t i = TAKEN; i > 0; i -= 1024)
        taken[i - 1] = 1;
    if (sigaltstack(NULL, &old) != 0 || old.ss_flags != SS_DISABLE)
        broken("in the handler there is an alternate stack of %zu bytes", old.ss_size);
    burn(0.001);
    handled++;
}

static void *without(void *arg)
{
    pthread_attr_t attr;
    size_t size;
    void *start;
    pthread_getattr_np(pthread_self(), &attr);
    pthread_attr_getstack(&attr, &start, &size);
    normal_stack_end = start;
    for (int i = 0; i < 100; i++) {
        raise(SIGUSR1);
        burn(0.001);
    }
    if (handled != 100)
        broken("%d of 100 signals", handled);
    return arg;
}

static void one_with_one_without(void)
{
    struct sigaction action = {.sa_handler = on_normal_stack, .sa_flags = SA_ONSTACK};
    pthread_t thread;
    sigaction(SIGUSR1, &action, NULL);
    set_altstack(1 << 20);
    pthread_create(&thread, NULL, without, NULL);
    pthread_join(thread, NULL);
    check_altstack(0);
}

static stack_t as_kernel_says;

static void on_raw_stack(int number, siginfo_t *info, void *context)
{
    char here;
    (void)number;
    (void)info;
    (void)context;
    if (&here < (char *)as_kernel_says.ss_sp ||
        &here >= (char *)as_kernel_says.ss_sp + as_kernel_says.ss_size)
        broken("the handler is not on the stack that the kernel told of");
    handled++;
}

static void raw(void)
{
    enum { OWN_BYTES = 32768 };
    struct sigaction action = {.sa_sigaction = on_raw_stack,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    sigfillset(&action.sa_mask);
    sigaction(SIGURG, &action, NULL);
    if (syscall(SYS_sigaltstack, NULL, &as_kernel_says) != 0)
        cannot("there is no sigaltstack");
    if (as_kernel_says.ss_flags & SS_DISABLE) {
        as_kernel_says = (stack_t){.ss_sp = malloc(OWN_BYTES), .ss_size = OWN_BYTES};
        syscall(SYS_sigaltstack, &as_kernel_says, NULL);
    }
    for (int i = 0; i < 100; i++) {
        raise(SIGURG);
        burn(0.001);
    }
    if (handled != 100)
        broken("%d of 100 signals", handled);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "small";
    if (strcmp(mode, "small") == 0) {
        set_altstack(2048);
        check_altstack(0);
        burn(0.25);
        check_altstack(0);
    } else if (strcmp(mode, "without") == 0) {
        one_with_one_without();
    } else if (strcmp(mode, "usual") == 0) {
        set_altstack(8192);
        burn(0.25);
        check_altstack(0);
    } else if (strcmp(mode, "raw") == 0) {
        raw();
    } else {
        pthread_t thread;
        handlers(NULL);
        atomic_store(&done, false);
        pthread_create(&thread, NULL, handlers, NULL);
        pthread_join(thread, NULL);
    }
    printf("%s: the stack was the program's alone\n", mode);
    return HOSTILE_OK;
}
