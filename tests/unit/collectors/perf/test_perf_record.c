/* Records as the kernel writes them, and damaged ones. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <glib.h>
#include <string.h>

#include "collectors/perf/perf_record.h"

enum { N_REGISTERS = 17, STACK_BYTES = 64 };

/* A sample record, field by field. */
static GByteArray *sample_record(bool with_count, uint64_t abi, uint64_t copied)
{
    GByteArray *r = g_byte_array_new();
    struct perf_event_header header = {.type = PERF_RECORD_SAMPLE};
    uint64_t words[64], n = 0;
    g_byte_array_append(r, (const guint8 *)&header, sizeof header);
    words[n++] = 0xffffffff81000010;      /* interrupted address */
    words[n++] = 4242ull | 4243ull << 32; /* pid, tid */
    words[n++] = 1000;                    /* time */
    words[n++] = 77;                      /* event id */
    words[n++] = 1;                       /* cpu */
    if (with_count)
        words[n++] = 123456;
    words[n++] = 3; /* callchain */
    words[n++] = PERF_CONTEXT_KERNEL;
    words[n++] = 0xffffffff81000010;
    words[n++] = 0xffffffff81000020;
    words[n++] = abi;
    for (uint64_t i = 0; abi && i < N_REGISTERS; i++)
        words[n++] = 0x1000 + i;
    words[n++] = STACK_BYTES;
    for (int i = 0; i < STACK_BYTES / 8; i++)
        words[n++] = 0xAB;
    words[n++] = copied;
    g_byte_array_append(r, (const guint8 *)words, (guint)(n * 8));
    ((struct perf_event_header *)(void *)r->data)->size = (uint16_t)r->len;
    return r;
}

static bool decode(const GByteArray *record, bool with_count, struct perf_sample *ret)
{
    return perf_record_sample((const void *)record->data, with_count, ret);
}

static void test_sample_is_taken_apart(void **state)
{
    (void)state;
    GByteArray *r = sample_record(true, PERF_SAMPLE_REGS_ABI_64, 48);
    struct perf_sample s;
    assert_true(decode(r, true, &s));
    assert_int_equal(s.sample.pid, 4242);
    assert_int_equal(s.sample.tid, 4243);
    assert_int_equal(s.sample.time_ns, 1000);
    assert_int_equal(perf_record_time((const void *)r->data), 1000);
    assert_int_equal(s.event_id, 77);
    assert_int_equal(s.count_ns, 123456);
    assert_int_equal(s.sample.n_kernel, 2); /* without the context mark */
    assert_true(s.sample.kernel_chain[0] == 0xffffffff81000010);
    assert_true(s.sample.has_user);
    assert_int_equal(s.sample.user.stack_size, 48);
    assert_int_equal(s.sample.user.stack[0], 0xAB);
    assert_int_equal(s.sample.user.regs.r[7],
                     0x1000 + 7); /* rsp: DWARF 7, and the 8th x86 register */
    assert_int_equal(s.sample.user.regs.r[16], 0x1000 + 8);
    assert_false(s.sample.user.may_go_on);
    g_byte_array_unref(r);
}

static void test_sample_without_count(void **state)
{
    (void)state;
    GByteArray *r = sample_record(false, PERF_SAMPLE_REGS_ABI_64, STACK_BYTES);
    struct perf_sample s;
    assert_true(decode(r, false, &s));
    assert_int_equal(s.count_ns, 0);
    assert_true(s.sample.user.may_go_on);
    g_byte_array_unref(r);
}

/* Cut at a page that was never touched, there may be more; cut anywhere else, or at the top, there
 * is not. */
