/* See library_hooks.h. Its dlopen() stays libc's, which goes by who calls it. */
#include "collectors/target/library_hooks.h"

#include <dlfcn.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "collectors/target/calls_section.h"
#include "collectors/target/heap_segment.h"
#include "collectors/target/sampler.h"

typedef int dlclose_function(void *);

static dlclose_function *real_dlclose;

void library_hooks_resolve(void)
{
    if (!real_dlclose)
        real_dlclose = (dlclose_function *)dlsym(RTLD_NEXT, "dlclose");
}

static void count(const struct sampler *sampler, uint64_t what)
{
    __atomic_fetch_add(&sampler->wire->map_generation, what, __ATOMIC_ACQ_REL);
}

/*
 * Proftop changes code by what it has seen mapped. A library that goes in the midst of that, with
 * another one coming in its place, would get what was meant for it: so they keep out of each
 * other's way, each by its own word. What is waited for takes microseconds; should proftop be held
 * up, the program is not.
 */
static void wait_for_change(const struct wire_calls *wire, bool may_call)
{
    enum { WAITS = 10 };
    const struct timespec millisecond = {.tv_nsec = 1000000};
    for (int i = 0; i < WAITS && __atomic_load_n(&wire->changing, __ATOMIC_SEQ_CST); i++) {
        if (!may_call)
            return;
        syscall(SYS_futex, &wire->changing, FUTEX_WAIT, 1, &millisecond, NULL, 0);
    }
}

/* Returns the process whose segment knows; 0: none. */
static pid_t begin_unloading(void)
{
    struct calls_section section;
    if (!calls_section_begin(&section))
        return 0;
    pid_t pid = section.calls->pid;
    __atomic_fetch_add(&section.calls->wire->unloading, 1, __ATOMIC_SEQ_CST);
    wait_for_change(section.calls->wire, calls_may_call(section.calls));
    calls_section_end(&section);
    return pid;
}

/* A destructor may have forked: the child has begun to count anew. */
static void end_unloading(pid_t pid)
{
    struct calls_section section;
    if (pid == 0 || !calls_section_begin(&section))
        return;
    if (section.calls->pid == pid) {
        segment_modules_check(&section.calls->modules);
        __atomic_fetch_add(&section.calls->wire->unloading, WIRE_UNLOADED - 1, __ATOMIC_SEQ_CST);
    }
    calls_section_end(&section);
}

__attribute__((visibility("default"))) int dlclose(void *library)
{
    const struct sampler *sampler = sampler_get_own();
    pid_t pid = sampler ? sampler->pid : 0;
    if (!real_dlclose)
        library_hooks_resolve();
    if (sampler)
        count(sampler, 1);
    pid_t calls_pid = begin_unloading();
    int result = real_dlclose(library);
    struct heap *heap = heap_get();
    if (heap)
        segment_modules_check(&heap->modules);
    end_unloading(calls_pid);
    if (sampler && sampler_get_own() && sampler->pid == pid)
        count(sampler, WIRE_UNLOADED - 1);
    return result;
}
