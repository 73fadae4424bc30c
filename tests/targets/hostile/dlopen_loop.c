/*
 * Loads and unloads libraries as fast as it can for SECONDS (default 0.4), with a second thread
 * that walks the list of loaded objects with a callback that allocates under a lock of its own,
 * which the first thread takes around its loads. A profiler that calls the loader, or takes its
 * lock, in a signal handler stops both for good. Checks that both threads get on, and that the CPU
 * time is theirs.
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "tests/targets/hostile/hostile.h"

static pthread_mutex_t app_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool done;
static unsigned long walks;

static int on_object(struct dl_phdr_info *info, size_t size, void *objects)
{
    (void)info, (void)size;
    pthread_mutex_lock(&app_lock);
    free(malloc(100));
    ++*(unsigned long *)objects;
    pthread_mutex_unlock(&app_lock);
    return 0;
}

static void *walker(void *arg)
{
    unsigned long objects = 0;
    while (!atomic_load(&done)) {
        dl_iterate_phdr(on_object, &objects);
        walks++;
    }
    return objects > 0 ? arg : NULL;
}

__attribute__((noipa)) static unsigned long load_and_unload(uint64_t until)
{
    static const char *const names[] = {"libz.so.1", "libutil.so.1", "libncursesw.so.6"};
    unsigned long loads = 0;
    while (clock_ns(CLOCK_MONOTONIC) < until) {
        void *library = dlopen(names[loads % 3], RTLD_NOW);
        if (!library)
            broken("dlopen: %s", dlerror());
        pthread_mutex_lock(&app_lock);
        loads++;
        pthread_mutex_unlock(&app_lock);
        dlclose(library);
    }
    return loads;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 0.4;
    pthread_t thread;
    void *result;
    pthread_create(&thread, NULL, walker, &app_lock);
    unsigned long loads = load_and_unload(clock_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9));
    atomic_store(&done, true);
    pthread_join(thread, &result);
    if (loads < 100 || walks < 100 || result != &app_lock)
        broken("%lu loads, %lu walks", loads, walks);
    puts("both threads got on");
    return HOSTILE_OK;
}
