/* Plans for code of many shapes; what is written for them is read as bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "collectors/calls/patch_body.h"

static const uint64_t base = 0x555555554000;
static struct patch_site site;

static bool fits_all(uint64_t target, void *data)
{
    (void)target;
    (void)data;
    return true;
}

/* Only targets from `data` on. */
static bool fits_from(uint64_t target, void *data)
{
    return target >= *(const uint64_t *)data;
}

static const char *find(const struct patch_code *code, patch_target_fits *fits, void *data)
{
    struct patch_body body;
    const char *reason = patch_body_read(code, NULL, NULL, &body);
    return reason ? reason : patch_site_find(code, &body, fits, data, &site);
}

static const char *find_from(const char *bytes, size_t n, uint64_t lowest)
{
    struct patch_code code = {(const uint8_t *)bytes, base, n, n};
    return find(&code, lowest ? fits_from : fits_all, &lowest);
}

#define FIND(bytes) find_from(bytes, sizeof(bytes) - 1, 0)

static void test_entry_is_taken_first(void **state)
{
    (void)state;
    assert_null(FIND("\x55\x48\x89\xe5\x41\x57\xc3"));
    assert_true(site.address == base && site.slot_offset == 0 && site.length == 1);
    assert_true(site.target == base + 5 + 0x41e58948);
}

static void test_place_behind_pushes_knows_where_the_slot_is(void **state)
{
    (void)state;
    /* push rbp; push r15; sub rsp,0x28; mov eax,0x70000000; ret */
    const char code[] = "\x55\x41\x57\x48\x83\xec\x28\xb8\x00\x00\x00\x70\xc3\x90";
    assert_null(find_from(code, sizeof code - 1, base + 0x6fffffff));
    assert_true(site.address == base + 7);
    assert_int_equal(site.slot_offset, 8 + 8 + 0x28);
}

static void test_byte_behind_a_prefix_is_a_place_too(void **state)
{
    (void)state;
    /* mov rax,0x11702211; ret */
    const char code[] = "\x48\xc7\xc0\x11\x22\x70\x11\xc3";
    assert_null(find_from(code, sizeof code - 1, base + 0x6fffffff));
    assert_true(site.address == base && site.jump_offset == 1 && site.n_bytes == 7);
    assert_true(site.target == base + 6 + 0x702211c0);
}

static bool fits_none(uint64_t target, void *data)
{
    (void)target;
    (void)data;
    return false;
}

static void test_jumps_that_lead_below_everything_are_told(void **state)
{
    (void)state;
    /* test rdi,rdi; nop; nop; nop; ret */
    const uint8_t bytes[] = "\x48\x85\xff\x90\x90\x90\xc3\x90\x90";
    struct patch_code code = {bytes, 0x400000, sizeof bytes - 1, sizeof bytes - 1};
    assert_string_equal(find(&code, fits_none, NULL), "the bytes there lead below the program");
    code.address = base;
    assert_string_equal(find(&code, fits_none, NULL),
                        "no room within reach for its jump; start the program again, or build it "
                        "with 'proftop cc'");
}

static void test_no_place_is_behind_flags_or_branches(void **state)
{
    (void)state;
    /* test edi,edi; mov eax,0x70000000; je */
    const char flags[] = "\x85\xff\xb8\x00\x00\x00\x70\x74\x01\x90\xc3\x90\x90";
    assert_string_equal(find_from(flags, sizeof flags - 1, base + 0x6fffffff),
                        "no room within reach for its jump; start the program again, or build it "
                        "with 'proftop cc'");
    assert_string_equal(FIND("\x74\x04\x90\x90\x90\x90\xc3"),
                        "its first instruction cannot be moved");
}

static void test_jump_back_to_the_entry_is_refused(void **state)
{
    (void)state;
    assert_string_equal(FIND("\xff\xcf\x75\xfc\xc3\x90\x90"),
                        "it jumps back to its first instruction");
}

