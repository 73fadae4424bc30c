/*
 * Has its allocations written down by libc's own debugging allocator, libc_malloc_debug.so.0, which
 * is to be preloaded: its functions have no default version, as for programs of old. MALLOC_TRACE
 * names the file.
 */
#include <dlfcn.h>
#include <mcheck.h>
#include <string.h>

#include "tests/targets/hostile/hostile.h"

enum { BLOCKS = 20 };

static void count_lines(const char *path, int *ret_given, int *ret_taken)
{
    char line[512];
    FILE *file = fopen(path, "r");
    if (!file)
        broken("nothing was written down");
    while (fgets(line, sizeof line, file)) {
        *ret_given += strstr(line, " + ") != NULL;
        *ret_taken += strstr(line, " - ") != NULL;
    }
    fclose(file);
}

int main(void)
{
    const char *path = getenv("MALLOC_TRACE");
    char *volatile blocks[BLOCKS];
    int given = 0, taken = 0;
    if (!path || !dlopen("libc_malloc_debug.so.0", RTLD_NOLOAD | RTLD_LAZY))
        cannot("no libc_malloc_debug");
    mtrace();
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = malloc((size_t)i + 1);
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    muntrace();
    count_lines(path, &given, &taken);
    if (given < BLOCKS || taken < BLOCKS)
        broken("%d blocks written down, and %d frees", given, taken);
    puts("all was written down");
    return HOSTILE_OK;
}
