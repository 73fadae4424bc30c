/*
 * See new_hooks.h. The real operators are found by RTLD_NEXT. Where there are none in its reach,
 * the C++ library is a plugin's alone: then new is malloc() and delete is free(), which is what
 * libstdc++ does too, and only an allocation that fails goes to the caller's own operator new,
 * which runs the new_handler or throws. An exception passes through these functions by their unwind
 * information.
 */
#include "collectors/target/new_hooks.h"

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/target/heap_record.h"
#include "collectors/target/malloc_hooks.h"
#include "collectors/target/real_malloc.h"

#define EXPORT __attribute__((visibility("default")))
#define HIDDEN __attribute__((visibility("hidden")))

enum new_form { /* bits */
                NEW_ARRAY = 1,
                NEW_NOTHROW = 2,
                NEW_ALIGNED = 4,
                NEW_FORMS = 8,
};

static const char *const new_names[NEW_FORMS] = {
    [0] = "_Znwm",
    [NEW_ARRAY] = "_Znam",
    [NEW_NOTHROW] = "_ZnwmRKSt9nothrow_t",
    [NEW_NOTHROW | NEW_ARRAY] = "_ZnamRKSt9nothrow_t",
    [NEW_ALIGNED] = "_ZnwmSt11align_val_t",
    [NEW_ALIGNED | NEW_ARRAY] = "_ZnamSt11align_val_t",
    [NEW_ALIGNED | NEW_NOTHROW] = "_ZnwmSt11align_val_tRKSt9nothrow_t",
    [NEW_ALIGNED | NEW_NOTHROW | NEW_ARRAY] = "_ZnamSt11align_val_tRKSt9nothrow_t",
};

enum delete_form {
    DELETE_ARRAY = 1,
    DELETE_SIZED = 2,
    DELETE_NOTHROW = 4,
    DELETE_ALIGNED = 8,
    DELETE_FORMS = 16,
};

static const char *const delete_names[DELETE_FORMS] = {
    [0] = "_ZdlPv",
    [DELETE_ARRAY] = "_ZdaPv",
    [DELETE_SIZED] = "_ZdlPvm",
    [DELETE_SIZED | DELETE_ARRAY] = "_ZdaPvm",
    [DELETE_NOTHROW] = "_ZdlPvRKSt9nothrow_t",
    [DELETE_NOTHROW | DELETE_ARRAY] = "_ZdaPvRKSt9nothrow_t",
    [DELETE_ALIGNED] = "_ZdlPvSt11align_val_t",
    [DELETE_ALIGNED | DELETE_ARRAY] = "_ZdaPvSt11align_val_t",
    [DELETE_ALIGNED | DELETE_SIZED] = "_ZdlPvmSt11align_val_t",
    [DELETE_ALIGNED | DELETE_SIZED | DELETE_ARRAY] = "_ZdaPvmSt11align_val_t",
    [DELETE_ALIGNED | DELETE_NOTHROW] = "_ZdlPvSt11align_val_tRKSt9nothrow_t",
    [DELETE_ALIGNED | DELETE_NOTHROW | DELETE_ARRAY] = "_ZdaPvSt11align_val_tRKSt9nothrow_t",
};

enum {
    PLAIN_SLACK = 4096
}; /* by which a real operator new may round up what it asks malloc() for */

static void *real_new[NEW_FORMS];
static void *real_delete[DELETE_FORMS];
static bool is_resolved;
static bool is_by_malloc; /* the real one calls malloc(): it is in another library */
static bool is_programs;  /* the program has its own operator new */

/* The forms differ in what comes behind the size: nothing, a nothrow_t, an alignment, or both. A
 * function that takes less than it is given ignores the rest. */
typedef void *new_function(size_t, uintptr_t, const void *);
typedef void delete_function(void *, uintptr_t, uintptr_t, const void *);

void *_Znwm(size_t size);
void *_Znam(size_t size);
void *_ZnwmRKSt9nothrow_t(size_t size, const void *nothrow);
void *_ZnamRKSt9nothrow_t(size_t size, const void *nothrow);
void *_ZnwmSt11align_val_t(size_t size, size_t alignment);
void *_ZnamSt11align_val_t(size_t size, size_t alignment);
void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment, const void *nothrow);
void *_ZnamSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment, const void *nothrow);

/* Ours, as far as they are asked for by name. */
static const void *const own_new[NEW_FORMS] = {
    [0] = (void *)_Znwm,
    [NEW_NOTHROW] = (void *)_ZnwmRKSt9nothrow_t,
    [NEW_ALIGNED] = (void *)_ZnwmSt11align_val_t,
    [NEW_ALIGNED | NEW_NOTHROW] = (void *)_ZnwmSt11align_val_tRKSt9nothrow_t,
};

