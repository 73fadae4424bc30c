/* Call frame information: what is accepted, what is refused, and finding it with and without a
 * table. */
#include <dwarf.h>
#include <elf.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/unwind/cfi_index.h"

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

/* The result of filtering, as length; -1: refused. */
static int filtered(const uint8_t *code, size_t size)
{
    GByteArray *out = g_byte_array_new();
    int length = cfi_filter(code, size, out) ? (int)out->len : -1;
    g_byte_array_free(out, TRUE);
    return length;
}

static void test_filter_keeps_plain_code(void **state)
{
    (void)state;
    assert_int_equal(filtered(BYTES(DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1)), 5);
    assert_int_equal(filtered(BYTES(DW_CFA_advance_loc | 4, DW_CFA_def_cfa_offset, 0x80, 1)), 4);
    assert_int_equal(filtered(BYTES(DW_CFA_remember_state, DW_CFA_restore_state)), 2);
}

static void test_filter_keeps_the_expressions_of_stubs_and_trampolines(void **state)
{
    (void)state;
    /* a PLT stub's: rsp + 8 + ((rip & 15) >= 11) * 8 */
    assert_int_equal(
        filtered(BYTES(DW_CFA_def_cfa_expression, 11, DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15,
                       DW_OP_and, DW_OP_lit11, DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus)),
        13);
    assert_int_equal(filtered(BYTES(DW_CFA_expression, 8, 2, DW_OP_breg7, 40)), 5);
}

static void test_filter_drops_other_registers(void **state)
{
    (void)state;
    assert_int_equal(filtered(BYTES(DW_CFA_offset | 17, 4, DW_CFA_nop)), 1); /* xmm0 */
    assert_int_equal(filtered(BYTES(DW_CFA_undefined, 49)), 0);
}

static void test_filter_refuses_what_libunwind_would_run_wild_on(void **state)
{
    (void)state;
    assert_int_equal(filtered(BYTES(DW_CFA_register, 6, 0xff, 0xff, 0x7f)), -1);
    assert_int_equal(filtered(BYTES(DW_CFA_def_cfa, 17, 8)), -1);
    assert_int_equal(filtered(BYTES(DW_CFA_def_cfa_register, 0xff, 1)), -1);
    assert_int_equal(filtered(BYTES(DW_CFA_restore_state)), -1);
    assert_int_equal(filtered(BYTES(DW_CFA_set_loc, 1, 2, 3, 4, 5, 6, 7, 8)), -1);
    assert_int_equal(filtered(BYTES(DW_CFA_val_offset, 6, 2)), -1);
    assert_int_equal(filtered(BYTES(0x3f)), -1);
    /* cut off in an operand */
    assert_int_equal(filtered(BYTES(DW_CFA_def_cfa_offset, 0x80)), -1);
    assert_int_equal(filtered(BYTES(DW_CFA_advance_loc4, 1, 2)), -1);
}

static void test_filter_refuses_expressions_that_loop_or_trap(void **state)
{
    (void)state;
    assert_int_equal(filtered(BYTES(DW_CFA_def_cfa_expression, 3, DW_OP_skip, 0xfd, 0xff)), -1);
    assert_int_equal(
        filtered(BYTES(DW_CFA_def_cfa_expression, 3, DW_OP_lit1, DW_OP_lit0, DW_OP_div)), -1);
    assert_int_equal(filtered(BYTES(DW_CFA_def_cfa_expression, 40, DW_OP_lit0)), -1);
    assert_int_equal(filtered(BYTES(DW_CFA_def_cfa_expression, 1, DW_OP_const4u)), -1);
}

static void test_filter_bounds_the_remembered_states(void **state)
{
    (void)state;
    uint8_t code[1000];
    memset(code, DW_CFA_remember_state, sizeof(code));
    assert_int_equal(filtered(code, sizeof(code)), -1);
}

/* ---- .debug_frame ---- */

static const uint8_t debug_frame[] = {12,
                                      0,
                                      0,
                                      0,
                                      0xff,
                                      0xff,
                                      0xff,
                                      0xff,
                                      1,
                                      0,
                                      1,
                                      0x78,
                                      16,
                                      DW_CFA_def_cfa,
                                      7,
                                      8, /* CIE */
                                      22,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0, /* FDE */
                                      0,
                                      0x10,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0x20,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      DW_CFA_advance_loc | 1,
                                      DW_CFA_nop};