static void test_copy_may_go_on_behind_an_untouched_page(void **state)
{
    (void)state;
    struct perf_sample s;
    for (uint64_t copied = 8; copied < STACK_BYTES; copied += 8) {
        GByteArray *r = sample_record(false, PERF_SAMPLE_REGS_ABI_64, copied);
        /* Behind the header, five ids, three words of chain after its length, and the abi: the 8th
         * register. */
        uint64_t *sp = (uint64_t *)(void *)(r->data + 8) + 5 + 4 + 1 + 7;
        assert_int_equal(*sp, 0x1000 + 7);
        *sp = 0x7000 - 24;
        assert_true(decode(r, false, &s));
        assert_int_equal(s.sample.user.may_go_on, copied == 24);
        *sp = 0x7ffffffff000 - copied;
        assert_true(decode(r, false, &s));
        assert_false(s.sample.user.may_go_on);
        g_byte_array_unref(r);
    }
}

static void test_32_bit_registers_are_not_unwound(void **state)
{
    (void)state;
    GByteArray *r = sample_record(true, PERF_SAMPLE_REGS_ABI_32, 48);
    struct perf_sample s;
    assert_true(decode(r, true, &s));
    assert_false(s.sample.has_user);
    assert_int_equal(s.sample.n_kernel, 2);
    g_byte_array_unref(r);
}

/* Neither a chain nor registers that can be used: the interrupted address is the whole stack. */
static void test_address_alone_is_taken(void **state)
{
    (void)state;
    for (uint64_t abi = 0; abi <= PERF_SAMPLE_REGS_ABI_32; abi++) {
        GByteArray *r = sample_record(false, abi, 48);
        uint64_t *ip = (uint64_t *)(void *)(r->data + 8);
        struct perf_sample s;
        memcpy(ip + 5, (uint64_t[]){0}, 8); /* no chain */
        memmove(ip + 6, ip + 9, r->len - 8 - 9 * 8);
        *ip = 0x401000;
        assert_true(decode(r, false, &s));
        assert_int_equal(s.sample.n_kernel, 0);
        assert_true(s.sample.has_user);
        assert_int_equal(s.sample.user.stack_size, 0);
        assert_int_equal(s.sample.user.regs.r[16], 0x401000);
        *ip = 0xffffffff81000010;
        assert_true(decode(r, false, &s));
        assert_false(s.sample.has_user);
        assert_int_equal(s.sample.n_kernel, 1);
        g_byte_array_unref(r);
    }
}

/* Cut at any length, a record is refused or decoded from what it has, and never read beyond. */
static void test_cut_records_stay_inside(void **state)
{
    (void)state;
    GByteArray *whole = sample_record(true, PERF_SAMPLE_REGS_ABI_64, 48);
    for (guint size = 24; size < whole->len; size += 8) {
        uint8_t *cut = g_memdup2(whole->data, size); /* its own allocation, for the sanitizers */
        struct perf_sample s;
        ((struct perf_event_header *)(void *)cut)->size = (uint16_t)size;
        if (perf_record_sample((const void *)cut, true, &s))
            assert_false(s.sample.has_user &&
                         s.sample.user.stack + s.sample.user.stack_size > cut + size);
        g_free(cut);
    }
    g_byte_array_unref(whole);
}

static void test_claimed_lengths_are_not_believed(void **state)
{
    (void)state;
    GByteArray *r = sample_record(true, PERF_SAMPLE_REGS_ABI_64, UINT64_MAX);
    struct perf_sample s;
    assert_true(decode(r, true, &s)); /* the kernel part is still good */
    assert_false(s.sample.has_user);
    uint64_t huge = UINT64_MAX / 8;
    memcpy(r->data + 8 + 6 * 8, &huge, sizeof huge); /* callchain length */
    assert_true(decode(r, true, &s));                /* what is left is where it was interrupted */
    assert_int_equal(s.sample.n_kernel, 1);
    assert_true(s.sample.kernel_chain[0] == 0xffffffff81000010);
    g_byte_array_unref(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample_is_taken_apart),
        cmocka_unit_test(test_sample_without_count),
        cmocka_unit_test(test_copy_may_go_on_behind_an_untouched_page),
        cmocka_unit_test(test_32_bit_registers_are_not_unwound),
        cmocka_unit_test(test_address_alone_is_taken),
        cmocka_unit_test(test_cut_records_stay_inside),
        cmocka_unit_test(test_claimed_lengths_are_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
