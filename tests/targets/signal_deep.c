/*
 * CPU time inside a signal handler on an alternate stack: stacks run from handler_leaf through the
 * handler, the kernel's signal frame and the interrupted function to main. `signal_deep [SECONDS]`;
 * the altstack's lowest bytes hold a pattern which must survive.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STACK_SIZE = 64 * 1024, CANARY = 4096 };

static volatile uint64_t sink;
static unsigned char stack[STACK_SIZE];

__attribute__((noipa)) void handler_leaf(void)
{
    uint64_t value = 11;
    for (int i = 0; i < 2000000; i++)
        value = value * 2862933555777941757u + 3037000493u;
    sink = value;
}

__attribute__((noipa)) void handler_step(int depth)
{
    if (depth > 0)
        handler_step(depth - 1);
    else
        handler_leaf();
    sink++;
}

static void handler(int number)
{
    (void)number;
    handler_step(10);
}

__attribute__((noipa)) void interrupted(void)
{
    raise(SIGUSR1);
    sink++;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 1;
    stack_t alternate = {.ss_sp = stack, .ss_size = STACK_SIZE};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    memset(stack, 0x5a, CANARY);
    if (sigaltstack(&alternate, NULL) || sigaction(SIGUSR1, &action, NULL))
        return 1;
    while ((double)clock() / CLOCKS_PER_SEC < seconds)
        interrupted();
    for (int i = 0; i < CANARY; i++)
        if (stack[i] != 0x5a)
            return 3;
    puts("stack intact");
    return 0;
}
