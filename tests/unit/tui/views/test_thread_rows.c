/* Order and shape of the Threads view's rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/core/model/model_builder.h"
#include "tui/views/thread_rows.h"

struct fixture {
    struct profile *profile;
    GArray *cpu, *rows;
};

/* 1 has threads 1 and 2 and the children 10 (busy child 11) and 20. */
static int set_up(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);
    struct profile *p = f->profile = builder_profile();
    uint32_t first = profile_process(p, 1);
    uint32_t ten = profile_process_new(p, 10, first);
    profile_process_new(p, 20, first);
    profile_process_new(p, 11, ten);
    builder_sample(p, "main", 1, 1, 0, 5);
    builder_sample(p, "main", 1, 2, 0, 7);
    builder_sample(p, "main", 20, 20, 0, 30);
    builder_sample(p, "main", 10, 10, 0, 1);
    builder_sample(p, "main", 11, 11, 0, 90);
    f->cpu = g_array_new(FALSE, TRUE, sizeof(float));
    f->rows = g_array_new(FALSE, TRUE, sizeof(struct thread_row));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    g_array_unref(f->cpu);
    g_array_unref(f->rows);
    profile_free(f->profile);
    g_free(f);
    return 0;
}

/* "pid/tid@depth" of all rows; tid 0: the process itself. Free with g_free. */
static char *shape(struct fixture *f, bool by_time)
{
    GString *text = g_string_new(NULL);
    thread_rows_fill(f->profile, by_time, f->cpu, f->rows);
    for (guint i = 0; i < f->rows->len; i++) {
        const struct thread_row *row = &g_array_index(f->rows, struct thread_row, i);
        int tid =
            row->thread == PROFILE_NONE ? 0 : profile_get_thread(f->profile, row->thread)->tid;
        g_string_append_printf(text, "%s%d/%d@%d", i ? " " : "",
                               profile_get_process(f->profile, row->process)->pid, tid, row->depth);
    }
    return g_string_free(text, FALSE);
}

static void test_oldest_come_first_and_only_threads_join_their_process(void **state)
{
    char *rows = shape(*state, false);
    assert_string_equal(rows, "1/0@0 1/1@1 1/2@1 10/0@1 11/0@2 20/0@1");
    g_free(rows);
}

static void test_by_time_counts_descendants(void **state)
{
    char *rows = shape(*state, true);
    assert_string_equal(rows, "1/0@0 1/2@1 1/1@1 10/0@1 11/0@2 20/0@1");
    g_free(rows);
    builder_sample(((struct fixture *)*state)->profile, "main", 20, 20, 0, 100);
    rows = shape(*state, true);
    assert_string_equal(rows, "1/0@0 1/2@1 1/1@1 20/0@1 10/0@1 11/0@2");
    g_free(rows);
}

static void test_process_sums_its_threads(void **state)
{
    struct fixture *f = *state;
    g_free(shape(f, false));
    const struct thread_row *process = &g_array_index(f->rows, struct thread_row, 0);
    assert_int_equal(process->value, 12);
    assert_int_equal(process->samples, 2);
    assert_true(process->cpu < 0); /* nothing is known yet */
}

static void test_line_runs_past_a_grandchild_when_a_child_comes_later(void **state)
{
    struct fixture *f = *state;
    g_free(shape(f, false));
    assert_int_equal(g_array_index(f->rows, struct thread_row, 4).trunks,
                     1 << 1); /* 11, before 20 */
    builder_sample(f->profile, "main", 20, 20, 0, 100);
    g_free(shape(f, true)); /* 20, then 10 and its 11 */
    assert_int_equal(g_array_index(f->rows, struct thread_row, 5).trunks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_oldest_come_first_and_only_threads_join_their_process,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_by_time_counts_descendants, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_process_sums_its_threads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_line_runs_past_a_grandchild_when_a_child_comes_later,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
