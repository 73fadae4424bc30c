/* Arrays that grow by doubling, mapped without the file's descriptor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "collectors/target/segment_area.h"

enum {
    SEGMENT_BYTES = 1 << 20,
    RECORD_BYTES = 192,
    OFFSET = 8192,
    FIRST = 64,
    MAX = 4096,
    THREADS = 8,
};

struct fixture {
    struct segment_area area;
    char *whole; /* the segment as proftop has it */
};

static int sealed_file(void)
{
    int fd = memfd_create("segment", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(fd, SEGMENT_BYTES), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    return fd;
}

static int set_up(void **state)
{
    struct fixture *fixture = g_new0(struct fixture, 1);
    struct wire_area wire = {OFFSET, FIRST, MAX};
    int fd = sealed_file();
    fixture->whole = mmap(NULL, SEGMENT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    bool is_mapped = segment_area_map(&fixture->area, fd, &wire, RECORD_BYTES, SEGMENT_BYTES);
    close(fd);
    *state = fixture;
    return is_mapped ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    segment_area_unmap(&fixture->area);
    munmap(fixture->whole, SEGMENT_BYTES);
    g_free(fixture);
    return 0;
}

static void test_records_are_those_of_the_file(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t i = 0; i < MAX; i++) {
        uint64_t *record = segment_area_need(&fixture->area, i);
        assert_non_null(record);
        assert_ptr_equal(record, segment_area_at(&fixture->area, i));
        record[0] = record[RECORD_BYTES / 8 - 1] = i + 1;
    }
    for (uint32_t i = 0; i < MAX; i++) {
        const uint64_t *record = (uint64_t *)(fixture->whole + OFFSET + i * RECORD_BYTES);
        assert_int_equal(record[0], i + 1);
        assert_int_equal(record[RECORD_BYTES / 8 - 1], i + 1);
    }
}

static void test_record_beyond_is_none(void **state)
{
    struct fixture *fixture = *state;
    assert_non_null(segment_area_at(&fixture->area, FIRST - 1));
    assert_null(segment_area_at(&fixture->area, FIRST));
    assert_null(segment_area_need(&fixture->area, MAX));
    assert_null(segment_area_need(&fixture->area, UINT32_MAX));
    assert_null(segment_area_at(&fixture->area, UINT32_MAX));
}

static void test_last_chunk_first_maps_those_before(void **state)
{
    struct fixture *fixture = *state;
    assert_non_null(segment_area_need(&fixture->area, MAX - 1));
    for (uint32_t i = 0; i < MAX; i++)
        assert_non_null(segment_area_at(&fixture->area, i));
}

static void test_forbidden_growth_is_refused(void **state)
{
    struct fixture *fixture = *state;
    fixture->area.may_grow = false;
    assert_null(segment_area_need(&fixture->area, FIRST));
    assert_non_null(segment_area_need(&fixture->area, FIRST - 1));
}

static void test_no_address_space_is_no_record(void **state)
{
    struct fixture *fixture = *state;
    struct rlimit old, none;
    if (g_getenv("SANITIZED"))
        skip();
    getrlimit(RLIMIT_AS, &old);
    none = (struct rlimit){1 << 20, old.rlim_max};
    setrlimit(RLIMIT_AS, &none);
    errno = 77;
    void *record = segment_area_need(&fixture->area, FIRST);
    int error = errno;
    setrlimit(RLIMIT_AS, &old);
    assert_null(record);
    assert_int_equal(error, 77);
    assert_non_null(segment_area_need(&fixture->area, FIRST));
}

/* The flags that the kernel keeps of the mapping that `address` is in. */
static char *flags_of(const void *address)
{
    char *text = NULL, *found = NULL;
    assert_true(g_file_get_contents("/proc/self/smaps", &text, NULL, NULL));
    char **lines = g_strsplit(text, "\n", -1);
    bool is_there = false;
    for (int i = 0; lines[i]; i++) {
        unsigned long from, to;
        char *end = NULL;
        from = strtoul(lines[i], &end, 16);
        if (end && *end == '-') {
            to = strtoul(end + 1, NULL, 16);
            is_there = from <= (uintptr_t)address && (uintptr_t)address < to;
        }
        if (is_there && g_str_has_prefix(lines[i], "VmFlags:")) {
            g_free(found);
            found = g_strdup(lines[i]);
        }
    }
    g_strfreev(lines);
    g_free(text);
    return found;
}

static void test_chunks_stay_out_of_children_and_cores(void **state)
{
    struct fixture *fixture = *state;
    const uint32_t records[] = {0, FIRST, 2 * FIRST, MAX - 1};
    for (size_t i = 0; i < G_N_ELEMENTS(records); i++) {
        char *flags = flags_of(segment_area_need(&fixture->area, records[i]));
        assert_non_null(strstr(flags, " dc"));
        assert_non_null(strstr(flags, " dd"));
        g_free(flags);
    }
}

static void *need_all(void *data)
{
    struct segment_area *area = data;
    for (uint32_t i = 0; i < MAX; i++)
        __atomic_fetch_add((uint64_t *)segment_area_need(area, i), 1, __ATOMIC_RELAXED);
    return NULL;
}

static void test_threads_grow_it_once(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, need_all, &fixture->area);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (uint32_t i = 0; i < MAX; i++)
        assert_int_equal(*(uint64_t *)(fixture->whole + OFFSET + i * RECORD_BYTES), THREADS);
}

static void test_senseless_geometry_is_refused(void **state)
{
    const struct wire_area areas[] = {
        {OFFSET, 0, MAX},
        {OFFSET, FIRST, 0},
        {OFFSET, FIRST, FIRST / 2},
        {OFFSET, FIRST, 3 * FIRST},
        {OFFSET, FIRST - 1, MAX},
        {OFFSET, 1, MAX}, /* not whole pages */
        {OFFSET + 8, FIRST, MAX},
        {SEGMENT_BYTES - 4096, FIRST, FIRST},
        {UINT64_MAX & ~UINT64_C(4095), FIRST, MAX},
        {OFFSET, FIRST, 2 * MAX},
        {OFFSET, 1U << 31, 1U << 31},
    };
    struct segment_area area = {0};
    int fd = sealed_file();
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(areas); i++)
        assert_false(segment_area_map(&area, fd, &areas[i], RECORD_BYTES, SEGMENT_BYTES));
    assert_false(
        segment_area_map(&area, fd, &(struct wire_area){OFFSET, FIRST, MAX}, 0, SEGMENT_BYTES));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_records_are_those_of_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_record_beyond_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_last_chunk_first_maps_those_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forbidden_growth_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_address_space_is_no_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_chunks_stay_out_of_children_and_cores, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_threads_grow_it_once, set_up, tear_down),
        cmocka_unit_test(test_senseless_geometry_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