static void test_short_function_is_refused(void **state)
{
    (void)state;
    assert_string_equal(FIND("\x31\xc0\xc3"), "it is too short");
}

static void test_reader_of_its_return_address_is_refused(void **state)
{
    (void)state;
    assert_string_equal(FIND("\x48\x8b\x04\x24\xc3\x90"), "it reads its own return address");
    assert_string_equal(FIND("\x55\x48\x89\xe5\x48\x8b\x45\x08\x5d\xc3"),
                        "it reads its own return address");
}

static void test_code_that_is_none_is_refused(void **state)
{
    (void)state;
    assert_string_equal(FIND("\x90\x06\x06\x06\x06\x06"), "its code cannot be read");
    assert_string_equal(FIND("\x0f\x05\xc3\x90\x90\x90"), "its first instruction cannot be moved");
}

static uint64_t word(const uint8_t *block, size_t at)
{
    uint64_t value;
    memcpy(&value, block + at, sizeof value);
    return value;
}

/* Writes the block of `site` 0x1000 above the code. */
static bool write_block(uint8_t *block, uint64_t address)
{
    struct patch_block place = {.address = address, .enter = 0x1122334455, .number = 7};
    return patch_site_write(&site, &place, block);
}

static void test_block_does_the_instruction_and_goes_back(void **state)
{
    uint8_t block[PATCH_BLOCK_BYTES];
    (void)state;
    assert_null(FIND("\x48\x89\xe5\x41\x57\xc3"));
    assert_true(write_block(block, base + 0x1000));
    assert_memory_equal(block, "\x68\x07\x00\x00\x00\xff\x15", 7);
    assert_memory_equal(block + 11, "\x48\x8d\x64\x24\x08\x48\x89\xe5\xff\x25", 10);
    assert_true(word(block, 64) == 0x1122334455);
    assert_true(word(block, 72) == base + 3);
}

static void test_block_names_the_same_memory(void **state)
{
    uint8_t block[PATCH_BLOCK_BYTES];
    int32_t displacement;
    (void)state;
    assert_null(FIND("\x48\x8b\x05\x00\x20\x00\x00\xc3")); /* mov 0x2000(%rip),%rax */
    assert_true(write_block(block, base + 0x1000));
    memcpy(&displacement, block + 16 + 3, sizeof displacement);
    assert_true(base + 0x1000 + 16 + 7 + (uint64_t)(int64_t)displacement == base + 7 + 0x2000);
    assert_false(write_block(block, base + ((uint64_t)1 << 32)));
}

static void test_block_calls_as_from_the_place(void **state)
{
    uint8_t block[PATCH_BLOCK_BYTES];
    uint32_t low, high;
    (void)state;
    assert_null(FIND("\xe8\x10\x00\x00\x00\xc3"));
    assert_true(write_block(block, base + 0x1000));
    memcpy(&low, block + 16 + 8, sizeof low);
    memcpy(&high, block + 16 + 16, sizeof high);
    assert_true(((uint64_t)high << 32 | low) == base + 5);
    assert_true(word(block, 80) == base + 5 + 0x10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entry_is_taken_first),
        cmocka_unit_test(test_place_behind_pushes_knows_where_the_slot_is),
        cmocka_unit_test(test_byte_behind_a_prefix_is_a_place_too),
        cmocka_unit_test(test_jumps_that_lead_below_everything_are_told),
        cmocka_unit_test(test_no_place_is_behind_flags_or_branches),
        cmocka_unit_test(test_jump_back_to_the_entry_is_refused),
        cmocka_unit_test(test_short_function_is_refused),
        cmocka_unit_test(test_reader_of_its_return_address_is_refused),
        cmocka_unit_test(test_code_that_is_none_is_refused),
        cmocka_unit_test(test_block_does_the_instruction_and_goes_back),
        cmocka_unit_test(test_block_names_the_same_memory),
        cmocka_unit_test(test_block_calls_as_from_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
