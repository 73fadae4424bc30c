/* Which engine is taken of several that can or cannot run, and what is noted of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/base/error.h"
#include "core/session/engine.h"
#include "tests/unit/core/model/model_builder.h"

#define SECOND_NS INT64_C(1000000000)

static bool can(const struct source_options *options, GPtrArray *notes, GError **error)
{
    (void)options;
    (void)error;
    g_ptr_array_add(notes, g_strdup("the kernel is hidden"));
    g_ptr_array_add(notes, g_strdup("so are others"));
    return true;
}

static bool cannot(const struct source_options *options, GPtrArray *notes, GError **error)
{
    (void)options;
    g_ptr_array_add(notes, g_strdup("half a note"));
    return proftop_error_set(error, PROFTOP_ERROR_NOT_PERMITTED, "the kernel says no");
}

static bool cannot_either(const struct source_options *options, GPtrArray *notes, GError **error)
{
    (void)options;
    (void)notes;
    return proftop_error_set(error, PROFTOP_ERROR_FAILED, "nor does anybody else");
}

static bool wants_rate_of_99(const struct source_options *options, GPtrArray *notes, GError **error)
{
    (void)notes;
    return options->rate_hz == 99 || proftop_error_set(error, PROFTOP_ERROR_FAILED, "not 99");
}

static const struct source_ops outside = {.name = "outside", .probe = can, .why_unsampled = "why"};
static const struct source_ops inside = {
    .name = "inside", .probe = can, .needs_collector = true, .why_unsampled = "no collector"};
static const struct source_ops refused = {.name = "refused", .probe = cannot};
static const struct source_ops broken = {.name = "broken", .probe = cannot_either};

static const struct source_options asked = {.rate_hz = 99};

static int set_up(void **state)
{
    *state = builder_profile();
    return 0;
}

static int tear_down(void **state)
{
    profile_free(*state);
    return 0;
}

static void assert_notes(const struct profile *profile, const char *const *notes)
{
    guint n = 0;
    for (; notes[n]; n++) {
        assert_true(n < profile->notes->len);
        assert_string_equal(profile->notes->pdata[n], notes[n]);
    }
    assert_int_equal(profile->notes->len, n);
}

#define ASSERT_NOTES(profile, ...) assert_notes(profile, (const char *const[]){__VA_ARGS__, NULL})

static void test_first_that_can_run_is_taken_with_its_notes(void **state)
{
    const struct source_ops *const sources[] = {&outside, &inside, NULL};
    GError *error = NULL;
    assert_ptr_equal(engine_choose(sources, &asked, *state, &error), &outside);
    assert_null(error);
    ASSERT_NOTES(*state, "the kernel is hidden", "so are others");
    assert_int_equal(((struct profile *)*state)->n_standing, 0);
}

static void test_second_choice_says_why_it_is_not_the_first(void **state)
{
    const struct source_ops *const sources[] = {&refused, &broken, &inside, &outside, NULL};
    GError *error = NULL;
    assert_ptr_equal(engine_choose(sources, &asked, *state, &error), &inside);
    assert_null(error);
    ASSERT_NOTES(*state, "the kernel is hidden", "so are others",
                 "engine refused was not available: the kernel says no");
    assert_int_equal(((struct profile *)*state)->n_standing, 2); /* what is the engine's nature */
}

static void test_when_none_can_run_the_error_is_the_firsts(void **state)
{
    const struct source_ops *const sources[] = {&refused, &broken, NULL};
    GError *error = NULL;
    assert_null(engine_choose(sources, &asked, *state, &error));
    assert_true(g_error_matches(error, PROFTOP_ERROR, PROFTOP_ERROR_NOT_PERMITTED));
    assert_string_equal(error->message, "the kernel says no");
    g_error_free(error);
    assert_null(engine_choose(sources, &asked, *state, NULL));
    assert_notes(*state, (const char *const[]){NULL});
}

static void test_engine_is_asked_about_the_very_options(void **state)
{
    const struct source_ops picky = {.name = "picky", .probe = wants_rate_of_99};
    const struct source_ops *const sources[] = {&picky, &outside, NULL};
    assert_ptr_equal(engine_choose(sources, &asked, *state, NULL), &picky);
    const struct source_options other = {.rate_hz = 100};
    assert_ptr_equal(engine_choose(sources, &other, *state, NULL), &outside);
}

static void test_command_without_collector_is_noted_when_it_is_needed(void **state)
{
    struct profile *profile = *state;
    assert_null(engine_note_command(&outside, "it is static", profile));
    assert_null(engine_note_command(&inside, NULL, profile));
    assert_int_equal(profile->notes->len, 0);
    const char *note = engine_note_command(&inside, "it is static", profile);
    assert_string_equal(note, PROFILE_NOTE_UNSAMPLED
                        ": the engine inside needs the collector in it, and it is static");
    ASSERT_NOTES(profile, note);
}

static void test_unsampled_time_is_noted_when_it_is_much(void **state)
{
    struct profile *profile = *state;
    engine_note_unsampled(&outside, SECOND_NS / 10 - 1, SECOND_NS, profile);  /* below 10 % */
    engine_note_unsampled(&outside, SECOND_NS / 11, SECOND_NS / 11, profile); /* below 0.1 s */
    engine_note_unsampled(&outside, 0, 0, profile);
    assert_int_equal(profile->notes->len, 0);
    engine_note_unsampled(&outside, SECOND_NS / 10, SECOND_NS, profile);
    engine_note_unsampled(&inside, SECOND_NS / 10, SECOND_NS / 10, profile);
    ASSERT_NOTES(profile, "10 % of the CPU time has no samples: why",
                 "100 % of the CPU time has no samples: no collector");
}

static void test_lost_records_are_the_reason_of_an_engine_outside(void **state)
{
    struct profile *profile = *state;
    profile->info.lost = 1;
    engine_note_unsampled(&outside, SECOND_NS, 4 * SECOND_NS, profile);
    engine_note_unsampled(&inside, SECOND_NS, 4 * SECOND_NS, profile);
    ASSERT_NOTES(profile,
                 "25 % of the CPU time has no samples: records were lost while proftop could not "
                 "keep up, a lower rate (-F) loses fewer",
                 "25 % of the CPU time has no samples: no collector");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_first_that_can_run_is_taken_with_its_notes),
        TEST(test_second_choice_says_why_it_is_not_the_first),
        TEST(test_when_none_can_run_the_error_is_the_firsts),
        TEST(test_engine_is_asked_about_the_very_options),
        TEST(test_command_without_collector_is_noted_when_it_is_needed),
        TEST(test_unsampled_time_is_noted_when_it_is_much),
        TEST(test_lost_records_are_the_reason_of_an_engine_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
