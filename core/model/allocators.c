/*
 * Names of functions that only allocate.
 *
 * Whoever asks where memory went wants to know who called these. Names alone decide: the C and C++
 * standards and POSIX reserve theirs, so a program that has a strdup of its own has one that does
 * the same; others are customary. Names are as in the symbol table.
 */
#include "core/model/allocators.h"

#include <stdlib.h>
#include <string.h>

/* In the order of strcmp(). */
static const char *const names[] = {
    /* libc: the entry points of malloc, and what returns a block for the caller to free; some of
     * these have a second name that they call one another by, or that _FORTIFY_SOURCE calls. */
    "_IO_getdelim",
    "_IO_vasprintf",
    /* operator new[] and new: plain, nothrow, aligned, aligned and nothrow. */
    "_Znam",
    "_ZnamRKSt9nothrow_t",
    "_ZnamSt11align_val_t",
    "_ZnamSt11align_val_tRKSt9nothrow_t",
    "_Znwm",
    "_ZnwmRKSt9nothrow_t",
    "_ZnwmSt11align_val_t",
    "_ZnwmSt11align_val_tRKSt9nothrow_t",
    "___asprintf",
    "___asprintf_chk",
    "___vasprintf_chk",
    "__asprintf",
    "__asprintf_chk",
    "__getcwd",
    "__getdelim",
    "__libc_calloc",
    "__libc_malloc",
    "__libc_memalign",
    "__libc_realloc",
    "__libc_reallocarray",
    "__realpath",
    "__strdup",
    "__strndup",
    "__vasprintf",
    "__vasprintf_chk",
    "__vasprintf_internal",
    "aligned_alloc",
    "asprintf",
    "calloc",
    "canonicalize_file_name",
    /* GLib (g_...): the same, under its names. */
    "g_malloc",
    "g_malloc0",
    "g_malloc0_n",
    "g_malloc_n",
    "g_memdup",
    "g_memdup2",
    "g_realloc",
    "g_realloc_n",
    "g_slice_alloc",
    "g_slice_alloc0",
    "g_strdup",
    "g_strdup_printf",
    "g_strdup_vprintf",
    "g_strndup",
    "g_try_malloc",
    "g_try_malloc0",
    "g_try_malloc0_n",
    "g_try_malloc_n",
    "g_try_realloc",
    "g_try_realloc_n",
    "g_vasprintf",
    "get_current_dir_name",
    "getcwd",
    "getdelim",
    "getline",
    /* jq */
    "jv_mem_alloc",
    "jv_mem_alloc_unguarded",
    "jv_mem_calloc",
    "jv_mem_realloc",
    "jv_mem_strdup",
    "malloc",
    "memalign",
    "posix_memalign",
    "pvalloc",
    "realloc",
    "reallocarray",
    "realpath",
    "strdup",
    "strndup",
    "valloc",
    "vasprintf",
    "wcsdup",
    /* GNU programs and many others (x...): the same, but that they do not return without a block.
     */
    "xcalloc",
    "xmalloc",
    "xmemdup",
    "xnmalloc",
    "xrealloc",
    "xstrdup",
    "xstrndup",
    "xzalloc",
    /* redis and what has come from it */
    "zcalloc",
    "zmalloc",
    "zrealloc",
    "zstrdup",
};

/* How the names of templates' instances begin, and of all members of classes that do nothing but
 * keep a container's memory. */
static const char *const beginnings[] = {
    "_ZN9__gnu_cxx13new_allocatorI", /* __gnu_cxx::new_allocator<T>::allocate */
    "_ZNSt15__new_allocatorI",       /* std::__new_allocator<T>::allocate, from GCC 12 on */
    "_ZNSt16allocator_traitsISaI",   /* std::allocator_traits<std::allocator<T>>::allocate */
    "_ZNSaI",                        /* std::allocator<T>::allocate */
    "_ZNSt12_Vector_baseI",
    "_ZNSt11_Deque_baseI",
    "_ZNSt10_List_baseI",
    "_ZNSt8__detail16_Hashtable_allocI",
    "_ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE9_M_createE",
    "_ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE12_M_constructI",
    "_ZNSt3__19allocatorI",           /* libc++'s std::allocator<T>::allocate */
    "_ZNSt3__116allocator_traitsINS", /* libc++'s std::allocator_traits<...>::allocate */
    "_ZNSt3__117__libcpp_allocate",   /* what these call there */
};

static int compare_names(const void *left, const void *right)
{
    const char *const *name = right;
    return strcmp(left, *name);
}

bool allocators_have(const char *linkage)
{
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (strncmp(linkage, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return bsearch(linkage, names, sizeof names / sizeof *names, sizeof *names, compare_names);
}
