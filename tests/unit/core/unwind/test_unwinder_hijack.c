/*
 * The unwinder, where return addresses were hijacked, or a thread is in code that has been put in
 * front of a function's: stacks of this very process, changed after they were copied.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <ucontext.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/base/eh_frame_table.h"
#include "core/unwind/unwinder.h"

#define NOINLINE         __attribute__((noinline, noclone, no_sanitize("address", "undefined")))
#define NO_FRAME_POINTER __attribute__((optimize("omit-frame-pointer")))

enum { COPY_BYTES_MAX = 4 << 20 };

extern char _start[];

#include "tests/unit/core/unwind/unwinder_fixture.h"

NO_FRAME_POINTER NOINLINE static void recurse(int depth)
{
    volatile char room[48];
    room[0] = (char)depth;
    if (depth == 1)
        capture();
    else
        recurse(depth - 1);
    room[1] = room[0];
}

/* ---- hijacked return addresses ---- */

enum { LEAVE = 0x10000 };

/* What was where. */
struct hijacked {
    uint64_t slot[64], address[64];
    size_t n, n_asked;
    uint64_t wrong[2]; /* what is said first, of those that are not 0 */
    uint64_t wrong_at; /* the only slot where it is; 0: everywhere */
};

static size_t originals(void *data, uint64_t slot, uint64_t *ret_addresses, size_t n)
{
    struct hijacked *h = data;
    size_t n_found = 0;
    assert_true(n >= 3);
    h->n_asked++;
    for (size_t i = 0; i < 2 && (h->wrong_at == 0 || h->wrong_at == slot); i++)
        if (h->wrong[i] != 0)
            ret_addresses[n_found++] = h->wrong[i];
    for (size_t i = 0; i < h->n; i++)
        if (h->slot[i] == slot)
            ret_addresses[n_found++] = h->address[i];
    return n_found;
}

/* Where the return addresses of its calls are, by depth. Its frames are larger than recurse()'s. */
static uint64_t dug[64];

NO_FRAME_POINTER NOINLINE static void dig(int depth)
{
    volatile uint64_t room[40];
    for (int i = 0; i < 40; i++) /* what is left of other calls does not lead on */
        room[i] = (uint64_t)depth;
    dug[depth] = (uintptr_t)__builtin_dwarf_cfa() - sizeof(uint64_t);
    if (depth == 1)
        capture();
    else
        dig(depth - 1);
    dug[0] += room[0];
}

/* Hijacks every `every`th return address of dig(), on the copied stack. */
static void hijack(struct hijacked *h, int depth, int every)
{
    const uint64_t leave = LEAVE;
    *h = (struct hijacked){0};
    t.sample.hijack =
        (struct unwind_hijack){.address = LEAVE, .return_addresses = originals, .data = h};
    for (int i = every; i <= depth; i += every) {
        uint8_t *word = t.copy + (dug[i] - t.sample.stack_address);
        h->slot[h->n] = dug[i];
        memcpy(&h->address[h->n++], word, sizeof(leave));
        memcpy(word, &leave, sizeof(leave));
    }
}

static void test_walk_goes_on_with_what_a_hijacked_return_address_was(void **state)
{
    (void)state;
    struct hijacked h;
    for (int every = 1; every < 5; every++) {
        t.sample.hijack = (struct unwind_hijack){0};
        dig(40);
        struct unwind_result sound = walk();
        uint64_t *pc = g_memdup2(sound.pc, sound.n * sizeof(*pc));
        hijack(&h, 40, every);
        assert_int_equal(h.n, 40 / every);
        struct unwind_result r = walk();
        assert_int_equal(r.n, sound.n);
        assert_memory_equal(r.pc, pc, r.n * sizeof(*pc));
        assert_int_equal(r.n_guessed, 0);
        assert_reaches_main_and_start(&r);
        g_free(pc);
    }
    t.sample.hijack = (struct unwind_hijack){0};
}

