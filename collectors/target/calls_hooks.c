/*
 * What gcc and clang have functions call that are compiled with -finstrument-functions. libc has
 * both too, which do nothing.
 *
 * Where the function's frame lies is told by where the hook's begins. That is the same at entry and
 * exit, or lower at the exit (alloca()); but where the exit is a jump, the function's frame has
 * gone by then.
 */
#include <stdbool.h>
#include <stdint.h>

#include "collectors/target/calls_fast.h"

#define EXPORT __attribute__((visibility("default")))

void __cyg_profile_func_enter(void *function, void *call_site);
void __cyg_profile_func_exit(void *function, void *call_site);

EXPORT void __cyg_profile_func_enter(void *function, void *call_site)
{
    uintptr_t sp = (uintptr_t)__builtin_dwarf_cfa();
    struct calls_entry entry = {.function = (uintptr_t)function,
                                .sp = sp,
                                .return_address = (uintptr_t)call_site,
                                .way = WIRE_CALLS_BY_HOOK};
    if (__builtin_expect((intptr_t)function > 0, 1))
        calls_enter_fast(&entry, sp);
}

EXPORT void __cyg_profile_func_exit(void *function, void *call_site)
{
    uintptr_t sp = (uintptr_t)__builtin_dwarf_cfa();
    (void)call_site;
    if (__builtin_expect((intptr_t)function > 0, 1))
        calls_leave_fast((uintptr_t)function, sp, sp);
}

/* The names by which the library itself finds them. */
__attribute__((
    visibility("hidden"))) extern __typeof__(__cyg_profile_func_enter) proftop_own_enter_hook
    __attribute__((alias("__cyg_profile_func_enter")));
__attribute__((
    visibility("hidden"))) extern __typeof__(__cyg_profile_func_exit) proftop_own_exit_hook
    __attribute__((alias("__cyg_profile_func_exit")));
