/*
 * Tests of which word of a command line is the compiler.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tui/cli/compiler.h"

static int find(const char *line)
{
    char **argv = g_strsplit(line, " ", -1);
    int at = compiler_find(argv);
    g_strfreev(argv);
    return at;
}

static void test_compiler_is_known_by_its_name(void **state)
{
    (void)state;
    assert_int_equal(find("gcc -c x.c"), 0);
    assert_int_equal(find("g++"), 0);
    assert_int_equal(find("cc"), 0);
    assert_int_equal(find("c++"), 0);
    assert_int_equal(find("clang"), 0);
    assert_int_equal(find("/usr/lib/llvm-14/bin/clang++"), 0);
}

static void test_compiler_may_have_a_machine_and_a_version(void **state)
{
    (void)state;
    assert_int_equal(find("x86_64-linux-gnu-gcc"), 0);
    assert_int_equal(find("/opt/bin/x86_64-linux-gnu-g++-12"), 0);
    assert_int_equal(find("clang-14"), 0);
    assert_int_equal(find("clang++-14.0.6"), 0);
}

static void test_compiler_may_stand_behind_a_launcher(void **state)
{
    (void)state;
    assert_int_equal(find("ccache gcc -c x.c"), 1);
    assert_int_equal(find("/usr/bin/distcc clang-14"), 1);
    assert_int_equal(find("ccache"), -1);
    assert_int_equal(find("ccache -s"), -1);
    assert_int_equal(find("make gcc"), -1);
}

static void test_other_programs_are_no_compilers(void **state)
{
    (void)state;
    assert_int_equal(find("make"), -1);
    assert_int_equal(find("gcc-ar"), -1);
    assert_int_equal(find("gcc-12x"), -1);
    assert_int_equal(find("gcc12"), -1);
    assert_int_equal(find("tcc"), -1);
    assert_int_equal(find("gcc/"), -1);
    assert_int_equal(find("-12"), -1);
    assert_int_equal(find("12"), -1);
    assert_int_equal(find(""), -1);
    assert_int_equal(compiler_find((char *[]){NULL}), -1);
}

static void test_flag_leaves_room_for_a_call_and_a_jump(void **state)
{
    (void)state;
    assert_string_equal(compiler_flag(false), "-fpatchable-function-entry=7,5");
    assert_string_equal(compiler_flag(true), "-finstrument-functions");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compiler_is_known_by_its_name),
        cmocka_unit_test(test_compiler_may_have_a_machine_and_a_version),
        cmocka_unit_test(test_compiler_may_stand_behind_a_launcher),
        cmocka_unit_test(test_other_programs_are_no_compilers),
        cmocka_unit_test(test_flag_leaves_room_for_a_call_and_a_jump),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
