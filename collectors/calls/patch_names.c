/*
 * See patch_names.h. Patterns have one star at most, at their end.
 */
#include "collectors/calls/patch_names.h"

#include <glib.h>
#include <string.h>

struct rule {
    const char *pattern, *reason;
};

static const char returns_twice[] = "it returns twice";
static const char looks_at_caller[] = "it looks at where it was called from";
static const char walks_stack[] = "it walks the stack";
static const char leaves_stack[] = "it changes to another stack";
static const char is_start[] = "it is where threads and programs begin";
static const char has_own_rules[] = "it is not called like other functions";

static const struct rule rules[] = {
    {"setjmp", returns_twice},
    {"_setjmp", returns_twice},
    {"sigsetjmp", returns_twice},
    {"__sigsetjmp", returns_twice},
    {"__sigjmp_save", returns_twice},
    {"vfork", returns_twice},
    {"__vfork", returns_twice},
    {"__libc_vfork", returns_twice},
    {"getcontext", returns_twice},
    {"__getcontext", returns_twice},
    {"swapcontext", leaves_stack},
    {"__swapcontext", leaves_stack},
    {"setcontext", leaves_stack},
    {"__setcontext", leaves_stack},
    {"makecontext", leaves_stack},
    {"__makecontext", leaves_stack},
    {"__start_context", leaves_stack},
    {"__push___start_context", leaves_stack},
    {"longjmp", leaves_stack},
    {"_longjmp", leaves_stack},
    {"siglongjmp", leaves_stack},
    {"__longjmp*", leaves_stack},
    {"__libc_longjmp", leaves_stack},
    {"__libc_siglongjmp", leaves_stack},
    {"____longjmp_chk", leaves_stack},
    {"_longjmp_unwind", leaves_stack},
    {"clone", leaves_stack},
    {"__clone*", leaves_stack},
    {"clone3", leaves_stack},
    {"__spawni_child", leaves_stack},
    {"dlopen*", looks_at_caller},
    {"dlmopen*", looks_at_caller},
    {"dlsym*", looks_at_caller},
    {"dlvsym*", looks_at_caller},
    {"dlclose*", looks_at_caller},
    {"dladdr*", looks_at_caller},
    {"dlinfo*", looks_at_caller},
    {"__dl*", looks_at_caller},
    {"_dl_*", looks_at_caller},
    {"dl_iterate_phdr", looks_at_caller},
    {"__libc_dl*", looks_at_caller},
    {"__builtin_return_address", looks_at_caller},
    {"mcount", looks_at_caller},
    {"_mcount", looks_at_caller},
    {"__mcount_internal", looks_at_caller},
    {"__fentry__", looks_at_caller},
    {"__cyg_profile_*", looks_at_caller},
    {"_Unwind_*", walks_stack},
    {"__unw_*", walks_stack},
    {"_U*x86_64*", walks_stack},
    {"unw_*", walks_stack},
    {"uw_*", walks_stack},
    {"__gxx_personality*", walks_stack},
    {"__gcc_personality*", walks_stack},
    {"__cxa_throw", walks_stack},
    {"__cxa_rethrow", walks_stack},
    {"__cxa_begin_catch", walks_stack},
    {"__cxa_end_catch", walks_stack},
    {"__cxa_call_unexpected", walks_stack},
    {"backtrace*", walks_stack},
    {"__backtrace*", walks_stack},
    {"__libc_unwind*", walks_stack},
    {"pthread_exit", walks_stack},
    {"__pthread_exit", walks_stack},
    {"__pthread_unwind*", walks_stack},
    {"__do_cancel", walks_stack},
    {"_start", is_start},
    {"__libc_start_main*", is_start},
    {"__libc_start_call_main", is_start},
    {"_init", is_start},
    {"_fini", is_start},
    {"__restore_rt", has_own_rules},
    {"__restore", has_own_rules},
    {"__tls_get_addr*", has_own_rules},
    {"___tls_get_addr", has_own_rules},
    {"__x86_indirect_thunk*", has_own_rules},
    {"__x86_return_thunk", has_own_rules},
    {"__morestack*", has_own_rules},
    {"__stack_chk_fail*", has_own_rules},
    {"__errno_location", "the collector itself needs it"},
    {"syscall", "the collector itself needs it"},
    {"proftop_*", "it is proftop's own"},
};

static bool matches(const char *pattern, const char *name)
{
    size_t length = strcspn(pattern, "*");
    return strncmp(pattern, name, length) == 0 && (pattern[length] == '*' || name[length] == '\0');
}

const char *patch_names_refusal(const char *linkage)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
        if (matches(rules[i].pattern, linkage))
            return rules[i].reason;
    return NULL;
}

const char *patch_names_module_refusal(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (g_str_has_prefix(name, "ld-linux") || g_str_has_prefix(name, "ld-musl") ||
        g_str_has_prefix(name, "ld.so") || (g_str_has_prefix(name, "ld-2.")))
        return "it is part of the dynamic linker";
    if (g_str_has_prefix(name, "libgcc_s.so") || g_str_has_prefix(name, "libunwind"))
        return walks_stack;
    return g_str_has_prefix(name, "libproftop.so") ? "it is proftop's own" : NULL;
}

/* An unwinder that cannot read how calls are found that return through the collector; and stacks
 * that are copied away and back, together with what was put in the place of return addresses. */
const char *patch_names_process_refusal(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (g_str_has_prefix(name, "libunwind.so"))
        return "the program unwinds with libunwind, which cannot follow changed code";
    if (g_str_has_prefix(name, "_greenlet") || g_str_has_prefix(name, "greenlet."))
        return "the program copies its stacks (greenlet)";
    return NULL;
}

bool patch_names_is_part(const char *symbol)
{
    const char *at = strstr(symbol, ".cold");
    return at && at > symbol && (at[5] == '\0' || at[5] == '.');
}
