/*
 * Reaches the allocator by pointers: in tables filled by the loader, taken at run time, asked from
 * dlsym() in every way. All but those from libc's own handle are the ones that a preloaded library
 * defines. A block may be freed by another pointer than the one that gave it.
 */
#include <dlfcn.h>
#include <string.h>

#include "tests/targets/hostile/hostile.h"

struct table {
    void *(*take)(size_t);
    void (*give)(void *);
    void *(*resize)(void *, size_t);
};

static const struct table filled_by_the_loader = {malloc, free, realloc};

__attribute__((noipa)) void work_by_pointers(const struct table *table)
{
    for (size_t i = 0; i < 100; i++) {
        char *block = table->take(i + 1);
        memset(block, 1, i + 1);
        block = table->resize(block, 2 * i + 10);
        if (block[i] != 1)
            broken("resizing lost what was in a block");
        if (i % 10)
            table->give(block);
    }
}

static struct table ask(void *where)
{
    struct table table;
    *(void **)&table.take = dlsym(where, "malloc");
    *(void **)&table.give = dlsym(where, "free");
    *(void **)&table.resize = dlsym(where, "realloc");
    if (!table.take || !table.give || !table.resize)
        broken("no malloc there");
    return table;
}

int main(void)
{
    struct table volatile taken = {malloc, free, realloc};
    struct table copy = taken, by_name = ask(RTLD_DEFAULT), next = ask(RTLD_NEXT);
    void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
    struct table of_libc = ask(libc), mixed = {of_libc.take, free, realloc},
                 other = {malloc, of_libc.give, of_libc.resize};
    work_by_pointers(&filled_by_the_loader);
    work_by_pointers(&copy);
    work_by_pointers(&by_name);
    work_by_pointers(&next);
    work_by_pointers(&of_libc);
    work_by_pointers(&mixed); /* frees are seen of blocks that were not */
    work_by_pointers(&other); /* blocks are seen whose end is not */
    if (filled_by_the_loader.take != by_name.take)
        broken("two addresses of malloc()");
    printf("heap_pointers: done\n");
    return HOSTILE_OK;
}
