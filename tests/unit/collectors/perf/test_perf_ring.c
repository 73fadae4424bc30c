/* Reading a ring whose records wrap around its end. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <glib.h>
#include <string.h>

#include "collectors/perf/perf_ring.h"

enum { RING_BYTES = 256 };

struct fixture {
    struct perf_event_mmap_page page;
    uint8_t data[RING_BYTES];
    struct perf_ring ring;
};

static int set_up(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);
    f->ring = (struct perf_ring){.page = &f->page, .data = f->data, .size = RING_BYTES};
    f->ring.straight = g_malloc(PERF_RECORD_BYTES_MAX);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    g_free(f->ring.straight);
    g_free(f);
    return 0;
}

/* As the kernel writes: `size` bytes filled with `mark`, wrapping. */
static void put(struct fixture *f, uint16_t size, uint8_t mark)
{
    uint8_t record[RING_BYTES];
    struct perf_event_header header = {.type = PERF_RECORD_COMM, .size = size};
    memset(record, mark, sizeof record);
    memcpy(record, &header, sizeof header);
    for (size_t i = 0; i < size; i++)
        f->data[(f->page.data_head + i) % RING_BYTES] = record[i];
    f->page.data_head += size;
}

static void test_records_come_in_order_and_give_their_room_back(void **state)
{
    struct fixture *f = *state;
    put(f, 16, 1);
    put(f, 32, 2);
    assert_null(perf_ring_peek(&f->ring)); /* not before a refresh */
    perf_ring_refresh(&f->ring);
    assert_int_equal(perf_ring_peek(&f->ring)->size, 16);
    perf_ring_next(&f->ring);
    assert_int_equal(f->page.data_tail, 16);
    assert_int_equal(perf_ring_peek(&f->ring)->size, 32);
    perf_ring_next(&f->ring);
    assert_null(perf_ring_peek(&f->ring));
}

static void test_looking_takes_nothing(void **state)
{
    struct fixture *f = *state;
    uint64_t at = f->ring.tail;
    put(f, 16, 1);
    put(f, 32, 2);
    perf_ring_refresh(&f->ring);
    assert_int_equal(perf_ring_look(&f->ring, &at)->size, 16);
    assert_int_equal(perf_ring_look(&f->ring, &at)->size, 32);
    assert_null(perf_ring_look(&f->ring, &at));
    assert_int_equal(perf_ring_peek(&f->ring)->size, 16);
    assert_int_equal(f->page.data_tail, 0);
}

static void test_wrapping_record_is_whole(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 50; i++) {
        put(f, 104, (uint8_t)i);
        perf_ring_refresh(&f->ring);
        const struct perf_event_header *record = perf_ring_peek(&f->ring);
        const uint8_t *bytes = (const uint8_t *)record;
        assert_int_equal(record->size, 104);
        for (size_t k = sizeof *record; k < 104; k++)
            assert_int_equal(bytes[k], i);
        perf_ring_next(&f->ring);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_records_come_in_order_and_give_their_room_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_looking_takes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrapping_record_is_whole, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
