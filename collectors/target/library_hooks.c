/* See library_hooks.h. Its dlopen() stays libc's, which goes by who calls it. */
#include "collectors/target/library_hooks.h"

#include <dlfcn.h>

#include "collectors/target/sampler.h"

typedef int dlclose_function(void *);

static dlclose_function *real_dlclose;

void library_hooks_resolve(void)
{
    if (!real_dlclose)
        real_dlclose = (dlclose_function *)dlsym(RTLD_NEXT, "dlclose");
}

static void count(struct sampler *sampler)
{
    if (sampler)
        __atomic_fetch_add(&sampler->wire->map_generation, 1, __ATOMIC_ACQ_REL);
}

__attribute__((visibility("default"))) int dlclose(void *library)
{
    struct sampler *sampler = sampler_get_own();
    if (!real_dlclose)
        library_hooks_resolve();
    count(sampler);
    int result = real_dlclose(library);
    count(sampler);
    return result;
}
