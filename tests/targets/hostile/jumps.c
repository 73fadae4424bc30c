/*
 * Leaves its signal handlers by longjmp() a few thousand times: with the mask saved and without,
 * from the normal and from an alternate stack, while another thread sends the signals as fast as
 * they are taken. A profiler that blocks its signal during the program's handlers, or that the jump
 * takes out of its own handler, does not sample any more after that, or samples into a slot that is
 * never freed. Checks the masks; the CPU time after all the jumps must be in the profile.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "tests/targets/hostile/hostile.h"

enum { JUMPS = 800 };

static sigjmp_buf saved;
static jmp_buf unsaved;
static volatile sig_atomic_t armed;
static atomic_int jumped;
static atomic_bool done;

static void jump_saved(int number)
{
    (void)number;
    if (!armed)
        return;
    armed = 0;
    siglongjmp(saved, 1);
}

static void jump_unsaved(int number)
{
    (void)number;
    if (!armed)
        return;
    armed = 0;
    _longjmp(unsaved, 1);
}

/* One signal for each jump, at a moment of no plan. */
static void *sender(void *thread)
{
    for (uint64_t seed = 1; !atomic_load(&done); seed = seed * 2862933555777941757u + 3037000493u) {
        int before = atomic_load(&jumped);
        spin(seed >> 48);
        pthread_kill(*(pthread_t *)thread, SIGUSR1);
        for (int i = 0; i < 100 && atomic_load(&jumped) == before; i++)
            spin(1000);
    }
    return NULL;
}

static void check_mask(const char *when)
{
    sigset_t mask;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    for (int number = 1; number <= SIGRTMAX; number++)
        if (sigismember(&mask, number) == 1)
            broken("%s: %d is blocked", when, number);
}

static void jump(void (*handler)(int), int flags, const char *when)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    int first = atomic_load(&jumped);
    sigaction(SIGUSR1, &action, NULL);
    volatile int wanted = first + JUMPS;
    if (handler == jump_saved)
        sigsetjmp(saved, 1);
    else
        _setjmp(unsaved);
    if (atomic_fetch_add(&jumped, 1) < wanted) {
        armed = 1;
        for (;;)
            spin(100);
    }
    check_mask(when);
}

static void after_the_jumps(void)
{
    burn(0.3);
    check_mask("at the end");
}

int main(void)
{
    static char stack_memory[65536];
    stack_t stack = {.ss_sp = stack_memory, .ss_size = sizeof stack_memory};
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    pthread_t self = pthread_self(), thread;
    sigaction(SIGUSR1, &ignored, NULL);
    sigaltstack(&stack, NULL);
    pthread_create(&thread, NULL, sender, &self);
    jump(jump_saved, 0, "mask saved");
    jump(jump_saved, SA_ONSTACK, "mask saved, alternate stack");
    jump(jump_unsaved, SA_NODEFER, "mask not saved");
    jump(jump_unsaved, SA_NODEFER | SA_ONSTACK, "mask not saved, alternate stack");
    sigaction(SIGUSR1, &ignored, NULL);
    atomic_store(&done, true);
    pthread_join(thread, NULL);
    after_the_jumps();
    puts("all jumps arrived");
    return HOSTILE_OK;
}
