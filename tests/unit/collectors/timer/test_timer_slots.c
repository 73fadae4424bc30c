/* Samples come out of a pool as they were put in, however a hostile process fills it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collectors/timer/timer_slots.h"

enum { SLOTS = 64 };

static int set_up(void **state)
{
    struct timer_slots *slots = g_new0(struct timer_slots, 1);
    slots->n = SLOTS;
    slots->base = mmap(NULL, (size_t)SLOTS * WIRE_SLOT_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *state = slots;
    return slots->base == MAP_FAILED;
}

static int tear_down(void **state)
{
    struct timer_slots *slots = *state;
    munmap(slots->base, (size_t)SLOTS * WIRE_SLOT_BYTES);
    g_free(slots);
    return 0;
}

static struct wire_sample *slot_at(const struct timer_slots *slots, int i)
{
    return (struct wire_sample *)(void *)(slots->base + (size_t)i * WIRE_SLOT_BYTES);
}

static struct wire_sample *put(const struct timer_slots *slots, int i, const char *stack)
{
    struct wire_sample *slot = slot_at(slots, i);
    *slot = (struct wire_sample){.state = WIRE_SLOT_READY,
                                 .tid = 100 + i,
                                 .thread_serial = 3,
                                 .time_ns = 5,
                                 .cpu_ns = 6,
                                 .map_generation = 8,
                                 .stack_bytes = (uint32_t)strlen(stack)};
    slot->registers[16] = 0xabc;
    memcpy((char *)slot + WIRE_SLOT_STACK_OFFSET, stack, strlen(stack));
    return slot;
}

static const struct timer_sample *sample_at(const GPtrArray *samples, guint i)
{
    return g_ptr_array_index(samples, i);
}

static void test_sample_is_copied_and_its_slot_freed(void **state)
{
    struct timer_slots *slots = *state;
    GPtrArray *samples = g_ptr_array_new_with_free_func(g_free);
    struct wire_sample *slot = put(slots, 0, "the stack");
    slot->flags = WIRE_SAMPLE_STACK_CUT;
    put(slots, 1, "");
    assert_int_equal(timer_slots_take(slots, false, samples), 2);
    const struct timer_sample *sample = sample_at(samples, 0);
    assert_int_equal(sample->tid, 100);
    assert_int_equal(sample->thread_serial, 3);
    assert_int_equal(sample->time_ns, 5);
    assert_int_equal(sample->cpu_ns, 6);
    assert_int_equal(sample->map_generation, 8);
    assert_int_equal(sample->registers[16], 0xabc);
    assert_true(sample->is_cut);
    assert_int_equal(sample->stack_size, 9);
    assert_memory_equal(sample->stack, "the stack", 9);
    assert_int_equal(slot->state, WIRE_SLOT_FREE);
    assert_int_equal(timer_slots_take(slots, true, samples), 0);
    g_ptr_array_unref(samples);
}

static void test_slot_that_is_being_written_is_left_alone(void **state)
{
    struct timer_slots *slots = *state;
    GPtrArray *samples = g_ptr_array_new_with_free_func(g_free);
    put(slots, 0, "")->state = WIRE_SLOT_WRITING;
    put(slots, 1, "");
    assert_int_equal(timer_slots_take(slots, false, samples), 1);
    assert_int_equal(sample_at(samples, 0)->tid, 101);
    assert_int_equal(slot_at(slots, 0)->state, WIRE_SLOT_WRITING);
    g_ptr_array_unref(samples);
}

static void test_unused_slots_are_not_touched(void **state)
{
    struct timer_slots *slots = *state;
    unsigned char resident[SLOTS * WIRE_SLOT_BYTES / 4096] = {0};
    GPtrArray *samples = g_ptr_array_new_with_free_func(g_free);
    size_t n = 0;
    if (sysconf(_SC_PAGESIZE) != 4096)
        skip();
    for (int i = 0; i < 6; i++)
        put(slots, i, "");
    assert_int_equal(timer_slots_take(slots, false, samples), 6);
    assert_int_equal(mincore(slots->base, sizeof resident * 4096, resident), 0);
    for (size_t i = 0; i < sizeof resident; i++)
        n += resident[i] & 1;
    assert_in_range(n, 6, 12);
    g_ptr_array_unref(samples);
}

static void test_last_look_finds_all(void **state)
{
    struct timer_slots *slots = *state;
    GPtrArray *samples = g_ptr_array_new_with_free_func(g_free);
    put(slots, SLOTS - 1, "");
    assert_int_equal(timer_slots_take(slots, false, samples), 0);
    assert_int_equal(timer_slots_take(slots, true, samples), 1);
    assert_int_equal(timer_slots_take(slots, false, samples), 0);
    put(slots, SLOTS - 1, "");
    assert_int_equal(timer_slots_take(slots, false, samples), 1);
    g_ptr_array_unref(samples);
}

static void test_absurd_numbers_are_cut_to_size(void **state)
{
    struct timer_slots *slots = *state;
    GPtrArray *samples = g_ptr_array_new_with_free_func(g_free);
    memset(slots->base, 0xff, (size_t)SLOTS * WIRE_SLOT_BYTES);
    for (int i = 0; i < SLOTS; i++)
        slot_at(slots, i)->state = i == 0 ? 0x80000001 : WIRE_SLOT_READY;
    slot_at(slots, 1)->flags = 0;
    assert_int_equal(timer_slots_take(slots, true, samples), SLOTS - 1);
    const struct timer_sample *sample = sample_at(samples, 0);
    assert_int_equal(sample->tid, 0);
    assert_int_equal(sample->time_ns, 0);
    assert_true(sample->cpu_ns >= 0);
    assert_int_equal(sample->stack_size, WIRE_SLOT_STACK_BYTES_MAX);
    assert_int_equal(sample_at(samples, 1)->stack_size, 0); /* it says that there is none */
    g_ptr_array_unref(samples);
}

static void test_random_bytes_do_no_harm(void **state)
{
    struct timer_slots *slots = *state;
    GRand *random = g_rand_new_with_seed(1);
    for (int round = 0; round < 200; round++) {
        GPtrArray *samples = g_ptr_array_new_with_free_func(g_free);
        for (int i = 0; i < SLOTS; i++)
            for (size_t word = 0; word < WIRE_SLOT_STACK_OFFSET / 4; word++)
                ((uint32_t *)(void *)slot_at(slots, i))[word] =
                    word == 0 ? g_rand_int(random) % 4 : g_rand_int(random);
        assert_true(timer_slots_take(slots, round % 2, samples) <= SLOTS);
        for (guint i = 0; i < samples->len; i++)
            assert_true(sample_at(samples, i)->stack_size <= WIRE_SLOT_STACK_BYTES_MAX &&
                        sample_at(samples, i)->cpu_ns >= 0 && sample_at(samples, i)->time_ns >= 0);
        g_ptr_array_unref(samples);
    }
    g_rand_free(random);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sample_is_copied_and_its_slot_freed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_slot_that_is_being_written_is_left_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_unused_slots_are_not_touched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_last_look_finds_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_absurd_numbers_are_cut_to_size, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_random_bytes_do_no_harm, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