static const void *library_of(const void *function)
{
    Dl_info info;
    return function && dladdr(function, &info) ? info.dli_fbase : NULL;
}

HIDDEN void *proftop_own_new(size_t size);

void new_hooks_resolve(void)
{
    if (is_resolved)
        return;
    for (int i = 0; i < NEW_FORMS && (i == 0 || real_new[0]); i++)
        real_new[i] = dlsym(RTLD_NEXT, new_names[i]);
    for (int i = 0; i < DELETE_FORMS && real_new[0]; i++)
        if (delete_names[i])
            real_delete[i] = dlsym(RTLD_NEXT, delete_names[i]);
    is_by_malloc = library_of(real_new[0]) != library_of((void *)real_malloc.malloc);
    is_programs = dlsym(RTLD_DEFAULT, new_names[0]) != (void *)proftop_own_new;
    dlerror(); /* of what there was none of; the second time it frees what that took */
    dlerror();
    is_resolved = true;
}

/* ---- where there is no real one ---- */

/* As the caller's library would have found it without us: by its own scope. That of single objects
 * in place of that for arrays, which would only jump to the former, and so back to us. */
static new_function *find_operator(const void *caller, enum new_form form)
{
    Dl_info info;
    struct link_map *map = NULL;
    if (!dladdr1(caller, &info, (void **)&map, RTLD_DL_LINKMAP) || !map || !map->l_name[0])
        return NULL;
    void *library = dlopen(map->l_name, RTLD_NOLOAD | RTLD_LAZY);
    if (!library)
        return NULL;
    void *found = dlsym(library, new_names[form & ~NEW_ARRAY]);
    dlclose(library);
    return found == own_new[form & ~NEW_ARRAY] ? NULL : (new_function *)found;
}

struct request {
    enum new_form form;
    size_t size;
    uintptr_t alignment;
    const void *nothrow;
};

/* With the arguments where the form has them. */
static void *call_new(new_function *function, const struct request *request)
{
    if (request->form & NEW_ALIGNED)
        return function(request->size, request->alignment, request->nothrow);
    return function(request->size, (uintptr_t)request->nothrow, NULL);
}

static void *new_by_malloc(const struct request *request, const struct stack_frame *caller)
{
    size_t size = request->size ? request->size : 1, alignment = 0;
    if (request->form & NEW_ALIGNED) {
        alignment = request->alignment;
        size_t rounded = (size + alignment - 1) & -alignment;
        size = rounded < size ? SIZE_MAX : rounded;
    }
    void *block = malloc_hooks_allocate(caller, alignment, size, request->size);
    if (block)
        return block;
    new_function *function = find_operator((void *)caller->pc, request->form);
    return function ? call_new(function, request) : NULL;
}

/* ---- new ---- */

/* Whether malloc() will count the call, and who has called need not be known. */
static bool is_plain(size_t size)
{
    return is_by_malloc && heap_is_plain(heap_thread_own, size + PLAIN_SLACK);
}

static void *allocate(const struct request *request, const struct stack_frame *caller)
{
    if (!is_resolved)
        new_hooks_resolve();
    new_function *function = (new_function *)real_new[request->form];
    if (!function)
        return new_by_malloc(request, caller);
    if (!heap_is_on || is_programs || is_plain(request->size))
        return call_new(function, request);
    uintptr_t slack = request->form & NEW_ALIGNED ? request->alignment : 1;
    bool is_seen = heap_new_begin(caller, request->size, slack);
    void *block = call_new(function, request);
    if (is_seen)
        heap_new_end(caller, request->size, block);
    return block;
}

#define NEW(kind, align, none)                                                                     \
    struct stack_frame caller = STACK_FRAME_OF_CALLER();                                           \
    struct request request = {                                                                     \
        .form = (enum new_form)(kind), .size = size, .alignment = align, .nothrow = none};         \
    return allocate(&request, &caller)

EXPORT void *_Znwm(size_t size)
{
    NEW(0, 0, NULL);
}

HIDDEN extern __typeof__(_Znwm) proftop_own_new __attribute__((alias("_Znwm")));

EXPORT void *_Znam(size_t size)
{
    NEW(NEW_ARRAY, 0, NULL);
}

EXPORT void *_ZnwmRKSt9nothrow_t(size_t size, const void *nothrow)
{
    NEW(NEW_NOTHROW, 0, nothrow);
}

EXPORT void *_ZnamRKSt9nothrow_t(size_t size, const void *nothrow)
{
    NEW(NEW_NOTHROW | NEW_ARRAY, 0, nothrow);
}

EXPORT void *_ZnwmSt11align_val_t(size_t size, size_t alignment)
{
    NEW(NEW_ALIGNED, alignment, NULL);
}

EXPORT void *_ZnamSt11align_val_t(size_t size, size_t alignment)
{
    NEW(NEW_ALIGNED | NEW_ARRAY, alignment, NULL);
}

