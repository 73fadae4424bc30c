/* The executable mappings of this process, some of them of the test's making. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/target/proc_maps.h"

enum { PAGE_BYTES = 4096 };

/* The range that holds an address, copied; path NULL: none does. */
struct search {
    uint64_t address;
    struct proc_map found;
    char *path;
    int n_before; /* ranges that begin behind the one after them */
    uint64_t last_start;
};

static void look(const struct proc_map *map, void *data)
{
    struct search *search = data;
    search->n_before += map->start < search->last_start;
    search->last_start = map->start;
    if (search->address < map->start || search->address >= map->end)
        return;
    search->found = *map;
    search->path = g_strdup(map->path);
}

static struct search find(const void *address)
{
    struct search search = {.address = (uint64_t)(uintptr_t)address};
    assert_true(proc_maps_read(getpid(), look, &search));
    assert_int_equal(search.n_before, 0);
    return search;
}

static void test_own_code_is_in_a_range_of_its_file(void **state)
{
    (void)state;
    struct search search = find((const void *)(uintptr_t)find);
    struct stat st;
    assert_int_equal(stat("/proc/self/exe", &st), 0);
    assert_true(search.found.inode == st.st_ino);
    assert_true(search.found.device == st.st_dev || st.st_dev == 0);
    assert_true(search.path[0] == '/');
    g_free(search.path);
}

static void test_only_code_is_listed(void **state)
{
    (void)state;
    char *plain = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_null(find(plain).path);
    assert_int_equal(mprotect(plain, PAGE_BYTES, PROT_READ | PROT_EXEC), 0);
    struct search search = find(plain);
    assert_string_equal(search.path, "//anon");
    assert_int_equal(search.found.inode, 0);
    g_free(search.path);
    munmap(plain, PAGE_BYTES);
}

static void test_file_with_an_odd_name(void **state)
{
    (void)state;
    char *folder = g_dir_make_tmp("proftop-maps-XXXXXX", NULL);
    char *path = g_strconcat(folder, "/a b\n  c\t", NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    assert_int_equal(ftruncate(fd, 3 * PAGE_BYTES), 0);
    char *code = mmap(NULL, 2 * PAGE_BYTES, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, PAGE_BYTES);
    close(fd);
    if (code == MAP_FAILED && errno == EPERM)
        skip(); /* mounted noexec */
    struct search search = find(code);
    assert_string_equal(search.path, path);
    assert_int_equal(search.found.file_offset, PAGE_BYTES);
    assert_int_equal(search.found.end - search.found.start, 2 * PAGE_BYTES);
    g_free(search.path);
    unlink(path);
    search = find(code);
    assert_true(g_str_has_suffix(search.path, " (deleted)"));
    g_free(search.path);
    munmap(code, 2 * PAGE_BYTES);
    rmdir(folder);
    g_free(path);
    g_free(folder);
}

static void test_process_that_is_gone_cannot_be_read(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    struct search search = {0};
    assert_false(proc_maps_read(pid, look, &search));
}

static void test_a_list_owns_its_paths(void **state)
{
    (void)state;
    GArray *maps = proc_maps_list(getpid());
    bool has_own = false;
    assert_true(maps->len > 0);
    for (guint i = 0; i < maps->len; i++) {
        const struct proc_map *map = &g_array_index(maps, struct proc_map, i);
        assert_non_null(map->path);
        has_own |= g_str_has_suffix(map->path, "/test_proc_maps");
    }
    assert_true(has_own);
    g_array_unref(maps);
    maps = proc_maps_list(-1);
    assert_int_equal(maps->len, 0);
    g_array_unref(maps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_list_owns_its_paths),
        cmocka_unit_test(test_own_code_is_in_a_range_of_its_file),
        cmocka_unit_test(test_only_code_is_listed),
        cmocka_unit_test(test_file_with_an_odd_name),
        cmocka_unit_test(test_process_that_is_gone_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
