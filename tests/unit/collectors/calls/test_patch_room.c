/* Where there is room in the test itself, whose heap grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "collectors/calls/patch_room.h"

enum { PAGE = 4096, MIB = 1 << 20 };

static void test_heap_keeps_room_to_grow(void **state)
{
    (void)state;
    uint64_t end = ((uint64_t)(uintptr_t)sbrk(PAGE) + 2 * PAGE) & ~(uint64_t)(PAGE - 1);
    struct patch_room *room = patch_room_read(getpid());
    assert_false(patch_room_is_free(room, end + 32 * MIB, end + 32 * MIB + PAGE));
    assert_true(patch_room_hinders_heap(room, end + 100 * MIB, 101 * MIB));
    assert_false(patch_room_hinders_heap(room, end + 100 * MIB, 99 * MIB));
    assert_false(patch_room_hinders_heap(room, end + 100 * MIB, 0));
    assert_false(patch_room_hinders_heap(room, 64 * MIB, 1024 * MIB));
    patch_room_free(room);
}

static void test_what_is_mapped_is_not_free(void **state)
{
    (void)state;
    struct patch_room *room = patch_room_read(getpid());
    uint64_t here = (uint64_t)(uintptr_t)test_heap_keeps_room_to_grow & ~(uint64_t)(PAGE - 1);
    assert_false(patch_room_is_free(room, here, here + PAGE));
    assert_true(patch_room_is_free(room, UINT64_C(1) << 46, (UINT64_C(1) << 46) + PAGE));
    patch_room_take(room, UINT64_C(1) << 46, (UINT64_C(1) << 46) + PAGE);
    assert_false(patch_room_is_free(room, UINT64_C(1) << 46, (UINT64_C(1) << 46) + PAGE));
    patch_room_free(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heap_keeps_room_to_grow),
        cmocka_unit_test(test_what_is_mapped_is_not_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
