/* The table of .eh_frame_hdr in our own binary. Damaged files are tried by test_elf_file.c. */
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/base/eh_frame_table.h"

static int note_bias(struct dl_phdr_info *info, size_t size, void *bias)
{
    (void)size;
    *(uint64_t *)bias = info->dlpi_addr;
    return 1; /* the first is the program itself */
}

/* The address as linked of a function in our own binary. */
static uint64_t linked(int (*function)(void **))
{
    uint64_t bias = 0;
    dl_iterate_phdr(note_bias, &bias);
    return (uintptr_t)function - bias;
}

static int setup(void **state)
{
    char *path = g_file_read_link("/proc/self/exe", NULL);
    *state = elf_file_open(getpid(), path, 0, 0, NULL);
    g_free(path);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    elf_file_unref(*state);
    return 0;
}

static void test_function_is_the_one_around(void **state)
{
    uint64_t start = 0;
    assert_true(eh_frame_table_function(*state, linked(setup) + 5, &start));
    assert_int_equal(start, linked(setup));
    assert_true(eh_frame_table_function(*state, linked(teardown), &start));
    assert_int_equal(start, linked(teardown));
}

static void test_nothing_is_before_the_first_function(void **state)
{
    uint64_t start = 42;
    assert_false(eh_frame_table_function(*state, 1, &start));
    assert_int_equal(start, 42);
}

static void test_find_leads_to_the_unwind_information(void **state)
{
    uint64_t start, fde;
    uint32_t length;
    assert_true(eh_frame_table_find(*state, linked(setup), &start, &fde));
    const void *bytes = elf_file_bytes(*state, fde, sizeof length);
    assert_non_null(bytes);
    memcpy(&length, bytes, sizeof length);
    assert_in_range(length, 12, 4096);
    assert_non_null(elf_file_bytes(*state, fde, length));
}

static void test_vdso_has_a_table(void **state)
{
    const void *image = (const void *)getauxval(AT_SYSINFO_EHDR);
    struct elf_file *vdso = elf_file_from_memory(image, 4096, "[vdso]");
    uint64_t start;
    (void)state;
    assert_non_null(vdso);
    assert_true(eh_frame_table_function(vdso, UINT64_MAX, &start));
    elf_file_unref(vdso);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_function_is_the_one_around),
        TEST(test_nothing_is_before_the_first_function),
        TEST(test_find_leads_to_the_unwind_information),
        cmocka_unit_test(test_vdso_has_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
