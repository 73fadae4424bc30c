/*
 * A program to look at while it runs: `serves_calls [SECONDS]` (60) answers requests of its own,
 * a few thousand a second, in two threads.
 *
 *   main -> serve_request -> parse_order (3 times)
 *                         -> find_price (once) -> find_price (12 deep)
 *   pack_all -> pack_block (by the other thread)
 *   spin_quietly, called by both, is not compiled to be counted
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

static volatile long sink;
static volatile int is_over;

#define CALLED __attribute__((noinline, noclone))

/* About as many nanoseconds as rounds. */
__attribute__((noinline, noclone, no_instrument_function)) void spin_quietly(long rounds)
{
    for (long i = 0; i < rounds; i++)
        sink = i;
}

CALLED long parse_order(long order)
{
    spin_quietly(100000);
    return order ^ 0x5a;
}

CALLED long find_price(long order, int depth)
{
    spin_quietly(20000);
    long found = depth > 0 ? find_price(order, depth - 1) : order;
    sink = found; /* else it becomes a loop */
    return found;
}

CALLED long serve_request(long order)
{
    long sum = 0;
    for (int i = 0; i < 3; i++)
        sum += parse_order(order + i);
    sum += find_price(order, 12);
    return sum;
}

CALLED void pack_block(void)
{
    spin_quietly(200000);
    sink = 0; /* else spin_quietly() returns to its caller */
}

CALLED void *pack_all(void *arg)
{
    while (!is_over) {
        pack_block();
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return arg;
}

int main(int argc, char **argv)
{
    time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 60);
    pthread_t packer;
    if (pthread_create(&packer, NULL, pack_all, NULL) != 0)
        return 1;
    for (long order = 0; time(NULL) < end; order++) {
        sink = serve_request(order);
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    is_over = 1;
    return pthread_join(packer, NULL);
}
