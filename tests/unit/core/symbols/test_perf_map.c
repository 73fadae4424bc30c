/* JIT maps: late entries win, growth is noticed, garbage and foreign files are not. */
#include <glib.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/symbols/perf_map.h"

struct fixture {
    char *directory, *path;
    struct perf_map *map;
};

static int setup(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);
    f->directory = g_dir_make_tmp("test-perf-map-XXXXXX", NULL);
    f->path = g_build_filename(f->directory, "perf-1.map", NULL);
    f->map = perf_map_new_at(f->path, geteuid());
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    perf_map_free(f->map);
    g_unlink(f->path);
    g_rmdir(f->directory);
    g_free(f->path);
    g_free(f->directory);
    g_free(f);
    return 0;
}

static void append_text(struct fixture *f, const char *text)
{
    FILE *file = fopen(f->path, "ae");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void check_name(struct fixture *f, uint64_t address, const char *expected)
{
    char name[PERF_MAP_NAME_MAX + 1] = "none";
    assert_int_equal(perf_map_lookup(f->map, address, name), expected != NULL);
    if (expected)
        assert_string_equal(name, expected);
}

static void test_entry_covers_its_range_only(void **state)
{
    append_text(*state, "1000 20 LazyCompile:~f /a b.js:1\n3000 10 g\n");
    check_name(*state, 0xfff, NULL);
    check_name(*state, 0x1000, "LazyCompile:~f /a b.js:1");
    check_name(*state, 0x101f, "LazyCompile:~f /a b.js:1");
    check_name(*state, 0x1020, NULL);
    check_name(*state, 0x3000, "g");
}

static void test_latest_entry_wins(void **state)
{
    append_text(*state, "1000 100 old\n1040 10 inner\n1000 100 new\n1080 8 newest\n");
    check_name(*state, 0x1000, "new");
    check_name(*state, 0x1044, "new");
    check_name(*state, 0x1084, "newest");
}

static void test_growth_is_read_in_pieces(void **state)
{
    append_text(*state, "1000 10 a\n20");
    check_name(*state, 0x1000, "a");
    check_name(*state, 0x2000, NULL);
    append_text(*state, "00 10 b\n500 10 c\n1000 10 d\n");
    check_name(*state, 0x2000, "b");
    check_name(*state, 0x500, "c");
    check_name(*state, 0x1000, "d");
}

static void test_replaced_file_is_read_again(void **state)
{
    struct fixture *f = *state;
    char *other = g_strconcat(f->path, ".new", NULL);
    append_text(f, "1000 10 a\n");
    check_name(f, 0x1000, "a");
    assert_true(g_file_set_contents(other, "2000 10 b\n", -1, NULL));
    assert_int_equal(g_rename(other, f->path), 0);
    check_name(f, 0x2000, "b");
    check_name(f, 0x1000, NULL);
    g_free(other);
}

static void test_missing_file_may_appear_later(void **state)
{
    check_name(*state, 0x1000, NULL);
    append_text(*state, "1000 10 a\n");
    check_name(*state, 0x1000, "a");
}

static void test_garbage_lines_are_ignored(void **state)
{
    char *endless = g_strnfill(100000, 'x');
    append_text(*state, "\n \nhello\n1000\n1000 10\n1000 10 \n1000 0 zero\n"
                        "ffffffffffffff00 200 wraps\n0 ffffffffffffffff giant\n"
                        "1000 zz z\n-1 -1 m\n");
    append_text(*state, "4000 10 ");
    append_text(*state, endless);
    append_text(*state, "\n2000 10 good\n");
    check_name(*state, 0x1000, NULL);
    check_name(*state, 0xffffffffffffff10, NULL);
    check_name(*state, 0x2000, "good");
    endless[PERF_MAP_NAME_MAX] = '\0';
    check_name(*state, 0x4000, endless);
    g_free(endless);
}

static void test_link_fifo_and_foreign_file_are_refused(void **state)
{
    struct fixture *f = *state;
    char *target = g_strconcat(f->path, ".target", NULL);
    assert_true(g_file_set_contents(target, "1000 10 a\n", -1, NULL));
    assert_int_equal(symlink(target, f->path), 0);
    check_name(f, 0x1000, NULL);
    g_unlink(f->path);
    assert_int_equal(mkfifo(f->path, 0600), 0);
    check_name(f, 0x1000, NULL);
    g_unlink(f->path);
    assert_int_equal(g_rename(target, f->path), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(f->path, 12345, 12345), 0);
        check_name(f, 0x1000, NULL);
        assert_int_equal(chown(f->path, 0, 0), 0);
    }
    check_name(f, 0x1000, "a");
    g_free(target);
}

static void test_own_process_is_found(void **state)
{
    char *path = g_strdup_printf("/tmp/perf-%d.map", (int)getpid());
    char name[PERF_MAP_NAME_MAX + 1];
    (void)state;
    assert_true(g_file_set_contents(path, "1000 10 mine\n", -1, NULL));
    struct perf_map *map = perf_map_new(getpid());
    assert_true(perf_map_lookup(map, 0x1008, name));
    assert_string_equal(name, "mine");
    perf_map_free(map);
    g_unlink(path);
    g_free(path);
}

int main(void)
{
#define WITH_MAP(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_MAP(test_entry_covers_its_range_only),
        WITH_MAP(test_latest_entry_wins),
        WITH_MAP(test_growth_is_read_in_pieces),
        WITH_MAP(test_replaced_file_is_read_again),
        WITH_MAP(test_missing_file_may_appear_later),
        WITH_MAP(test_garbage_lines_are_ignored),
        WITH_MAP(test_link_fifo_and_foreign_file_are_refused),
        cmocka_unit_test(test_own_process_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