static void test_read_takes_debug_frame(void **state)
{
    (void)state;
    struct cfi_source source = {
        .bytes = debug_frame, .size = sizeof(debug_frame), .is_debug_frame = true};
    struct cfi_entry entry;
    uint64_t next = 0;
    assert_int_equal(cfi_read(&source, 0, &entry, &next), CFI_OTHER);
    assert_int_equal(next, 16);
    assert_int_equal(cfi_read(&source, next, &entry, &next), CFI_FDE);
    assert_int_equal(entry.start, 0x1000);
    assert_int_equal(entry.size, 0x20);
    assert_int_equal(entry.data_align, -8);
    assert_int_equal(entry.cie_code_size, 3);
    assert_int_equal(entry.fde_code_size, 2);
    assert_int_equal(cfi_read(&source, next, &entry, &next), CFI_END);
}

static void test_read_survives_any_damage(void **state)
{
    (void)state;
    GRand *rand = g_rand_new_with_seed(9);
    for (int round = 0; round < 100000; round++) {
        uint8_t *damaged = g_memdup2(debug_frame, sizeof(debug_frame));
        for (int i = 0; i < 3; i++)
            damaged[g_rand_int(rand) % sizeof(debug_frame)] = (uint8_t)g_rand_int(rand);
        struct cfi_source source = {.bytes = damaged,
                                    .size = g_rand_int(rand) % (sizeof(debug_frame) + 1),
                                    .is_debug_frame = round % 2};
        struct cfi_entry entry;
        for (uint64_t at = 0, next; cfi_read(&source, at, &entry, &next) != CFI_END; at = next)
            assert_true(next > at);
        g_free(damaged);
    }
    g_rand_free(rand);
}

/* ---- the index ---- */

static int note_bias(struct dl_phdr_info *info, size_t size, void *bias)
{
    (void)size;
    *(uint64_t *)bias = info->dlpi_addr;
    return 1;
}

static uint64_t linked(void (*function)(void **))
{
    uint64_t bias = 0;
    dl_iterate_phdr(note_bias, &bias);
    return (uintptr_t)function - bias;
}

static void assert_finds(struct elf_file *file)
{
    assert_non_null(file);
    struct cfi_index *index = cfi_index_new(file);
    struct cfi_entry entry;
    assert_true(cfi_index_find(index, linked(test_read_takes_debug_frame) + 4, &entry));
    assert_int_equal(entry.start, linked(test_read_takes_debug_frame));
    assert_false(cfi_index_find(index, 1, &entry));
    cfi_index_free(index);
}

static void test_index_finds_by_the_table(void **state)
{
    (void)state;
    char *self = g_file_read_link("/proc/self/exe", NULL);
    struct elf_file *file = elf_file_open(getpid(), self, 0, 0, NULL);
    assert_finds(file);
    elf_file_unref(file);
    g_free(self);
}

/* Our own binary, with PT_GNU_EH_FRAME struck out of it. */
static void test_index_finds_without_a_table(void **state)
{
    (void)state;
    char *bytes, *path;
    size_t size;
    assert_true(g_file_get_contents("/proc/self/exe", &bytes, &size, NULL));
    Elf64_Ehdr header;
    memcpy(&header, bytes, sizeof(header));
    for (size_t i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr *ph = (Elf64_Phdr *)(void *)(bytes + header.e_phoff) + i;
        if (ph->p_type == PT_GNU_EH_FRAME)
            ph->p_type = PT_NULL;
    }
    close(g_file_open_tmp("proftop-XXXXXX", &path, NULL));
    assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
    struct elf_file *file = elf_file_open(getpid(), path, 0, 0, NULL);
    unlink(path);
    assert_int_equal(file->eh_frame_hdr, 0);
    assert_finds(file);
    elf_file_unref(file);
    g_free(path);
    g_free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filter_keeps_plain_code),
        cmocka_unit_test(test_filter_keeps_the_expressions_of_stubs_and_trampolines),
        cmocka_unit_test(test_filter_drops_other_registers),
        cmocka_unit_test(test_filter_refuses_what_libunwind_would_run_wild_on),
        cmocka_unit_test(test_filter_refuses_expressions_that_loop_or_trap),
        cmocka_unit_test(test_filter_bounds_the_remembered_states),
        cmocka_unit_test(test_read_takes_debug_frame),
        cmocka_unit_test(test_read_survives_any_damage),
        cmocka_unit_test(test_index_finds_by_the_table),
        cmocka_unit_test(test_index_finds_without_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
