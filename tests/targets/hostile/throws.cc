/*
 * Throws 20,000 exceptions through frames with destructors, in two threads, and is linked with its
 * own copy of the unwinder (-static-libgcc). A profiler that brings another unwinder into the
 * process under the same names makes exceptions many times as expensive, or ends the program.
 * Checks that each is caught, that destructors ran, that a throw takes less than 25 us of CPU time,
 * and says whose unwinder it is.
 */
#include <atomic>
#include <cstring>
#include <dlfcn.h>
#include <pthread.h>
#include <stdexcept>
#include <unwind.h>

#include "tests/targets/hostile/hostile.h"

enum { THROWS = 10000, DEPTH = 5 };

static std::atomic<int> destroyed, caught;

struct object {
    ~object()
    {
        destroyed++;
    }
};

__attribute__((noipa)) static void throw_from(int depth)
{
    object here;
    if (depth == 0)
        throw std::runtime_error("thrown");
    throw_from(depth - 1);
}

static void *run(void *)
{
    for (int i = 0; i < THROWS; i++) {
        try {
            throw_from(DEPTH - 1);
        } catch (const std::runtime_error &error) {
            caught += strcmp(error.what(), "thrown") == 0;
        }
    }
    return nullptr;
}

static const char *owner(const char *symbol)
{
    Dl_info info;
    void *address = dlsym(RTLD_DEFAULT, symbol);
    if (!address || !dladdr(address, &info))
        return "nobody";
    const char *name = strrchr(info.dli_fname, '/');
    return name ? name + 1 : info.dli_fname;
}

int main()
{
    pthread_t thread;
    uint64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    pthread_create(&thread, nullptr, run, nullptr);
    run(nullptr);
    pthread_join(thread, nullptr);
    uint64_t each = (clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / (2 * THROWS);
    if (caught != 2 * THROWS || destroyed != 2 * THROWS * DEPTH)
        broken("%d caught, %d destroyed", caught.load(), destroyed.load());
    if (each > 25000)
        broken("a throw takes %lu ns", each);
    printf("%d caught; _Unwind_RaiseException of %s, backtrace of %s\n", caught.load(),
           owner("_Unwind_RaiseException"), owner("backtrace"));
    return HOSTILE_OK;
}
