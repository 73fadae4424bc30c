/*
 * See calls_jumps.h. glibc's jmp_buf has the stack pointer at a fixed place, exclusive-ored with a
 * secret of the thread and rotated.
 */
#include "collectors/target/calls_jumps.h"

#include <dlfcn.h>
#include <link.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "collectors/target/calls.h"
#include "collectors/target/calls_segment.h"

#define EXPORT __attribute__((visibility("default")))
#define HIDDEN __attribute__((visibility("hidden")))

enum { PLACE_OF_SP = 6 };

typedef void (*jump_function)(struct __jmp_buf_tag *, int) __attribute__((noreturn));
typedef void *catch_function(void *);

/* Under the names that the program knows. */
enum jump { JUMP, JUMP_PLAINLY, JUMP_WITH_MASK, JUMP_CHECKED, JUMPS };

static const char *const names[JUMPS] = {
    [JUMP] = "longjmp",
    [JUMP_PLAINLY] = "_longjmp",
    [JUMP_WITH_MASK] = "siglongjmp",
    [JUMP_CHECKED] = "__longjmp_chk",
};

static jump_function real_jumps[JUMPS];
static catch_function *real_catch;

void calls_jumps_resolve(void)
{
    for (int i = 0; i < JUMPS; i++)
        if (!real_jumps[i])
            real_jumps[i] = (jump_function)dlsym(RTLD_NEXT, names[i]);
    if (!real_catch)
        real_catch = (catch_function *)dlsym(RTLD_NEXT, "__cxa_begin_catch");
    dlerror(); /* of what there was none of; the second time it frees what that took */
    dlerror();
}

/* Where the stack pointer will be. */
static uintptr_t target_sp(const struct __jmp_buf_tag *there)
{
    uintptr_t sp = (uintptr_t)there->__jmpbuf[PLACE_OF_SP];
    __asm__("ror $0x11, %0\n\txor %%fs:0x30, %0" : "+r"(sp) : : "cc");
    return sp;
}

static void jump(enum jump which, struct __jmp_buf_tag *there, int value) __attribute__((noreturn));

static void jump(enum jump which, struct __jmp_buf_tag *there, int value)
{
    if (!real_jumps[which])
        calls_jumps_resolve();
    if (calls_is_on)
        calls_unwound(target_sp(there));
    real_jumps[which](there, value);
}

void __longjmp_chk(struct __jmp_buf_tag there[1], int value) __attribute__((noreturn));

EXPORT void longjmp(struct __jmp_buf_tag there[1], int value)
{
    jump(JUMP, there, value);
}

EXPORT void _longjmp(struct __jmp_buf_tag there[1], int value)
{
    jump(JUMP_PLAINLY, there, value);
}

EXPORT void siglongjmp(struct __jmp_buf_tag there[1], int value)
{
    jump(JUMP_WITH_MASK, there, value);
}

EXPORT void __longjmp_chk(struct __jmp_buf_tag there[1], int value)
{
    jump(JUMP_CHECKED, there, value);
}

/* ---- exceptions ---- */

HIDDEN extern catch_function proftop_own_catch;

static catch_function *find_in(const char *library)
{
    void *handle = dlopen(library, RTLD_NOLOAD | RTLD_LAZY);
    if (!handle)
        return NULL;
    catch_function *found = (catch_function *)dlsym(handle, "__cxa_begin_catch");
    dlclose(handle);
    return found == proftop_own_catch ? NULL : found;
}

/* Where the C++ library is a plugin's alone: as the caller would have found it without us, by its
 * own scope. Not kept, since the plugin may go. */
static catch_function *find_catch(const void *caller)
{
    Dl_info info;
    struct link_map *map = NULL;
    catch_function *found = NULL;
    if (real_catch)
        return real_catch;
    calls_jumps_resolve(); /* the library may have come since */
    if (real_catch)
        return real_catch;
    if (dladdr1(caller, &info, (void **)&map, RTLD_DL_LINKMAP) && map && map->l_name[0])
        found = find_in(map->l_name);
    if (!found)
        found = find_in("libstdc++.so.6");
    return found ? found : find_in("libc++abi.so.1");
}

void *__cxa_begin_catch(void *exception);

/* Its caller goes on; what it has called has been left. */
EXPORT void *__cxa_begin_catch(void *exception)
{
    catch_function *function = find_catch(__builtin_return_address(0));
    if (calls_is_on)
        calls_unwound((uintptr_t)__builtin_dwarf_cfa());
    if (!function) /* nobody who can throw is without one */
        abort();
    return function(exception);
}

extern __typeof__(__cxa_begin_catch) proftop_own_catch __attribute__((alias("__cxa_begin_catch")));
