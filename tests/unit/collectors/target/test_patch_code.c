/*
 * Proftop's code as it is mapped into a process: where, by what orders, and that sites in it run,
 * in forked children too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collectors/target/patch_code.h"
#include "collectors/target/patch_entry.h"
#include "collectors/target/patch_returns.h"
#include "tests/targets/calls/stand_in.h"

enum {
    PAGE = 4096,
    SITES = 1 << 20,
    MAPPINGS = 2 << 20,
    CODE = 4 << 20,
    SEGMENT_BYTES = CODE + WIRE_CALLS_CODE_BYTES,
    NUMBER = 77,
};

static struct {
    int fd;
    struct wire_calls wire;
    uint8_t *segment; /* as proftop has it */
    struct wire_calls_site *sites;
    struct wire_calls_mapping *mappings;
} t;

static int set_up(void **state)
{
    (void)state;
    t.fd = memfd_create("segment", MFD_CLOEXEC);
    if (t.fd < 0 || ftruncate(t.fd, SEGMENT_BYTES) != 0)
        return -1;
    t.segment = mmap(NULL, SEGMENT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, t.fd, 0);
    t.sites = (struct wire_calls_site *)(void *)(t.segment + SITES);
    t.mappings = (struct wire_calls_mapping *)(void *)(t.segment + MAPPINGS);
    t.wire = (struct wire_calls){
        .sites_offset = SITES, .mappings_offset = MAPPINGS, .code_offset = CODE};
    stand_in.is_on = true;
    return patch_code_start(&t.wire, t.fd, SEGMENT_BYTES) ? 0 : -1;
}

static void assert_near(uint64_t at, const void *what)
{
    const uint64_t reach = UINT64_C(1) << 31;
    uintptr_t there = (uintptr_t)what;
    assert_int_not_equal(at, 0);
    assert_true(there - at < reach || at - there < reach);
    at += WIRE_CALLS_CODE_BYTES;
    assert_true(there - at < reach || at - there < reach);
}

static void test_code_is_near_the_program_and_its_libraries(void **state)
{
    (void)state;
    assert_int_equal(t.wire.trouble, 0);
    assert_near(t.wire.code_near_program, &t);
    assert_near(t.wire.code_near_libraries, memfd_create);
    memcpy(t.segment + CODE + PAGE, "code", 5);
    assert_string_equal((const char *)t.wire.code_near_program + PAGE, "code");
    assert_string_equal((const char *)t.wire.code_near_libraries + PAGE, "code");
    assert_ptr_not_equal(patch_code_sites(t.wire.code_near_program), NULL);
    assert_ptr_equal(patch_code_sites(t.wire.code_near_libraries + WIRE_CALLS_CODE_BYTES - 1),
                     patch_code_sites(t.wire.code_near_program));
    assert_null(patch_code_sites((uintptr_t)&t));
}

/* What proftop may order next, anew. */
static struct wire_calls_mapping *order(uint64_t address, uint64_t offset, uint32_t bytes)
{
    struct wire_calls_mapping *mapping = &t.mappings[t.wire.n_mappings++];
    *mapping = (struct wire_calls_mapping){address, offset, bytes, 0};
    ((void (*)(void))t.wire.carry_out)();
    return mapping;
}

static void test_orders_are_carried_out_where_nothing_is(void **state)
{
    (void)state;
    char *room = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(room + PAGE, 2 * PAGE);
    strcpy((char *)t.segment + CODE + 7 * PAGE, "seventh");
    errno = 0;
    struct wire_calls_mapping *mapped = order((uintptr_t)room + PAGE, 7 * PAGE, PAGE);
    assert_int_equal(mapped->result, 1);
    assert_string_equal(room + PAGE, "seventh");
    assert_int_equal(order((uintptr_t)room + PAGE, 8 * PAGE, PAGE)->result, -EEXIST);
    assert_int_equal(order((uintptr_t)room, 7 * PAGE, PAGE)->result, -EEXIST);
    assert_string_equal(room + PAGE, "seventh");
    assert_int_equal(mapped->result, 1);
    assert_int_equal(errno, 0);
}

static void test_orders_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    uint64_t place = t.wire.code_near_program - (64 << 20);
    assert_int_equal(order(place + 1, 0, PAGE)->result, -EINVAL);
    assert_int_equal(order(place, 1, PAGE)->result, -EINVAL);
    assert_int_equal(order(place, 0, 0)->result, -EINVAL);
    assert_int_equal(order(place, 0, 17)->result, -EINVAL);
    assert_int_equal(order(place, WIRE_CALLS_CODE_BYTES, PAGE)->result, -EINVAL);
    assert_int_equal(order(place, UINT64_MAX - PAGE + 1, PAGE)->result, -EINVAL);
    assert_int_equal(order(UINT64_C(1) << 60, 0, PAGE)->result, -EINVAL);
    assert_int_equal(order(0, 0, PAGE)->result, -EINVAL);
}