EXPORT void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment, const void *nothrow)
{
    NEW(NEW_ALIGNED | NEW_NOTHROW, alignment, nothrow);
}

EXPORT void *_ZnamSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment, const void *nothrow)
{
    NEW(NEW_ALIGNED | NEW_NOTHROW | NEW_ARRAY, alignment, nothrow);
}

/* ---- delete ---- */

struct deletion {
    void *block;
    uintptr_t first, second; /* what comes behind it: a size, an alignment, a nothrow_t */
    uintptr_t sp;
};

/* Whether free() will count the call. */
static bool is_plain_free(const void *block)
{
    struct heap_thread *thread = is_by_malloc ? heap_plain_begin_free(block) : NULL;
    if (thread)
        heap_unmark_plain(thread);
    return thread;
}

static void release(enum delete_form form, const struct deletion *deletion)
{
    if (!is_resolved)
        new_hooks_resolve();
    delete_function *function = (delete_function *)real_delete[form];
    bool is_seen = heap_is_on && deletion->block && !is_programs && !is_plain_free(deletion->block);
    if (is_seen)
        heap_delete_begin(deletion->block, deletion->sp);
    if (function && !real_malloc_is_pooled(deletion->block))
        function(deletion->block, deletion->first, deletion->second, NULL);
    else
        real_malloc_free(deletion->block);
    if (is_seen)
        heap_delete_end();
}

#define DELETE(kind, one, two)                                                                     \
    struct deletion deletion = {.block = block,                                                    \
                                .first = (uintptr_t)(one),                                         \
                                .second = (uintptr_t)(two),                                        \
                                .sp = (uintptr_t)__builtin_frame_address(0)};                      \
    release((enum delete_form)(kind), &deletion)

void _ZdlPv(void *block);
void _ZdaPv(void *block);
void _ZdlPvm(void *block, size_t size);
void _ZdaPvm(void *block, size_t size);
void _ZdlPvRKSt9nothrow_t(void *block, const void *nothrow);
void _ZdaPvRKSt9nothrow_t(void *block, const void *nothrow);
void _ZdlPvSt11align_val_t(void *block, size_t alignment);
void _ZdaPvSt11align_val_t(void *block, size_t alignment);
void _ZdlPvmSt11align_val_t(void *block, size_t size, size_t alignment);
void _ZdaPvmSt11align_val_t(void *block, size_t size, size_t alignment);
void _ZdlPvSt11align_val_tRKSt9nothrow_t(void *block, size_t alignment, const void *nothrow);
void _ZdaPvSt11align_val_tRKSt9nothrow_t(void *block, size_t alignment, const void *nothrow);

EXPORT void _ZdlPv(void *block)
{
    DELETE(0, 0, 0);
}

EXPORT void _ZdaPv(void *block)
{
    DELETE(DELETE_ARRAY, 0, 0);
}

EXPORT void _ZdlPvm(void *block, size_t size)
{
    DELETE(DELETE_SIZED, size, 0);
}

EXPORT void _ZdaPvm(void *block, size_t size)
{
    DELETE(DELETE_SIZED | DELETE_ARRAY, size, 0);
}

EXPORT void _ZdlPvRKSt9nothrow_t(void *block, const void *nothrow)
{
    DELETE(DELETE_NOTHROW, nothrow, 0);
}

EXPORT void _ZdaPvRKSt9nothrow_t(void *block, const void *nothrow)
{
    DELETE(DELETE_NOTHROW | DELETE_ARRAY, nothrow, 0);
}

EXPORT void _ZdlPvSt11align_val_t(void *block, size_t alignment)
{
    DELETE(DELETE_ALIGNED, alignment, 0);
}

EXPORT void _ZdaPvSt11align_val_t(void *block, size_t alignment)
{
    DELETE(DELETE_ALIGNED | DELETE_ARRAY, alignment, 0);
}

EXPORT void _ZdlPvmSt11align_val_t(void *block, size_t size, size_t alignment)
{
    DELETE(DELETE_ALIGNED | DELETE_SIZED, size, alignment);
}

EXPORT void _ZdaPvmSt11align_val_t(void *block, size_t size, size_t alignment)
{
    DELETE(DELETE_ALIGNED | DELETE_SIZED | DELETE_ARRAY, size, alignment);
}

EXPORT void _ZdlPvSt11align_val_tRKSt9nothrow_t(void *block, size_t alignment, const void *nothrow)
{
    DELETE(DELETE_ALIGNED | DELETE_NOTHROW, alignment, nothrow);
}

EXPORT void _ZdaPvSt11align_val_tRKSt9nothrow_t(void *block, size_t alignment, const void *nothrow)
{
    DELETE(DELETE_ALIGNED | DELETE_NOTHROW | DELETE_ARRAY, alignment, nothrow);
}
