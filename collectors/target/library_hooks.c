/* See library_hooks.h. Its dlopen() stays libc's, which goes by who calls it. */
#include "collectors/target/library_hooks.h"

#include <dlfcn.h>

#include "collectors/target/calls_segment.h"
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

__attribute__((visibility("default"))) int dlclose(void *library)
{
    const struct sampler *sampler = sampler_get_own();
    pid_t pid = sampler ? sampler->pid : 0;
    if (!real_dlclose)
        library_hooks_resolve();
    if (sampler)
        count(sampler, 1);
    int result = real_dlclose(library);
    struct heap *heap = heap_get();
    if (heap)
        segment_modules_check(&heap->modules);
    struct calls *calls = calls_get();
    if (calls)
        segment_modules_check(&calls->modules);
    /* a destructor may have forked: the child has begun to count anew */
    if (sampler && sampler_get_own() && sampler->pid == pid)
        count(sampler, WIRE_UNLOADED - 1);
    return result;
}
