/* Unwind information by hand, as written here, and as no compiler would write it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "collectors/target/unwind_cfi.h"

enum { FUNCTION_BYTES = 0x100, FUZZ_ROUNDS = 30000 };

/* .eh_frame_hdr with one function, its CIE, its FDE, and the function itself. */
struct tables {
    uint8_t version, frame_encoding, count_encoding, table_encoding;
    int32_t frame;
    uint32_t n;
    int32_t start, fde_offset;
    struct {
        uint32_t bytes, id;
        uint8_t version;
        char letters[4];
        uint8_t code_align, data_align, return_register, n_data, encoding;
        uint8_t program[42];
    } __attribute__((packed)) cie;
    struct {
        uint32_t bytes, cie;
        int32_t start;
        uint32_t n;
        uint8_t n_data;
        uint8_t program[63];
    } __attribute__((packed)) fde;
    uint8_t function[FUNCTION_BYTES];
};

/* def_cfa rsp 8; offset rip at cfa-8 */
static const uint8_t usual_cie[] = {0x0c, 7, 8, 0x90, 1};

static void fill(struct tables *tables, const uint8_t *program, size_t n)
{
    *tables = (struct tables){.version = 1,
                              .frame_encoding = 0x1b,
                              .count_encoding = 0x03,
                              .table_encoding = 0x3b,
                              .n = 1,
                              .start = offsetof(struct tables, function),
                              .fde_offset = offsetof(struct tables, fde)};
    tables->cie.bytes = sizeof tables->cie - 4;
    tables->cie.version = 1;
    memcpy(tables->cie.letters, "zR", 3);
    /* "zR" and its NUL fill three of the four; what follows moves up by one */
    uint8_t rest[] = {1, 0x78, 16, 1, 0x1b};
    memcpy(tables->cie.letters + 3, rest, sizeof rest);
    memcpy(tables->cie.letters + 3 + sizeof rest, usual_cie, sizeof usual_cie);
    tables->fde.bytes = sizeof tables->fde - 4;
    tables->fde.cie = offsetof(struct tables, fde.cie) - offsetof(struct tables, cie);
    tables->fde.start =
        (int32_t)(offsetof(struct tables, function) - offsetof(struct tables, fde.start));
    tables->fde.n = FUNCTION_BYTES;
    memcpy(tables->fde.program, program, n);
}

static union unwind_rule rule_at(const struct tables *tables, uint32_t offset)
{
    struct mapped_range range = {(uintptr_t)tables, (uintptr_t)(tables + 1)};
    return unwind_cfi_rule(&range, (uintptr_t)tables, (uintptr_t)tables->function + offset);
}

#define RULE_AT(offset, ...)                                                                       \
    ({                                                                                             \
        const uint8_t program_[] = {__VA_ARGS__};                                                  \
        struct tables tables_;                                                                     \
        fill(&tables_, program_, sizeof program_);                                                 \
        rule_at(&tables_, offset);                                                                 \
    })

static void assert_rule(union unwind_rule rule, uint32_t kind, int64_t cfa, uint32_t bp_kind,
                        int64_t bp)
{
    assert_int_equal(rule.kind, kind);
    assert_int_equal(rule.cfa, cfa);
    assert_int_equal(rule.bp_kind, bp_kind);
    assert_int_equal(rule.bp, bp);
    assert_int_equal(rule.module, 0);
}

static void test_prologue_goes_line_by_line(void **state)
{
    /* push %rbp at 1; mov %rsp,%rbp at 4; leave at 0x80 */
    const uint8_t program[] = {0x41, 0x0e, 16,   0x86, 2, 0x43, 0x0d,
                               6,    0x02, 0x7c, 0x0c, 7, 8,    0xc6};
    struct tables tables;
    (void)state;
    fill(&tables, program, sizeof program);
    assert_rule(rule_at(&tables, 0), UNWIND_SP, 1, UNWIND_BP_KEPT, 0);
    assert_rule(rule_at(&tables, 1), UNWIND_SP, 2, UNWIND_BP_AT_CFA, -2);
    assert_rule(rule_at(&tables, 3), UNWIND_SP, 2, UNWIND_BP_AT_CFA, -2);
    assert_rule(rule_at(&tables, 4), UNWIND_BP, 2, UNWIND_BP_AT_CFA, -2);
    assert_rule(rule_at(&tables, 0x7f), UNWIND_BP, 2, UNWIND_BP_AT_CFA, -2);
    assert_rule(rule_at(&tables, 0x80), UNWIND_SP, 1, UNWIND_BP_KEPT, 0);
    assert_rule(rule_at(&tables, FUNCTION_BYTES - 1), UNWIND_SP, 1, UNWIND_BP_KEPT, 0);
    assert_int_equal(rule_at(&tables, FUNCTION_BYTES).word, 0);
}

static void test_state_is_remembered(void **state)
{
    (void)state;
    assert_rule(RULE_AT(1, 0x0e, 32, 0x0a, 0x0e, 8, 0x41, 0x0b), UNWIND_SP, 4, 0, 0);
    assert_int_equal(RULE_AT(1, 0x0b).word, 0); /* nothing to recall */
}

static void test_realigned_stack_is_followed(void **state)
{
    (void)state;
    /* rbp is at (rbp); the CFA is what is at rbp - 8 */
    assert_rule(RULE_AT(1, 0x10, 6, 2, 0x76, 0, 0x0f, 3, 0x76, 0x78, 0x06), UNWIND_BP_DEREF, -1,
                UNWIND_BP_AT_BP, 0);
}

