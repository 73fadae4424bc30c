/* main and _start of programs without symbols. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <unistd.h>

#include "core/symbols/entry_names.h"

static struct elf_file *own_file(void)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(n > 0);
    path[n] = '\0';
    struct elf_file *elf = elf_file_open(getpid(), path, 0, 0, NULL);
    assert_non_null(elf);
    return elf;
}

int main(void);

/* Where this program is loaded: the difference between an address in memory and as linked. */
static uint64_t main_vaddr(const struct elf_file *elf)
{
    extern const char __ehdr_start[];
    uint64_t base =
        (uint64_t)(uintptr_t)__ehdr_start - (elf->n_segments ? elf->segments[0].vaddr : 0);
    return (uint64_t)(uintptr_t)&main - base;
}

static void test_entry_point_is_start(void **state)
{
    (void)state;
    struct elf_file *elf = own_file();
    assert_string_equal(entry_name(elf, elf->entry), "_start");
    assert_string_equal(entry_name(elf, elf->entry + 8), "_start");
    elf_file_unref(elf);
}

static void test_what_start_hands_over_is_main(void **state)
{
    (void)state;
    struct elf_file *elf = own_file();
    assert_string_equal(entry_name(elf, main_vaddr(elf)), "main");
    elf_file_unref(elf);
}

static void test_other_functions_have_no_such_name(void **state)
{
    (void)state;
    struct elf_file *elf = own_file();
    uint64_t own =
        main_vaddr(elf) + (uint64_t)((uintptr_t)&test_entry_point_is_start - (uintptr_t)&main);
    assert_null(entry_name(elf, own));
    assert_null(entry_name(elf, 0));
    assert_null(entry_name(elf, UINT64_MAX));
    elf_file_unref(elf);
}

static void test_library_with_an_entry_point_has_no_main(void **state)
{
    (void)state;
    struct elf_file *libc = elf_file_open(getpid(), "/lib/x86_64-linux-gnu/libc.so.6", 0, 0, NULL);
    if (!libc || !libc->entry)
        skip();
    assert_null(entry_name(libc, libc->entry));
    elf_file_unref(libc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entry_point_is_start),
        cmocka_unit_test(test_what_start_hands_over_is_main),
        cmocka_unit_test(test_other_functions_have_no_such_name),
        cmocka_unit_test(test_library_with_an_entry_point_has_no_main),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
