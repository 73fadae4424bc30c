/*
 * See real_malloc.h. Blocks of the pool look like glibc's own large ones, so that
 * malloc_usable_size(), which stays glibc's, knows their size.
 */
#include "collectors/target/real_malloc.h"

#include <dlfcn.h>
#include <link.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/wire/wire_heap.h"

enum { ALIGNMENT = 16, MAPPED_CHUNK = 2, BIGGEST = REAL_MALLOC_POOL_BYTES };

_Alignas(4096) char real_malloc_pool[REAL_MALLOC_POOL_BYTES];
static size_t pool_used;
static uint32_t trouble;
static bool is_resolving;

/* In front of a block; `chunk` is where glibc has a block's size. */
struct pooled {
    size_t bytes;
    size_t chunk;
};

static void *take_pooled(size_t alignment, size_t size)
{
    if (alignment < ALIGNMENT)
        alignment = ALIGNMENT;
    if (size > BIGGEST || alignment > BIGGEST) {
        errno = ENOMEM;
        return NULL;
    }
    size_t room = (size + ALIGNMENT - 1) & -(size_t)ALIGNMENT;
    size_t all = room + alignment + sizeof(struct pooled);
    size_t start = __atomic_fetch_add(&pool_used, all, __ATOMIC_RELAXED);
    if (start > BIGGEST || all > BIGGEST - start) {
        __atomic_fetch_sub(&pool_used, all, __ATOMIC_RELAXED);
        errno = ENOMEM;
        return NULL;
    }
    uintptr_t first = (uintptr_t)real_malloc_pool + start + sizeof(struct pooled);
    struct pooled *block = (struct pooled *)((first + alignment - 1) & -(uintptr_t)alignment);
    block[-1] = (struct pooled){size, (room + sizeof *block) | MAPPED_CHUNK};
    return block;
}

/* ---- before the real functions are known ---- */

static bool can_find(void)
{
    if (!is_resolving)
        real_malloc_resolve();
    return !is_resolving;
}

static void *first_malloc(size_t size)
{
    if (can_find() && real_malloc.malloc != first_malloc)
        return real_malloc.malloc(size);
    return take_pooled(ALIGNMENT, size);
}

static void first_free(void *block)
{
    if (block && can_find() && real_malloc.free != first_free)
        real_malloc.free(block);
}

static void *first_calloc(size_t n, size_t size)
{
    size_t bytes;
    if (can_find() && real_malloc.calloc != first_calloc)
        return real_malloc.calloc(n, size);
    if (__builtin_mul_overflow(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return take_pooled(ALIGNMENT, bytes); /* never used before: zero */
}

static void *first_realloc(void *block, size_t size)
{
    if (can_find() && real_malloc.realloc != first_realloc)
        return real_malloc.realloc(block, size);
    return block ? NULL : take_pooled(ALIGNMENT, size);
}

static void *first_memalign(size_t alignment, size_t size)
{
    if (can_find() && real_malloc.memalign != first_memalign)
        return real_malloc.memalign(alignment, size);
    return take_pooled(alignment, size);
}

static void *first_aligned_alloc(size_t alignment, size_t size)
{
    if (can_find() && real_malloc.aligned_alloc != first_aligned_alloc)
        return real_malloc.aligned_alloc(alignment, size);
    return take_pooled(alignment, size);
}

static int first_posix_memalign(void **ret_block, size_t alignment, size_t size)
{
    if (can_find() && real_malloc.posix_memalign != first_posix_memalign)
        return real_malloc.posix_memalign(ret_block, alignment, size);
    void *block = take_pooled(alignment, size);
    if (block)
        *ret_block = block;
    return block ? 0 : ENOMEM;
}

static void *first_valloc(size_t size)
{
    if (can_find() && real_malloc.valloc != first_valloc)
        return real_malloc.valloc(size);
    return take_pooled(4096, size);
}

static void *first_pvalloc(size_t size)
{
    if (can_find() && real_malloc.pvalloc != first_pvalloc)
        return real_malloc.pvalloc(size);
    return take_pooled(4096, (size + 4095) & -(size_t)4096);
}

struct real_malloc real_malloc = {
    .malloc = first_malloc,
    .free = first_free,
    .calloc = first_calloc,
    .realloc = first_realloc,
    .posix_memalign = first_posix_memalign,
    .aligned_alloc = first_aligned_alloc,
    .memalign = first_memalign,
    .valloc = first_valloc,
    .pvalloc = first_pvalloc,
};

/* ---- finding them ---- */

static const void *library_of(const void *function)
{
    Dl_info info;
    return function && dladdr(function, &info) ? info.dli_fbase : NULL;
}

/* As the program would find it. dlsym() asks for no version, and so passes over libraries that have
 * the function for programs that were linked before only: libc_malloc_debug. These are asked when
 * no other stands in front of libc. */
static void *next(const char *name)
{
    const char *version = strcmp(name, "aligned_alloc") == 0 ? "GLIBC_2.16" : "GLIBC_2.2.5";
    void *found = dlsym(RTLD_NEXT, name);
    if (!found || library_of(found) != library_of(dlsym(RTLD_NEXT, "gnu_get_libc_version")))
        return found;
    void *as_linked = dlvsym(RTLD_NEXT, name, version);
    return as_linked ? as_linked : found;
}

static bool find(void *ret_function, const char *name)
{
    void *found = next(name);
    if (!found)
        return false;
    __atomic_store((void **)ret_function, &found, __ATOMIC_RELEASE);
    return true;
}

/* Our own malloc(), whatever the name means to the rest of the program. */
extern __typeof__(malloc) proftop_own_malloc __attribute__((visibility("hidden")));

/* Whether that malloc() is ours. A program at a fixed address that keeps pointers to malloc() has
 * an entry of its own table of calls for its address: a symbol with a value that is not defined. */
static bool is_ours(void *function)
{
    Dl_info info;
    const ElfW(Sym) *symbol = NULL;
    if (function == (void *)proftop_own_malloc)
        return true;
    return dladdr1(function, &info, (void **)&symbol, RTLD_DL_SYMENT) && symbol &&
           symbol->st_shndx == SHN_UNDEF;
}

void real_malloc_resolve(void)
{
    struct real_malloc *real = &real_malloc;
    if (real->malloc != first_malloc)
        return;
    is_resolving = true;
    bool has_all = find(&real->free, "free") & find(&real->calloc, "calloc") &
                   find(&real->realloc, "realloc") & find(&real->posix_memalign, "posix_memalign") &
                   find(&real->aligned_alloc, "aligned_alloc") & find(&real->memalign, "memalign") &
                   find(&real->valloc, "valloc") & find(&real->pvalloc, "pvalloc") &
                   find(&real->malloc, "malloc");
    if (!has_all)
        trouble |= WIRE_HEAP_NO_REAL;
    if (!is_ours(dlsym(RTLD_DEFAULT, "malloc")))
        trouble |= WIRE_HEAP_FOREIGN_ALLOCATOR;
    is_resolving = false;
}

uint32_t real_malloc_trouble(void)
{
    return trouble;
}

void *real_malloc_realloc(void *block, size_t size)
{
    if (__builtin_expect(!block || !real_malloc_is_pooled(block), 1))
        return real_malloc.realloc(block, size);
    size_t bytes = ((struct pooled *)block)[-1].bytes;
    void *moved = size ? real_malloc.malloc(size) : NULL;
    if (moved)
        memcpy(moved, block, bytes < size ? bytes : size);
    return moved;
}
