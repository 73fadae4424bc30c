/* The layout of what the collector and proftop share: a change here breaks collectors already
 * loaded in targets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "core/wire/wire.h"

static void test_messages_have_their_protocol_sizes(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct wire_hello), 120);
    assert_int_equal(sizeof(struct wire_welcome), 128);
    assert_int_equal(sizeof(struct wire_segment), WIRE_SEGMENT_HEAD_BYTES);
}

static void test_fields_are_at_their_protocol_offsets(void **state)
{
    (void)state;
    assert_int_equal(offsetof(struct wire_hello, version_major), 8);
    assert_int_equal(offsetof(struct wire_hello, size_bytes), 12);
    assert_int_equal(offsetof(struct wire_hello, token), 24);
    assert_int_equal(offsetof(struct wire_hello, flags), 48);
    assert_int_equal(offsetof(struct wire_welcome, segment_bytes), 24);
    assert_int_equal(offsetof(struct wire_segment, segment_bytes), 24);
    assert_int_equal(offsetof(struct wire_segment, state), 256);
    assert_int_equal(offsetof(struct wire_segment, unfollowed), 288);
}

static void test_magics_differ(void **state)
{
    (void)state;
    assert_true(WIRE_MAGIC_HELLO != WIRE_MAGIC_WELCOME);
    assert_true(WIRE_MAGIC_WELCOME != WIRE_MAGIC_SEGMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_have_their_protocol_sizes),
        cmocka_unit_test(test_fields_are_at_their_protocol_offsets),
        cmocka_unit_test(test_magics_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
