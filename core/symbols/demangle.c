/*
 * Demangling with libiberty.
 *
 * libiberty's own limits are not enough for hostile names: a hundred characters can expand to
 * gigabytes, and its recursion limit refuses every name above 1024 characters, which real templates
 * reach. Therefore the callback interface is used, which keeps no heap and which we leave by a jump
 * when the output is long enough; names of up to DEMANGLE_INPUT_MAX characters are tried a second
 * time without the limit, as their length bounds the depth.
 */
#include "core/symbols/demangle.h"

#include <glib.h>
#include <libiberty/demangle.h>
#include <setjmp.h>
#include <string.h>

enum { STRICT_INPUT_MAX = 1024 };

struct demangle_output {
    char text[DEMANGLE_OUTPUT_MAX + 1];
    size_t size;
    jmp_buf full;
};

typedef int demangle_backend(const char *, int, demangle_callbackref, void *);

static void collect(const char *text, size_t size, void *opaque)
{
    struct demangle_output *output = opaque;
    size_t room = DEMANGLE_OUTPUT_MAX - output->size;
    size_t take = size < room ? size : room;
    memcpy(output->text + output->size, text, take);
    output->size += take;
    if (take < size)
        longjmp(output->full, 1);
}

static char *run_backend(demangle_backend *backend, const char *linkage, int options)
{
    static const char ellipsis[] = "…";
    struct demangle_output output = {.size = 0};
    if (setjmp(output.full)) {
        memcpy(output.text + DEMANGLE_OUTPUT_MAX - sizeof(ellipsis) + 1, ellipsis,
               sizeof(ellipsis) - 1);
        return g_strndup(output.text, DEMANGLE_OUTPUT_MAX);
    }
    if (!backend(linkage, options, collect, &output) || output.size == 0)
        return NULL;
    return g_strndup(output.text, output.size);
}

static char *demangle_with(const char *linkage, int options)
{
    char *name = run_backend(rust_demangle_callback, linkage, options);
    return name ? name : run_backend(cplus_demangle_v3_callback, linkage, options);
}

char *demangle(const char *linkage)
{
    const int options = DMGL_PARAMS | DMGL_ANSI;
    size_t length = strnlen(linkage, DEMANGLE_INPUT_MAX + 1);
    char *name = NULL;
    if (linkage[0] != '_' || length > DEMANGLE_INPUT_MAX)
        return g_strdup(linkage);
    name = demangle_with(linkage, options);
    if (!name && length > STRICT_INPUT_MAX)
        name = demangle_with(linkage, options | DMGL_NO_RECURSE_LIMIT);
    return name ? name : g_strdup(linkage);
}