/* The stack is the same, so only those who keep them can tell. */
static void test_walk_asks_again_where_calls_are_hijacked(void **state)
{
    (void)state;
    struct hijacked h;
    dig(20);
    hijack(&h, 20, 4);
    uint64_t before = walk().pc[5];
    assert_true(is_in(before, (void *)dig));
    h.address[0] = (uintptr_t)walk + 1;
    assert_int_equal(walk().pc[5], (uintptr_t)walk);
    h.address[0] = before + 1;
    size_t n_asked = h.n_asked;
    assert_int_equal(walk().pc[5], before);
    assert_int_equal(h.n_asked - n_asked, h.n);
    t.sample.hijack = (struct unwind_hijack){0};
}

static void test_walk_ends_where_nobody_knows_what_was_hijacked(void **state)
{
    (void)state;
    struct hijacked h;
    dig(20);
    hijack(&h, 20, 7);
    h.slot[0] = 0;
    struct unwind_result r = walk();
    assert_int_equal(r.end, UNWIND_BROKEN);
    assert_int_equal(r.n, 8);
    t.sample.hijack = (struct unwind_hijack){0};
}

/* A return address in a function with another frame size than dig(). */
static uint64_t other_return(void)
{
    recurse(3);
    struct unwind_result r = walk();
    assert_true(is_in(r.pc[2], (void *)recurse));
    return r.pc[2] + 1;
}

/* Like dig(), down to where its frame lies. */
NO_FRAME_POINTER NOINLINE static void dig_too(int depth)
{
    volatile uint64_t room[40];
    for (int i = 0; i < 40; i++) /* what is left of other calls does not lead on */
        room[i] = (uint64_t)depth;
    dug[depth] = (uintptr_t)__builtin_dwarf_cfa() - sizeof(uint64_t);
    if (depth == 1)
        capture();
    else
        dig_too(depth - 1);
    dug[0] -= room[0];
}

static uint64_t similar_return(void)
{
    dig_too(4);
    struct unwind_result r = walk();
    assert_true(is_in(r.pc[2], (void *)dig_too));
    return r.pc[2] + 1;
}

/* Walks with every `every`th call hijacked, and `wrong` before each right address. */
static void check_choice(int every, uint64_t wrong, bool only_first)
{
    struct hijacked h;
    t.sample.hijack = (struct unwind_hijack){0};
    dig(20);
    struct unwind_result sound = walk();
    uint64_t *pc = g_memdup2(sound.pc, sound.n * sizeof(*pc));
    hijack(&h, 20, every);
    h.wrong[0] = wrong;
    h.wrong_at = only_first ? h.slot[0] : 0;
    struct unwind_result r = walk();
    assert_int_equal(r.n, sound.n);
    assert_memory_equal(r.pc, pc, r.n * sizeof(*pc));
    assert_reaches_main_and_start(&r);
    t.sample.hijack = (struct unwind_hijack){0};
    g_free(pc);
}

static void test_walk_takes_the_return_address_that_leads_on(void **state)
{
    (void)state;
    uint64_t wrong = other_return();
    for (int every = 2; every < 8; every++)
        check_choice(every, wrong, false);
    check_choice(5, (uintptr_t)dig, false); /* follows no call */
    check_choice(5, 0x1234, false);
}

static void test_walk_looks_ahead_through_other_hijacked_calls(void **state)
{
    (void)state;
    uint64_t wrong = other_return();
    check_choice(1, wrong, false);
    check_choice(1, wrong, true);
}

static void test_walk_takes_the_return_address_in_what_the_next_one_calls(void **state)
{
    (void)state;
    uint64_t similar = similar_return();
    check_choice(4, similar, false);
}

static void test_walk_ends_where_no_return_address_leads_on(void **state)
{
    (void)state;
    struct hijacked h;
    uint64_t wrong = other_return();
    dig(20);
    hijack(&h, 20, 7);
    memset(h.address, 0, sizeof(h.address));
    memcpy(h.wrong, (uint64_t[]){0x1234, (uintptr_t)dig}, sizeof(h.wrong));
    struct unwind_result r = walk();
    assert_int_equal(r.end, UNWIND_BROKEN);
    assert_int_equal(r.n, 8);
    h.wrong[1] = wrong;
    r = walk();
    assert_int_equal(r.end, UNWIND_BROKEN);
    assert_true(r.n >= 8 && r.n < 11);
    t.sample.hijack = (struct unwind_hijack){0};
}