/*
 * As a function with a site at its third instruction, in the code: push %rbp; mov %rsp, %rbp; then
 * `push number; call enter_site; lea 8(%rsp), %rsp`; to where it jumps back so often as its third
 * argument says; lea 2(%rdi,%rsi), %rax; pop %rbp; ret
 */
static int (*write_function(void))(int, int, int)
{
    uint8_t *at = t.segment + CODE + 16 * PAGE;
    static const uint8_t bytes[] = {
        0x55, 0x48,   0x89, 0xe5,       /* prologue */
        0x68, NUMBER, 0,    0,    0,    /* push */
        0xff, 0x15,   16,   0,    0, 0, /* call *16(%rip): 31 */
        0x48, 0x8d,   0x64, 0x24, 8,    /* lea */
        0xff, 0xca,   0x79, 0xec,       /* dec %edx; jns to the site */
        0x48, 0x8d,   0x44, 0x37, 2,    /* lea 2(%rdi,%rsi), %rax */
        0x5d, 0xc3,                     /* epilogue */
    };
    memcpy(at, bytes, sizeof bytes);
    memcpy(at + sizeof bytes, &t.wire.enter_site, sizeof t.wire.enter_site);
    uint64_t entry = t.wire.code_near_program + 16 * PAGE;
    t.sites[NUMBER] = (struct wire_calls_site){.function = entry, .slot_offset = 8, .behind = 4};
    return (int (*)(int, int, int))entry;
}

static void test_a_site_enters_its_function_and_returns(void **state)
{
    (void)state;
    int (*function)(int, int, int) = write_function();
    uint64_t n = stand_in.n_entered, n_left = stand_in.n_left;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(function(i, 40, 0), i + 42);
    assert_int_equal(stand_in.n_entered - n, 1000);
    assert_int_equal(stand_in.n_left - n_left, 1000);
    assert_int_equal(stand_in.last.function, (uintptr_t)function);
    assert_int_equal(patch_returns_find(stand_in.last.sp), 0);
}

/* A loop that goes on by an address may do so where the site is. */
static void test_a_jump_to_a_site_enters_nothing(void **state)
{
    (void)state;
    int (*function)(int, int, int) = write_function();
    uint64_t n = stand_in.n_entered, n_left = stand_in.n_left;
    assert_int_equal(function(1, 40, 1000), 43);
    assert_int_equal(stand_in.n_entered - n, 1);
    assert_int_equal(stand_in.n_left - n_left, 1);
}

static void test_a_forked_child_runs_sites_of_its_parent_and_its_own(void **state)
{
    (void)state;
    int (*function)(int, int, int) = write_function();
    pid_t pid = fork();
    if (pid == 0) {
        struct wire_calls own = t.wire;
        bool is_well =
            function(1, 2, 0) == 5 && patch_code_start(&own, t.fd, SEGMENT_BYTES) &&
            own.code_near_program != t.wire.code_near_program && own.code_near_program != 0 &&
            function(3, 4, 0) == 9 &&
            patch_code_sites(own.code_near_program) != patch_code_sites(t.wire.code_near_program);
        _exit(is_well ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_a_segment_that_makes_no_sense_has_no_code(void **state)
{
    (void)state;
    const uint64_t offsets[] = {0, 1, SEGMENT_BYTES, UINT64_MAX - PAGE + 1};
    for (size_t i = 0; i < 4; i++) {
        struct wire_calls wire = {
            .sites_offset = SITES, .mappings_offset = MAPPINGS, .code_offset = offsets[i]};
        assert_false(patch_code_start(&wire, t.fd, SEGMENT_BYTES));
        assert_int_equal(wire.trouble, WIRE_CALLS_NO_CODE);
        assert_int_equal(wire.enter_sled, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_code_is_near_the_program_and_its_libraries),
        cmocka_unit_test(test_orders_are_carried_out_where_nothing_is),
        cmocka_unit_test(test_orders_that_make_no_sense_are_refused),
        cmocka_unit_test(test_a_site_enters_its_function_and_returns),
        cmocka_unit_test(test_a_jump_to_a_site_enters_nothing),
        cmocka_unit_test(test_a_forked_child_runs_sites_of_its_parent_and_its_own),
        cmocka_unit_test(test_a_segment_that_makes_no_sense_has_no_code),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
