/*
 * See patch_names.h. Patterns have one star at most, at their end.
 */
#include "collectors/calls/patch_names.h"

#include <glib.h>
#include <string.h>

struct rule {
    const char *pattern, *reason;
    const char *tail_reason; /* against a function that ends by a jump to it; NULL: nothing */
};

/* Of one that looks at its caller; they are jumped to by others. */
#define LOOKS(name)                                                                                \
    {                                                                                              \
        name "*", looks_at_caller, "it ends in a call of " name "(), which looks at its caller"    \
    }

static const char returns_twice[] = "it returns twice";
static const char looks_at_caller[] = "it looks at where it was called from";
static const char walks_stack[] = "it walks the stack";
static const char leaves_stack[] = "it changes to another stack";
static const char is_start[] = "it is where programs begin or end";
static const char has_own_rules[] = "it is not called like other functions";

static const struct rule rules[] = {
    {"setjmp", returns_twice, NULL},
    {"_setjmp", returns_twice, NULL},
    {"sigsetjmp", returns_twice, NULL},
    {"__sigsetjmp", returns_twice, NULL},
    {"__sigjmp_save", returns_twice, NULL},
    {"vfork", returns_twice, NULL},
    {"__vfork", returns_twice, NULL},
    {"__libc_vfork", returns_twice, NULL},
    {"getcontext", returns_twice, NULL},
    {"__getcontext", returns_twice, NULL},
    {"swapcontext", leaves_stack, NULL},
    {"__swapcontext", leaves_stack, NULL},
    {"setcontext", leaves_stack, NULL},
    {"__setcontext", leaves_stack, NULL},
    {"makecontext", leaves_stack, NULL},
    {"__makecontext", leaves_stack, NULL},
    {"__start_context", leaves_stack, NULL},
    {"__push___start_context", leaves_stack, NULL},
    {"longjmp", leaves_stack, NULL},
    {"_longjmp", leaves_stack, NULL},
    {"siglongjmp", leaves_stack, NULL},
    {"__longjmp*", leaves_stack, NULL},
    {"__libc_longjmp", leaves_stack, NULL},
    {"__libc_siglongjmp", leaves_stack, NULL},
    {"____longjmp_chk", leaves_stack, NULL},
    {"_longjmp_unwind", leaves_stack, NULL},
    {"clone", leaves_stack, NULL},
    {"__clone*", leaves_stack, NULL},
    {"clone3", leaves_stack, NULL},
    {"__spawni_child", leaves_stack, NULL},
    LOOKS("dlopen"),
    LOOKS("dlmopen"),
    LOOKS("dlsym"),
    LOOKS("dlvsym"),
    LOOKS("dlclose"),
    LOOKS("dladdr"),
    LOOKS("dlinfo"),
    {"__dl*", looks_at_caller, NULL},
    {"_dl_*", looks_at_caller, NULL},
    LOOKS("dl_iterate_phdr"),
    {"__libc_dl*", looks_at_caller, NULL},
    {"__builtin_return_address", looks_at_caller, NULL},
    {"mcount", looks_at_caller, NULL},
    {"_mcount", looks_at_caller, NULL},
    {"__mcount_internal", looks_at_caller, NULL},
    {"__fentry__", looks_at_caller, NULL},
    {"__cyg_profile_*", looks_at_caller, NULL},
    {"_Unwind_*", walks_stack, NULL},
    {"__unw_*", walks_stack, NULL},
    {"_U*x86_64*", walks_stack, NULL},
    {"unw_*", walks_stack, NULL},
    {"uw_*", walks_stack, NULL},
    {"__gxx_personality*", walks_stack, NULL},
    {"__gcc_personality*", walks_stack, NULL},
    {"__cxa_throw", walks_stack, NULL},
    {"__cxa_rethrow", walks_stack, NULL},
    {"__cxa_begin_catch", walks_stack, NULL},
    {"__cxa_end_catch", walks_stack, NULL},
    {"__cxa_call_unexpected", walks_stack, NULL},
    {"backtrace*", walks_stack, NULL},
    {"__backtrace*", walks_stack, NULL},
    {"__libc_unwind*", walks_stack, NULL},
    {"pthread_exit", walks_stack, NULL},
    {"__pthread_exit", walks_stack, NULL},
    {"__pthread_unwind*", walks_stack, NULL},
    {"__do_cancel", walks_stack, NULL},
    {"_start", is_start, NULL},
    {"__libc_start_main*", is_start, NULL},
    {"__libc_start_call_main", is_start, NULL},
    {"_init", is_start, NULL},
    {"_fini", is_start, NULL},
    {"__restore_rt", has_own_rules, NULL},
    {"__restore", has_own_rules, NULL},
    {"__tls_get_addr*", has_own_rules, NULL},
    {"___tls_get_addr", has_own_rules, NULL},
    {"__x86_indirect_thunk*", has_own_rules, NULL},
    {"__x86_return_thunk", has_own_rules, NULL},
    {"__morestack*", has_own_rules, NULL},
    {"__stack_chk_fail*", has_own_rules, NULL},
    {"__errno_location", "the collector itself needs it", NULL},
    {"syscall", "the collector itself needs it", NULL},
    {"proftop_*", "it is proftop's own", NULL},
};

static bool matches(const char *pattern, const char *name)
{
    size_t length = strcspn(pattern, "*");
    return strncmp(pattern, name, length) == 0 && (pattern[length] == '*' || name[length] == '\0');
}

static const struct rule *find_rule(const char *linkage)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
        if (matches(rules[i].pattern, linkage))
            return &rules[i];
    return NULL;
}

const char *patch_names_refusal(const char *linkage)
{
    const struct rule *rule = find_rule(linkage);
    return rule ? rule->reason : NULL;
}

const char *patch_names_tail_refusal(const char *linkage)
{
    const struct rule *rule = find_rule(linkage);
    return rule ? rule->tail_reason : NULL;
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
