/* Every nanosecond of the kernel's count is handed out once, whatever the process claims. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "collectors/timer/timer_books.h"

#define MS INT64_C(1000000)

enum { TID = 7 };

static int set_up(void **state)
{
    struct timer_books *books = g_new0(struct timer_books, 1);
    timer_books_init(books, 0);
    *state = books;
    return 0;
}

static int tear_down(void **state)
{
    timer_books_clear(*state);
    g_free(*state);
    return 0;
}

static void test_sample_weighs_what_was_used_since_the_last(void **state)
{
    struct timer_books *books = *state;
    struct timer_thread *thread = timer_books_get(books, TID);
    timer_books_set_clock(books, 100 * MS);
    assert_int_equal(timer_books_sample(books, thread, 4 * MS), 4 * MS);
    assert_int_equal(timer_books_sample(books, thread, 9 * MS), 5 * MS);
    assert_int_equal(timer_books_sample(books, thread, 9 * MS), 0);
    assert_int_equal(timer_books_sample(books, thread, 3 * MS), 0);
    assert_int_equal(timer_books_sample(books, thread, 10 * MS), 1 * MS);
}

static void test_sample_weighs_from_where_the_timer_was_armed(void **state)
{
    struct timer_books *books = *state;
    struct timer_thread *thread = timer_books_get(books, TID);
    timer_books_set_clock(books, 100 * MS);
    thread->base_ns = thread->accounted_ns = 50 * MS;
    assert_int_equal(timer_books_sample(books, thread, 4 * MS), 4 * MS);
}

static void test_sample_weighs_no_more_than_the_clock_has_left(void **state)
{
    struct timer_books *books = *state;
    struct timer_thread *thread = timer_books_get(books, TID);
    timer_books_set_clock(books, 10 * MS);
    assert_int_equal(timer_books_sample(books, thread, INT64_MAX / 4), 10 * MS);
    assert_int_equal(timer_books_sample(books, thread, INT64_MAX / 4), 0);
    timer_books_set_clock(books, 11 * MS);
    assert_int_equal(timer_books_sample(books, thread, INT64_MAX / 4), 1 * MS);
    books->credit_ns = 2 * MS;
    assert_int_equal(timer_books_sample(books, thread, INT64_MAX / 4), 2 * MS);
    assert_int_equal(timer_books_ended_rest(books, true), 0);
}

static void test_thread_that_is_never_sampled_waits_one_round(void **state)
{
    struct timer_books *books = *state;
    struct timer_thread *thread = timer_books_get(books, TID);
    timer_books_set_clock(books, 500 * MS);
    assert_int_equal(timer_books_thread_rest(books, thread, 300 * MS, false), 0);
    assert_int_equal(timer_books_thread_rest(books, thread, 500 * MS, false), 300 * MS);
    assert_int_equal(timer_books_thread_rest(books, thread, 500 * MS, true), 200 * MS);
    assert_int_equal(timer_books_thread_rest(books, thread, 500 * MS, true), 0);
}

static void test_thread_whose_samples_come_has_no_rest(void **state)
{
    struct timer_books *books = *state;
    struct timer_thread *thread = timer_books_get(books, TID);
    for (int64_t used = 100 * MS; used <= 1000 * MS; used += 100 * MS) {
        timer_books_set_clock(books, used);
        assert_int_equal(timer_books_sample(books, thread, used - 4 * MS),
                         used == 100 * MS ? 96 * MS : 100 * MS);
        assert_int_equal(timer_books_thread_rest(books, thread, used, false), 0);
        assert_int_equal(timer_books_ended_rest(books, false), 0);
    }
    assert_int_equal(timer_books_thread_rest(books, thread, 1000 * MS, true), 4 * MS);
}

static void test_late_sample_does_not_count_again(void **state)
{
    struct timer_books *books = *state;
    struct timer_thread *thread = timer_books_get(books, TID);
    timer_books_set_clock(books, 400 * MS);
    timer_books_thread_rest(books, thread, 300 * MS, false);
    assert_int_equal(timer_books_thread_rest(books, thread, 350 * MS, false), 300 * MS);
    assert_int_equal(timer_books_sample(books, thread, 250 * MS), 0);
    assert_int_equal(timer_books_sample(books, thread, 320 * MS), 20 * MS);
}

static void test_rest_of_ended_threads_is_not_of_those_that_run(void **state)
{
    struct timer_books *books = *state;
    struct timer_thread *thread = timer_books_get(books, TID);
    timer_books_set_clock(books, 150 * MS);
    for (int round = 0; round < 2; round++) { /* 50 ms of it are waited for by a thread that runs */
        thread->used_ns = 50 * MS;
        assert_int_equal(timer_books_ended_rest(books, false), round == 0 ? 0 : 100 * MS);
    }
    thread->rounds_gone = 1;
    timer_books_ended_rest(books, false);
    assert_int_equal(timer_books_ended_rest(books, false), 50 * MS);
}

static void test_time_before_and_while_off_does_not_count(void **state)
{
    struct timer_books *books = *state;
    timer_books_clear(books);
    timer_books_init(books, 1000 * MS);
    timer_books_set_clock(books, 1030 * MS);
    timer_books_leave_out(books, 1030 * MS, 1530 * MS);
    timer_books_set_clock(books, 1540 * MS);
    assert_int_equal(timer_books_ended_rest(books, true), 40 * MS);
}

/* Samples, rounds and endings in any order: the sum is the kernel's. */
static void test_sum_is_the_kernels_however_it_is_asked(void **state)
{
    struct timer_books *books = *state;
    GRand *random = g_rand_new_with_seed(42);
    int64_t sum = 0, used[4] = {0}, total = 0;
    for (int step = 0; step < 20000; step++) {
        int tid = g_rand_int_range(random, 0, 4);
        struct timer_thread *thread = timer_books_get(books, tid + 1);
        int64_t more = g_rand_int_range(random, 0, 10 * MS);
        used[tid] += more;
        total += more;
        timer_books_set_clock(books, total);
        switch (g_rand_int_range(random, 0, 3)) {
        case 0:
            sum += timer_books_sample(books, thread, used[tid] / MS * MS);
            break;
        case 1:
            sum += timer_books_thread_rest(books, thread, used[tid], false);
            break;
        default:
            for (int i = 0; i < 4; i++)
                sum +=
                    timer_books_thread_rest(books, timer_books_get(books, i + 1), used[i], false);
            sum += timer_books_ended_rest(books, false);
        }
        assert_true(sum <= total);
    }
    sum += timer_books_ended_rest(books, true);
    for (int i = 0; i < 4; i++)
        sum += timer_books_thread_rest(books, timer_books_get(books, i + 1), used[i], true);
    assert_int_equal(sum, total);
    g_rand_free(random);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sample_weighs_what_was_used_since_the_last, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_sample_weighs_from_where_the_timer_was_armed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_sample_weighs_no_more_than_the_clock_has_left, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_thread_that_is_never_sampled_waits_one_round, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_thread_whose_samples_come_has_no_rest, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_late_sample_does_not_count_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rest_of_ended_threads_is_not_of_those_that_run, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_time_before_and_while_off_does_not_count, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_sum_is_the_kernels_however_it_is_asked, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
