/*
 * The functions of the allocator behind our own: whatever they are given, the program sees what it
 * sees without the collector.
 */
#include "tests/unit/collectors/target/heap_fixture.h"

#include <errno.h>
#include <malloc.h>

static void say_block(const char *what, void *block, size_t alignment)
{
    fprintf(said, "%s: %s errno %d aligned %d\n", what, block ? "block" : "NULL", errno,
            block && (uintptr_t)block % alignment == 0);
    free(block);
    errno = 0;
}

#define SAY(call, alignment) say_block(#call, call, alignment)

static void say_posix_memalign(size_t alignment, size_t size)
{
    void *block = &said;
    int error = posix_memalign(&block, alignment, size);
    fprintf(said, "posix_memalign %zu %zu: %d errno %d kept %d aligned %d\n", alignment, size,
            error, errno, block == (void *)&said, error == 0 && (uintptr_t)block % alignment == 0);
    if (error == 0)
        free(block);
    errno = 0;
}

static void say_realloc(size_t from, size_t to)
{
    void *block = malloc(from);
    memset(block, 'x', from);
    void *moved = realloc(block, to);
    fprintf(said, "realloc %zu %zu: %s errno %d\n", from, to, moved ? "block" : "NULL", errno);
    if (moved || to)
        free(moved ? moved : block);
    errno = 0;
}

static volatile size_t huge = SIZE_MAX / 2 + 1, half = SIZE_MAX / 4, zero;

/* Every function with what it may be given, also what it may not. */
static void play_entries(void)
{
    errno = 0;
    SAY(malloc(zero), 16);
    SAY(malloc(huge), 16);
    SAY(malloc(half), 16);
    SAY(calloc(zero, 10), 16);
    SAY(calloc(half, 8), 16);
    SAY(calloc(3, half), 16);
    SAY(calloc(10, 10), 16);
    SAY(realloc(NULL, 10), 16);
    SAY(realloc(NULL, zero), 16);
    SAY(realloc(NULL, huge), 16);
    SAY(reallocarray(NULL, half, 8), 16);
    SAY(reallocarray(NULL, 10, 10), 16);
    SAY(aligned_alloc(64, 128), 64);
    SAY(aligned_alloc(3, 10), 1);
    SAY(aligned_alloc(64, huge), 64);
    SAY(memalign(4096, 10), 4096);
    SAY(memalign(100, 10), 1);
    SAY(memalign(huge, 10), 16);
    SAY(valloc(10), 4096);
    SAY(valloc(huge), 4096);
    SAY(pvalloc(10), 4096);
    SAY(pvalloc(SIZE_MAX - zero), 4096);
    SAY(strdup("abc"), 16);
    say_posix_memalign(32, 10);
    say_posix_memalign(3, 10);
    say_posix_memalign(4, 10);
    say_posix_memalign(64, zero);
    say_posix_memalign(64, huge);
    say_realloc(10, 1000);
    say_realloc(10, 0);
    say_realloc(0, 10);
    say_realloc(10, huge);
    free(NULL);
    fprintf(said, "usable %d\n", malloc_usable_size(NULL) == 0);
}

static const struct scene scenes[] = {{"entries", play_entries}, {NULL, NULL}};

static void test_entry_points_do_what_libcs_do(void **state)
{
    struct fixture *fixture = *state;
    char *bare = run_scene(fixture, "entries", false);
    char *watched = run_scene(fixture, "entries", true);
    assert_non_null(strstr(bare, "usable 1"));
    assert_string_equal(watched, bare);
    g_free(bare);
    g_free(watched);
    struct wire_heap_lane lane = sum_of_lanes(fixture);
    assert_int_equal(lane.failed, 13);
    assert_int_equal(lane.unknown_frees, 0);
    check_live(fixture);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {TEST(test_entry_points_do_what_libcs_do)};
    if (argc == 3)
        return play(argv[1], argv[2], scenes);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
