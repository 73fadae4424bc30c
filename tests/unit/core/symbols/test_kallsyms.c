/* Kernel symbols, and the cache in front of them. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/symbols/kallsyms.h"

static const char symbols[] = "0000000000000000 A fixed_percpu_data\n"
                              "ffffffff81000000 T _text\n"
                              "ffffffff81000000 T startup_64\n"
                              "ffffffff81000400 t local_one\n"
                              "ffffffff81000400 T __global_alias\n"
                              "ffffffff81000800 D some_data\n"
                              "garbage\n"
                              "ffffffffc0002000 t late_in_module\t[mod]\n"
                              "ffffffffc0001000 T early_in_module\t[mod]\n";

struct fixture {
    char *directory;
    struct kallsyms_paths paths;
};

static void write_file(const char *path, const char *text)
{
    assert_true(g_file_set_contents(path, text, -1, NULL));
}

static int setup(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);
    f->directory = g_dir_make_tmp("test-kallsyms-XXXXXX", NULL);
    f->paths =
        (struct kallsyms_paths){.kallsyms = g_build_filename(f->directory, "kallsyms", NULL),
                                .modules = g_build_filename(f->directory, "modules", NULL),
                                .boot_id = g_build_filename(f->directory, "boot_id", NULL),
                                .cache = g_build_filename(f->directory, "cache", "proftop", NULL)};
    write_file(f->paths.kallsyms, symbols);
    write_file(f->paths.modules, "mod 16384 0 - Live 0xffffffffc0001000\n");
    write_file(f->paths.boot_id, "11111111-2222-3333-4444-555555555555\n");
    *state = f;
    return 0;
}

static char *cache_path(const struct fixture *f)
{
    return g_build_filename(f->paths.cache, "kallsyms", NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char *cache = cache_path(f);
    char *parent = g_path_get_dirname(f->paths.cache);
    g_unlink(cache);
    g_rmdir(f->paths.cache);
    g_rmdir(parent);
    g_unlink(f->paths.kallsyms);
    g_unlink(f->paths.modules);
    g_unlink(f->paths.boot_id);
    assert_int_equal(g_rmdir(f->directory), 0); /* nothing else was left behind */
    g_free(cache);
    g_free(parent);
    g_free((char *)f->paths.kallsyms);
    g_free((char *)f->paths.modules);
    g_free((char *)f->paths.boot_id);
    g_free((char *)f->paths.cache);
    g_free(f->directory);
    g_free(f);
    return 0;
}

static void check_names(const struct kallsyms *k)
{
    uint64_t start = 0;
    assert_string_equal(kallsyms_lookup(k, 0xffffffff81000010, &start), "startup_64");
    assert_int_equal(start, 0xffffffff81000000);
    assert_string_equal(kallsyms_lookup(k, 0xffffffff81000900, NULL), "local_one");
    assert_string_equal(kallsyms_lookup(k, 0xffffffffc0001fff, NULL), "early_in_module [mod]");
    assert_string_equal(kallsyms_lookup(k, 0xffffffffc0002000, NULL), "late_in_module [mod]");
    assert_null(kallsyms_lookup(k, 0xffffffffc1002000, NULL));
    assert_null(kallsyms_lookup(k, 0x400000, NULL));
}

/* Opens, checks all names, and says whether they came from the cache. */
static bool open_is_cached(struct fixture *f)
{
    struct kallsyms *k = kallsyms_open_at(&f->paths, NULL);
    assert_non_null(k);
    check_names(k);
    bool cached = kallsyms_was_cached(k);
    kallsyms_free(k);
    return cached;
}

