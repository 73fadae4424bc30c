/* What is said of functions of the test itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <unistd.h>

#include "collectors/calls/patch_verdict.h"

#define FUNCTION(name, code)                                                                       \
    ".globl " name "\n.type " name ", @function\n" name ": " code "\n.size " name ", . - " name    \
    "\n.balign 16\n"

/* Functions as compilers and people write them. */
__asm__(".text\n" FUNCTION("by_stub", "mov $2, %esi; jmp dlopen@PLT")
            FUNCTION("by_word", "mov $2, %esi; jmp *dlsym@GOTPCREL(%rip)")
                FUNCTION("by_harmless_stub", "xor %eax, %eax; jmp getpid@PLT")
                    FUNCTION("restorer", "mov $15, %rax; syscall")
                        FUNCTION("short_restorer", "mov $15, %eax; syscall")
                            FUNCTION("reads_behind_nops", "nop; nop; mov (%rsp), %rax; ret")
                                FUNCTION("jumps_to_reader", "xor %eax, %eax; jmp reads_behind_nops")
                                    FUNCTION("jumps_to_none",
                                             "xor %eax, %eax; jmp by_harmless_stub"));

/* As if something of Go were in it. */
__asm__(".section .note.go.buildid, \"a\"\n.quad 0\n.text\n");

/* The linker makes their stubs and words. */
static void *const used[] = {(void *)dlopen, (void *)dlsym, (void *)getpid};

static GPtrArray *modules;

static const char *judge(const char *name)
{
    for (guint i = 0; i < modules->len; i++) {
        struct patch_module *module = g_ptr_array_index(modules, i);
        size_t n = 0;
        if (!g_str_has_suffix(module->path, "test_patch_verdict"))
            continue;
        const struct patch_function *all = patch_functions_all(patch_module_functions(module), &n);
        for (size_t k = 0; k < n; k++)
            if (g_str_equal(all[k].linkage, name))
                return patch_verdict_of_sled(module, &all[k]);
    }
    return "there is no such function";
}

static int scan(void **state)
{
    (void)state;
    modules = patch_modules_new();
    patch_modules_scan(modules, getpid());
    return used[0] ? 0 : -1;
}

static int forget(void **state)
{
    (void)state;
    g_ptr_array_unref(modules);
    return 0;
}

static void test_jumps_to_what_looks_at_its_caller_are_refused(void **state)
{
    (void)state;
    assert_string_equal(judge("by_stub"),
                        "it ends in a call of dlopen(), which looks at its caller");
    assert_string_equal(judge("by_word"),
                        "it ends in a call of dlsym(), which looks at its caller");
    assert_null(judge("by_harmless_stub"));
}

static void test_what_is_not_called_is_refused(void **state)
{
    (void)state;
    assert_string_equal(judge("restorer"), "it is not called like other functions");
    assert_string_equal(judge("short_restorer"), "it is not called like other functions");
    assert_string_equal(judge("_start"), "it is where programs begin or end");
}

static void test_sled_whose_function_reads_its_return_address_is_refused(void **state)
{
    (void)state;
    assert_string_equal(judge("reads_behind_nops"), "it reads its own return address");
    assert_string_equal(judge("jumps_to_reader"),
                        "it ends in a call of a function that reads its return address");
    assert_null(judge("jumps_to_none"));
}

static void test_go_is_known_by_its_file(void **state)
{
    guint n = 0;
    (void)state;
    for (guint i = 0; i < modules->len; i++) {
        const struct patch_module *module = g_ptr_array_index(modules, i);
        if (g_str_has_suffix(module->path, "test_patch_verdict") && ++n)
            assert_string_equal(module->code_refusal, "it is Go code, which moves its stacks");
        if (g_str_has_suffix(module->path, "libc.so.6") && ++n)
            assert_null(module->code_refusal);
    }
    assert_int_equal(n, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jumps_to_what_looks_at_its_caller_are_refused),
        cmocka_unit_test(test_what_is_not_called_is_refused),
        cmocka_unit_test(test_sled_whose_function_reads_its_return_address_is_refused),
        cmocka_unit_test(test_go_is_known_by_its_file),
    };
    return cmocka_run_group_tests(tests, scan, forget);
}
