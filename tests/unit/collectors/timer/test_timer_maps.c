/* A sample is believed as far as the code it may have been in is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "collectors/timer/timer_maps.h"

enum { PROGRAM = 0x10000, PLUGIN = 0x50000, SIZE = 0x1000 };

static int set_up(void **state)
{
    struct timer_maps *maps = g_new0(struct timer_maps, 1);
    timer_maps_init(maps);
    *state = maps;
    return 0;
}

static int tear_down(void **state)
{
    timer_maps_clear(*state);
    g_free(*state);
    return 0;
}

static void add(GArray *ranges, uint64_t start, const char *path)
{
    struct proc_map range = {
        .start = start, .end = start + SIZE, .inode = 1, .path = g_strdup(path)};
    g_array_append_val(ranges, range);
}

static void free_path(gpointer range)
{
    g_free((gpointer)((struct proc_map *)range)->path);
}

/* The program, and at PLUGIN what is named, or nothing. */
static GArray *ranges_with(const char *plugin)
{
    GArray *ranges = g_array_new(FALSE, FALSE, sizeof(struct proc_map));
    g_array_set_clear_func(ranges, free_path);
    add(ranges, PROGRAM, "/program");
    if (plugin)
        add(ranges, PLUGIN, plugin);
    return ranges;
}

static void begin(struct timer_maps *maps, const char *plugin)
{
    GArray *ranges = ranges_with(plugin);
    timer_maps_begin(maps, ranges, 0);
    g_array_unref(ranges);
}

static bool update(struct timer_maps *maps, const char *plugin, uint64_t generation)
{
    GArray *ranges = ranges_with(plugin);
    bool differs = timer_maps_update(maps, ranges, generation);
    g_array_unref(ranges);
    return differs;
}

/* How much is believed of a sample at `pc` with these words on its stack. */
static int64_t believable(const struct timer_maps *maps, uint64_t pc, uint64_t first,
                          uint64_t second)
{
    uint64_t words[] = {first, second};
    struct timer_sample *sample = g_malloc0(sizeof *sample + sizeof words);
    sample->registers[16] = pc;
    sample->stack_size = sizeof words;
    memcpy(sample->stack, words, sizeof words);
    int64_t size = timer_maps_believable(maps, sample);
    g_free(sample);
    return size;
}

static void test_generation_is_the_samples_while_nothing_is_unloaded(void **state)
{
    struct timer_maps *maps = *state;
    assert_false(timer_maps_is_of(maps, 0));
    begin(maps, NULL);
    assert_true(timer_maps_is_of(maps, 0));
    assert_true(timer_maps_is_of(maps, 1)); /* a library is going, and still there */
    assert_true(timer_maps_is_of(maps, 2)); /* two */
    assert_false(timer_maps_is_of(maps, WIRE_UNLOADED));
    assert_false(timer_maps_is_of(maps, WIRE_UNLOADED + 1));
    assert_false(timer_maps_is_of(maps, UINT64_MAX));
}

static void test_reading_is_unsure_when_a_library_went_meanwhile(void **state)
{
    struct timer_maps *maps = *state;
    begin(maps, "/plugin");
    for (int n_unloading = 1; n_unloading < 3; n_unloading++) {
        update(maps, "/plugin", WIRE_UNLOADED + n_unloading);
        assert_false(timer_maps_is_of(maps, WIRE_UNLOADED));
        assert_false(timer_maps_is_of(maps, WIRE_UNLOADED + n_unloading));
    }
    update(maps, "/plugin", TIMER_MAPS_UNSURE);
    assert_false(timer_maps_is_of(maps, UINT64_MAX));
}

static void test_same_reading_changes_nothing(void **state)
{
    struct timer_maps *maps = *state;
    begin(maps, "/plugin");
    assert_false(update(maps, "/plugin", WIRE_UNLOADED));
    assert_int_equal(believable(maps, PLUGIN, PLUGIN + 1, PROGRAM + 1), 16);
}

static void test_nothing_is_believed_where_another_library_came(void **state)
{
    struct timer_maps *maps = *state;
    begin(maps, "/plugin");
    assert_true(update(maps, "/other", WIRE_UNLOADED));
    assert_int_equal(believable(maps, PLUGIN + 5, 0, 0), -1);
    assert_int_equal(believable(maps, PROGRAM + 5, PROGRAM, PLUGIN + 5), 8);
    assert_int_equal(believable(maps, PROGRAM + 5, PLUGIN + SIZE, 0), 0); /* after a last call */
    assert_int_equal(believable(maps, PROGRAM + 5, PLUGIN, PLUGIN + SIZE + 1), 16);
}

static void test_place_of_a_library_that_went_stays_doubtful(void **state)
{
    struct timer_maps *maps = *state;
    begin(maps, "/plugin");
    assert_true(update(maps, NULL, WIRE_UNLOADED));
    assert_true(update(maps, "/plugin", 2 * WIRE_UNLOADED));
    assert_false(update(maps, "/plugin", 3 * WIRE_UNLOADED));
    assert_int_equal(believable(maps, PLUGIN, 0, 0), -1);
    begin(maps, "/plugin"); /* exec */
    assert_int_equal(believable(maps, PLUGIN, 0, 0), 16);
}

static void test_fork_inherits_maps_and_doubts(void **state)
{
    struct timer_maps *maps = *state, child;
    begin(maps, "/plugin");
    update(maps, "/other", WIRE_UNLOADED);
    timer_maps_init(&child);
    timer_maps_inherit(&child, maps);
    assert_false(timer_maps_is_of(&child, 0));
    assert_int_equal(believable(&child, PLUGIN, 0, 0), -1);
    assert_false(update(&child, "/other", 0));
    assert_true(timer_maps_is_of(&child, 0));
    timer_maps_clear(&child);
}

static void test_many_changes_stay_bounded(void **state)
{
    struct timer_maps *maps = *state;
    begin(maps, NULL);
    for (int i = 0; i < 20; i++) {
        GArray *ranges = ranges_with(NULL);
        for (uint64_t place = 1; place < 200; place++)
            add(ranges, PLUGIN + (20 * place + (uint64_t)i) * 2 * SIZE, "/many");
        assert_true(timer_maps_update(maps, ranges, WIRE_UNLOADED));
        g_array_unref(ranges);
        assert_true(maps->changed->len <= 256);
    }
    assert_int_equal(believable(maps, PROGRAM, 0, 0), 16);
    assert_int_equal(believable(maps, PLUGIN + (20 * 50 + 3) * 2 * SIZE, 0, 0), -1);
}

static void test_own_process_can_be_read(void **state)
{
    (void)state;
    GArray *ranges = timer_maps_read(getpid());
    assert_non_null(ranges);
    bool found = false;
    for (guint i = 0; i < ranges->len; i++) {
        const struct proc_map *range = &g_array_index(ranges, struct proc_map, i);
        uint64_t here = (uint64_t)(uintptr_t)test_own_process_can_be_read;
        found |= range->start <= here && here < range->end;
    }
    assert_true(found);
    g_array_unref(ranges);
    assert_null(timer_maps_read(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_generation_is_the_samples_while_nothing_is_unloaded,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reading_is_unsure_when_a_library_went_meanwhile,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_same_reading_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_is_believed_where_another_library_came, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_place_of_a_library_that_went_stays_doubtful, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_fork_inherits_maps_and_doubts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_changes_stay_bounded, set_up, tear_down),
        cmocka_unit_test(test_own_process_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