/* ---- detours ---- */

enum { DETOUR = 0x20000 };

/* Code in front of an instruction, that has pushed two words. */
static bool detour_to(void *data, uint64_t from, uint64_t address, struct unwind_detour *ret_detour)
{
    const struct unwind_detour *detour = data;
    if (from != 0 || address != DETOUR)
        return false;
    *ret_detour = *detour;
    return true;
}

static size_t no_originals(void *data, uint64_t slot, uint64_t *ret_addresses, size_t n)
{
    (void)data, (void)slot, (void)ret_addresses, (void)n;
    return 0;
}

static void test_walk_from_a_detour_goes_on_where_the_thread_would_be(void **state)
{
    (void)state;
    for (int is_on_top = 0; is_on_top < 2; is_on_top++) {
        dig(5);
        uint64_t ip = t.sample.regs.r[UNWIND_RIP];
        struct unwind_result sound = walk();
        size_t n = sound.n;
        uint64_t *pc = g_memdup2(sound.pc, n * sizeof(*pc));
        struct unwind_detour detour = {.address = is_on_top ? 0 : ip, .pushed = 16};
        memmove(t.copy + 16, t.copy, t.sample.stack_size);
        memcpy(t.copy, &ip, sizeof(ip));
        t.sample.stack_address -= 16;
        t.sample.stack_size += 16;
        t.sample.regs.r[UNWIND_RSP] -= 16;
        t.sample.regs.r[UNWIND_RIP] = DETOUR;
        t.sample.hijack = (struct unwind_hijack){.address = LEAVE,
                                                 .return_addresses = no_originals,
                                                 .detour = detour_to,
                                                 .data = &detour};
        struct unwind_result r = walk();
        assert_int_equal(r.n, n + 1);
        assert_int_equal(r.pc[0], DETOUR);
        assert_memory_equal(r.pc + 1, pc, n * sizeof(*pc));
        assert_int_equal(r.end, UNWIND_ROOT);
        t.sample.hijack = (struct unwind_hijack){0};
        g_free(pc);
    }
}

/* Between the return and the first instruction of what it leads to, the stack pointer is above. */
static void test_walk_from_the_place_of_hijacked_returns_reaches_the_caller(void **state)
{
    (void)state;
    struct hijacked h;
    dig(20);
    struct unwind_result sound = walk();
    uint64_t caller = sound.pc[2];
    size_t n = sound.n;
    hijack(&h, 20, 1);
    t.sample.regs.r[UNWIND_RIP] = LEAVE;
    size_t distance = h.slot[0] + 8 - t.sample.stack_address;
    t.sample.regs.r[UNWIND_RSP] += distance;
    t.sample.stack += distance;
    t.sample.stack_address += distance;
    t.sample.stack_size -= distance;
    struct unwind_result r = walk();
    assert_int_equal(r.pc[0], LEAVE);
    assert_int_equal(r.pc[1], caller);
    assert_int_equal(r.n, n - 1);
    assert_int_equal(r.end, UNWIND_ROOT);
    t.sample.hijack = (struct unwind_hijack){0};
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk_goes_on_with_what_a_hijacked_return_address_was),
        cmocka_unit_test(test_walk_asks_again_where_calls_are_hijacked),
        cmocka_unit_test(test_walk_ends_where_nobody_knows_what_was_hijacked),
        cmocka_unit_test(test_walk_takes_the_return_address_that_leads_on),
        cmocka_unit_test(test_walk_looks_ahead_through_other_hijacked_calls),
        cmocka_unit_test(test_walk_takes_the_return_address_in_what_the_next_one_calls),
        cmocka_unit_test(test_walk_ends_where_no_return_address_leads_on),
        cmocka_unit_test(test_walk_from_a_detour_goes_on_where_the_thread_would_be),
        cmocka_unit_test(test_walk_from_the_place_of_hijacked_returns_reaches_the_caller),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