static void test_large_frames_have_their_size(void **state)
{
    (void)state;
    /* 1 MB; then 64 MB, which has no rule */
    assert_rule(RULE_AT(1, 0x0e, 0x80, 0x80, 0x40), UNWIND_SP, (1 << 20) / 8, 0, 0);
    assert_int_equal(RULE_AT(1, 0x0e, 0x80, 0x80, 0x80, 0x20).word, 0);
    assert_int_equal(RULE_AT(1, 0x0e, 12).word, 0); /* not a multiple of 8 */
}

static void test_end_of_the_stack_is_a_root(void **state)
{
    (void)state;
    assert_rule(RULE_AT(1, 0x07, 16), UNWIND_ROOT, 0, 0, 0);
}

static void test_lost_register_is_said(void **state)
{
    (void)state;
    assert_int_equal(RULE_AT(1, 0x07, 6).bp_kind, UNWIND_BP_LOST);
    assert_int_equal(RULE_AT(1, 0x09, 6, 3).bp_kind, UNWIND_BP_LOST);
    assert_int_equal(RULE_AT(1, 0x07, 6, 0x08, 6).bp_kind, UNWIND_BP_KEPT);
}

static void test_what_cannot_be_said_has_no_rule(void **state)
{
    (void)state;
    assert_int_equal(RULE_AT(1, 0x0c, 10, 0).word, 0);            /* by r10 */
    assert_int_equal(RULE_AT(1, 0x0f, 3, 0x77, 8, 0x22).word, 0); /* by more than that */
    assert_int_equal(RULE_AT(1, 0x90, 2).word, 0);                /* return address elsewhere */
    assert_int_equal(RULE_AT(1, 0x3f).word, 0);                   /* no such instruction */
}

/* Information of real libraries, with bytes changed: any answer will do, but there must be one. */
static void test_damaged_information_does_no_harm(void **state)
{
    struct dl_find_object found;
    struct mapped_file file;
    uint32_t random = 1;
    (void)state;
    assert_int_equal(_dl_find_object((void *)qsort, &found), 0);
    mapped_file_init(&file, &found);
    uintptr_t table = (uintptr_t)found.dlfo_eh_frame;
    struct mapped_range range = mapped_file_segment(&file, table);
    size_t bytes = range.to - range.from, whole = (bytes + 4095) & ~(size_t)4095;
    /* a page that is no memory follows at once */
    char *memory =
        mmap(NULL, whole + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(memory + whole, 4096, PROT_NONE);
    char *copy = memory + whole - bytes;
    intptr_t moved = (intptr_t)((uintptr_t)copy - range.from);
    memcpy(copy, (void *)range.from, bytes);
    struct mapped_range there = {(uintptr_t)copy, (uintptr_t)copy + bytes};
    uintptr_t pc = (uintptr_t)qsort + 1, hdr = table + moved;
    assert_int_equal(unwind_cfi_rule(&there, hdr, pc + moved).word,
                     unwind_cfi_rule(&range, table, pc).word);
    for (int i = 0; i < FUZZ_ROUNDS; i++) {
        random = random * 1664525 + 1013904223;
        size_t at = (random >> 3) % bytes;
        if (i % 4 == 0) /* the table's own head more often */
            at = hdr - there.from + (random >> 8) % 64;
        copy[at] = (char)(random >> 24);
        pc += (random >> 16) % 512;
        if (pc >= range.from) /* code is before it */
            pc = (uintptr_t)found.dlfo_map_start;
        unwind_cfi_rule(&there, hdr, pc + moved);
        unwind_cfi_is_start(&there, hdr, pc + moved);
        if (i % 16 == 15)
            memcpy(copy + (hdr - there.from), (void *)table, 64);
    }
    munmap(memory, whole + 4096);
}

/* The last bytes of the range are in an FDE, at whatever place it is cut. */
static void test_cut_information_does_no_harm(void **state)
{
    const uint8_t program[] = {0x41, 0x0e, 16, 0x10, 6, 2, 0x76, 0, 0x0f, 3, 0x76, 0x78, 0x06};
    struct tables tables;
    (void)state;
    fill(&tables, program, sizeof program);
    for (size_t n = 0; n < offsetof(struct tables, function); n++) {
        char *exact = g_memdup2(&tables, n); /* so that a sanitizer sees reads beyond */
        struct mapped_range range = {(uintptr_t)exact, (uintptr_t)exact + n};
        uintptr_t pc = (uintptr_t)exact + offsetof(struct tables, function);
        assert_int_equal(unwind_cfi_rule(&range, (uintptr_t)exact, pc + 2).word, 0);
        g_free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prologue_goes_line_by_line),
        cmocka_unit_test(test_state_is_remembered),
        cmocka_unit_test(test_realigned_stack_is_followed),
        cmocka_unit_test(test_large_frames_have_their_size),
        cmocka_unit_test(test_end_of_the_stack_is_a_root),
        cmocka_unit_test(test_lost_register_is_said),
        cmocka_unit_test(test_what_cannot_be_said_has_no_rule),
        cmocka_unit_test(test_damaged_information_does_no_harm),
        cmocka_unit_test(test_cut_information_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
