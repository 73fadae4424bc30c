/* What is found in code that looks at its own return address, and in code that does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "collectors/calls/patch_body.h"

static const uint64_t base = 0x555555554000;
static const char reads_it[] = "it reads its own return address";
static struct patch_body body;

static const char *read_bytes(const char *bytes, size_t n, patch_leave_check *check, void *data)
{
    struct patch_code code = {(const uint8_t *)bytes, base, n, n};
    return patch_body_read(&code, check, data, &body);
}

#define READ(bytes) read_bytes(bytes, sizeof(bytes) - 1, NULL, NULL)

static void test_reader_is_found_behind_other_instructions(void **state)
{
    (void)state;
    /* mov %rbx,(%rdi); mov (%rsp),%rdx; ret */
    assert_string_equal(READ("\x48\x89\x1f\x48\x8b\x14\x24\xc3"), reads_it);
    /* test $1,%edi; jne to: mov (%rsp),%rax; ret */
    assert_string_equal(READ("\xf7\xc7\x01\x00\x00\x00\x75\x01\xc3\x48\x8b\x04\x24\xc3"), reads_it);
    /* push %rbx; mov (%rsp),%rax; pop %rbx; ret reads what it has pushed */
    assert_null(READ("\x53\x48\x8b\x04\x24\x5b\xc3"));
    /* push %rbx; mov %esi,(%rdi); mov 8(%rsp),%rax; pop %rbx; ret */
    assert_string_equal(READ("\x53\x89\x37\x48\x8b\x44\x24\x08\x5b\xc3"), reads_it);
}

static void test_pop_of_the_return_address_is_found(void **state)
{
    (void)state;
    assert_string_equal(READ("\x5a\x48\x89\x57\x38\xff\xe2"), reads_it);
    assert_null(READ("\x53\x5b\xc3"));
    /* test; je over: push %rbx; pop %rbx; ret; over: ret. Then push %rbx; pop %rbx; pop %rdx */
    assert_null(READ("\x85\xff\x74\x03\x53\x5b\xc3\xc3"));
    assert_string_equal(READ("\x85\xff\x74\x03\x53\x5b\xc3\x53\x5b\x5a\xff\xe2"), reads_it);
}

static void test_frame_is_known_behind_returns_and_tables(void **state)
{
    (void)state;
    /* sub $24,%rsp; jmp *%rax; mov 24(%rsp),%rax; add $24,%rsp; ret; or mov 8(%rsp),%rax */
    assert_string_equal(READ("\x48\x83\xec\x18\xff\xe0\x48\x8b\x44\x24\x18\x48\x83\xc4\x18\xc3"),
                        reads_it);
    assert_null(READ("\x48\x83\xec\x18\xff\xe0\x48\x8b\x44\x24\x08\x48\x83\xc4\x18\xc3"));
}

static void test_base_that_is_not_the_usual_is_followed(void **state)
{
    (void)state;
    /* push %rbx; push %rbp; mov %rsp,%rbp; mov 16(%rbp),%rax, or 8(%rbp); leave; pop %rbx; ret */
    assert_string_equal(READ("\x53\x55\x48\x89\xe5\x48\x8b\x45\x10\xc9\x5b\xc3"), reads_it);
    assert_null(READ("\x53\x55\x48\x89\xe5\x48\x8b\x45\x08\xc9\x5b\xc3"));
}

static void test_unknown_stack_is_doubted_without_a_base(void **state)
{
    (void)state;
    /* sub %rax,%rsp; mov 8(%rsp),%rax; ret */
    assert_string_equal(READ("\x48\x29\xc4\x48\x8b\x44\x24\x08\xc3"), reads_it);
    /* push %rbp; mov %rsp,%rbp; sub %rax,%rsp; mov 8(%rsp),%rax, or 8(%rbp); leave; ret */
    assert_null(READ("\x55\x48\x89\xe5\x48\x29\xc4\x48\x8b\x44\x24\x08\xc9\xc3"));
    assert_string_equal(READ("\x55\x48\x89\xe5\x48\x29\xc4\x48\x8b\x45\x08\xc9\xc3"), reads_it);
}

struct leave {
    uint64_t target;
    bool through;
};

static const char *note(uint64_t target, bool through, void *data)
{
    *(struct leave *)data = (struct leave){target, through};
    return "it leaves";
}

static void test_jumps_out_of_it_are_asked_about(void **state)
{
    struct leave leave = {0};
    (void)state;
    const char direct[] = "\x31\xf6\xe9\x00\x01\x00\x00", inner[] = "\xeb\x01\x90\xc3";
    assert_string_equal(read_bytes(direct, sizeof direct - 1, note, &leave), "it leaves");
    assert_true(leave.target == base + 7 + 0x100 && !leave.through);
    const char indirect[] = "\x31\xf6\xff\x25\x00\x02\x00\x00";
    assert_string_equal(read_bytes(indirect, sizeof indirect - 1, note, &leave), "it leaves");
    assert_true(leave.target == base + 8 + 0x200 && leave.through);
    assert_null(read_bytes(inner, sizeof inner - 1, note, &leave));
    assert_true(body.lowest == base + 3 && body.is_read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader_is_found_behind_other_instructions),
        cmocka_unit_test(test_pop_of_the_return_address_is_found),
        cmocka_unit_test(test_frame_is_known_behind_returns_and_tables),
        cmocka_unit_test(test_base_that_is_not_the_usual_is_followed),
        cmocka_unit_test(test_unknown_stack_is_doubted_without_a_base),
        cmocka_unit_test(test_jumps_out_of_it_are_asked_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
