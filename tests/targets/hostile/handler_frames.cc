/*
 * Handlers that ask for an alternate stack (SA_ONSTACK) in threads that have none, so that they run
 * on the stack that was interrupted. What goes through their frames must go through whoever called
 * them there: exceptions thrown by a handler, and the registers that it gives back. Checks that
 * each exception is caught, and that a computation which is interrupted all the time is right.
 */
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <pthread.h>
#include <stdexcept>
#include <thread>
#include <vector>

enum { THREADS = 3, FAULTS = 2000, SIGNALS = 20000, OK = 7 };

static std::atomic<int> caught, handled;
static std::atomic<bool> done;

static void throw_from_handler(int, siginfo_t *, void *)
{
    throw std::runtime_error("fault");
}

static void change_registers(int)
{
    double wrong = -1;
    __asm__ volatile("" : "+x"(wrong));
    handled++;
}

__attribute__((noipa)) static int read_at(const volatile int *address)
{
    return *address;
}

static void fault()
{
    for (int i = 0; i < FAULTS; i++)
        try {
            read_at(nullptr);
        } catch (const std::exception &) {
            caught++;
        }
}

static void compute()
{
    double a = 3, sum = 4;
    while (!done) {
        for (int i = 0; i < 100; i++)
            __asm__ volatile("addsd %1, %0\n\tsubsd %1, %0" : "+x"(sum) : "x"(a));
        if (sum != 4) {
            puts("broken: registers have changed");
            exit(1);
        }
    }
}

static void handle(int number, void (*handler)(int), void (*action)(int, siginfo_t *, void *))
{
    struct sigaction wanted = {};
    wanted.sa_flags = SA_ONSTACK | SA_NODEFER | (action ? SA_SIGINFO : SA_RESTART);
    if (action)
        wanted.sa_sigaction = action;
    else
        wanted.sa_handler = handler;
    sigaction(number, &wanted, nullptr);
}

int main()
{
    handle(SIGSEGV, nullptr, throw_from_handler);
    handle(SIGUSR2, change_registers, nullptr);
    std::vector<std::thread> threads;
    for (int i = 0; i < THREADS; i++)
        threads.emplace_back(fault);
    for (std::thread &thread : threads)
        thread.join();
    std::thread worker(compute);
    for (int sent = 0; sent < SIGNALS || handled == 0; sent++)
        pthread_kill(worker.native_handle(), SIGUSR2);
    done = true;
    worker.join();
    printf("%d of %d exceptions were caught\n", caught.load(), THREADS * FAULTS);
    return OK;
}