static void test_second_open_hits_the_cache(void **state)
{
    struct stat status;
    char *cache = cache_path(*state);
    assert_false(open_is_cached(*state));
    assert_true(open_is_cached(*state));
    assert_int_equal(stat(cache, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    g_free(cache);
}

static void test_cache_of_another_boot_is_ignored(void **state)
{
    struct fixture *f = *state;
    open_is_cached(f);
    write_file(f->paths.boot_id, "another\n");
    assert_false(open_is_cached(f));
    assert_true(open_is_cached(f));
}

static void test_cache_of_other_modules_is_ignored(void **state)
{
    struct fixture *f = *state;
    open_is_cached(f);
    write_file(f->paths.modules, "");
    assert_false(open_is_cached(f));
}

static void test_truncated_cache_is_ignored(void **state)
{
    char *cache = cache_path(*state);
    struct stat status;
    open_is_cached(*state);
    assert_int_equal(stat(cache, &status), 0);
    for (off_t size = status.st_size - 1; size >= 0; size -= 13) {
        assert_int_equal(truncate(cache, size), 0);
        assert_false(open_is_cached(*state));
    }
    g_free(cache);
}

static void test_corrupt_name_offsets_give_no_name(void **state)
{
    struct fixture *f = *state;
    char *cache = cache_path(f), *text;
    size_t size;
    open_is_cached(f);
    assert_true(g_file_get_contents(cache, &text, &size, NULL));
    memset(text + size - 101, 0xff, 101); /* 4 offsets and all names, aliases included */
    assert_true(
        g_file_set_contents_full(cache, text, (gssize)size, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    struct kallsyms *k = kallsyms_open_at(&f->paths, NULL);
    assert_non_null(k);
    for (uint64_t a = 0xffffffff81000000; a < 0xffffffff81001000; a += 0x100)
        assert_null(kallsyms_lookup(k, a, NULL));
    kallsyms_free(k);
    g_free(text);
    g_free(cache);
}

static void test_directory_open_to_others_is_not_used(void **state)
{
    struct fixture *f = *state;
    open_is_cached(f);
    assert_int_equal(chmod(f->paths.cache, 0770), 0);
    assert_false(open_is_cached(f));
}

static void test_symlink_in_the_cache_is_not_followed(void **state)
{
    struct fixture *f = *state;
    char *cache = cache_path(f), *moved = g_build_filename(f->directory, "moved", NULL);
    open_is_cached(f);
    assert_int_equal(rename(cache, moved), 0);
    assert_int_equal(symlink(moved, cache), 0);
    assert_false(open_is_cached(f));
    g_unlink(moved);
    g_free(moved);
    g_free(cache);
}

static void test_missing_cache_directory_only_costs_time(void **state)
{
    struct fixture *f = *state;
    struct kallsyms_paths paths = f->paths;
    paths.cache = NULL;
    struct kallsyms *k = kallsyms_open_at(&paths, NULL);
    check_names(k);
    kallsyms_free(k);
}

static void test_hidden_addresses_give_no_names(void **state)
{
    struct fixture *f = *state;
    write_file(f->paths.kallsyms, "0000000000000000 T _text\n0000000000000000 T other\n");
    struct kallsyms *k = kallsyms_open_at(&f->paths, NULL);
    assert_non_null(k);
    assert_null(kallsyms_lookup(k, 0xffffffff81000010, NULL));
    assert_null(kallsyms_lookup(k, 0, NULL));
    kallsyms_free(k);
}

static void test_unreadable_file_is_an_error(void **state)
{
    struct fixture *f = *state;
    GError *error = NULL;
    g_unlink(f->paths.kallsyms);
    assert_null(kallsyms_open_at(&f->paths, &error));
    assert_non_null(strstr(error->message, "kernel functions"));
    g_error_free(error);
    write_file(f->paths.kallsyms, symbols);
}

int main(void)
{
#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_FILES(test_second_open_hits_the_cache),
        WITH_FILES(test_cache_of_another_boot_is_ignored),
        WITH_FILES(test_cache_of_other_modules_is_ignored),
        WITH_FILES(test_truncated_cache_is_ignored),
        WITH_FILES(test_corrupt_name_offsets_give_no_name),
        WITH_FILES(test_directory_open_to_others_is_not_used),
        WITH_FILES(test_symlink_in_the_cache_is_not_followed),
        WITH_FILES(test_missing_cache_directory_only_costs_time),
        WITH_FILES(test_hidden_addresses_give_no_names),
        WITH_FILES(test_unreadable_file_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
