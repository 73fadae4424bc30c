/*
 * Hostile and damaged snapshots: each is refused in one line that says where, in bounded memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

#include "core/analysis/leaks.h"
#include "core/base/error.h"
#include "core/formats/snapshot.h"
#include "core/formats/snapshot_tables.h"
#include "core/model/calltree.h"
#include "core/model/call_rows.h"
#include "core/model/heap_rows.h"
#include "tests/unit/core/formats/pprof_bytes.h"
#include "tests/unit/core/formats/sample_profile.h"

enum { RSS_MAX_KIB = 256 << 10 };

/* Under sanitizers, with their shadows and quarantines, the limit means nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool can_limit = false;
#else
static const bool can_limit = true;
#endif

static GByteArray *gzip(const GByteArray *plain)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    GByteArray *out = g_byte_array_new();
    g_byte_array_set_size(out, (guint)deflateBound(&z, plain->len));
    z.next_in = plain->data;
    z.avail_in = plain->len;
    z.next_out = out->data;
    z.avail_out = out->len;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    g_byte_array_set_size(out, (guint)z.total_out);
    deflateEnd(&z);
    return out;
}

static void assert_refused(const GByteArray *bytes, const char *why)
{
    GError *error = NULL;
    struct profile *p = snapshot_parse(bytes->data, bytes->len, "x.pb.gz", &error);
    assert_null(p);
    assert_non_null(error);
    assert_int_equal(error->code, PROFTOP_ERROR_CORRUPT);
    assert_true(g_str_has_prefix(error->message, "x.pb.gz: "));
    assert_null(strchr(error->message, '\n'));
    if (!strstr(error->message, why))
        fail_msg("\"%s\" does not say \"%s\"", error->message, why);
    g_error_free(error);
}

/* Takes the bytes. */
static void assert_refused_once(GByteArray *bytes, const char *why)
{
    assert_refused(bytes, why);
    g_byte_array_unref(bytes);
}

static void test_parse_refuses_references_to_nothing(void **state)
{
    (void)state;
    GByteArray *b = small_profile();
    PUT(b, 2, 1, 99, 2, 1, 2, 1);
    assert_refused_once(b, "location 99, which is not there");
    b = small_profile();
    PUT(b, 4, 1, 3, 2, 77);
    assert_refused_once(b, "mapping 77, which is not there");
    b = small_profile();
    put_location(b, (const uint64_t[]){1, 3, 0}, 55, 1);
    assert_refused_once(b, "function 55, which is not there");
}

static void test_parse_refuses_texts_out_of_range(void **state)
{
    (void)state;
    GByteArray *b = small_profile();
    PUT(b, 5, 1, 3, 2, 1000);
    assert_refused_once(b, "text 1000 of 12");
    b = small_profile();
    PUT(b, 3, 1, 3, 5, (uint64_t)-1);
    assert_refused_once(b, "of 12 is asked for");
    b = small_profile();
    PUT(b, 1, 1, 12, 2, 1);
    assert_refused_once(b, "text 12 of 12");
    b = small_profile();
    put_varint(b, 13, 12);
    assert_refused_once(b, "text 12 of 12");
    b = small_profile();
    put_varint(b, 14, 12);
    assert_refused_once(b, "text 12 of 12");
}

static void test_parse_refuses_ids_twice_or_zero(void **state)
{
    (void)state;
    GByteArray *b = small_profile();
    PUT(b, 3, 1, 1);
    assert_refused_once(b, "second mapping with the same id");
    b = small_profile();
    PUT(b, 4, 1, 2);
    assert_refused_once(b, "second location with the same id");
    b = small_profile();
    PUT(b, 5, 1, 2, 2, 6);
    assert_refused_once(b, "second function with the same id");
    b = small_profile();
    PUT(b, 4, 3, 0x1000);
    assert_refused_once(b, "has no id");
}

static void test_parse_names_the_offset(void **state)
{
    (void)state;
    GByteArray *b = small_profile();
    char *where = g_strdup_printf("byte %u of the unpacked data", b->len);
    PUT(b, 2, 1, 99, 2, 1, 2, 1);
    assert_refused_once(b, where);
    g_free(where);
}

static void test_parse_refuses_wrong_number_of_values(void **state)
{
    (void)state;
    GByteArray *b = small_profile();
    PUT(b, 2, 1, 1, 2, 1);
    assert_refused_once(b, "1 values instead of 2");
}

static void test_parse_refuses_overlong_varint(void **state)
{
    (void)state;
    GByteArray *b = small_profile();
    const uint8_t overlong[] = {0x48, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    g_byte_array_append(b, overlong, sizeof overlong);
    assert_refused_once(b, "more than ten bytes");
    b = small_profile();
    put_bytes(b, 2, overlong, sizeof overlong); /* inside a sample */
    assert_refused_once(b, "damaged");
}

static void test_parse_refuses_what_is_no_profile(void **state)
{
    (void)state;
    GByteArray *b = g_byte_array_new();
    assert_refused(b, "not a pprof profile");
    g_byte_array_append(b,
                        (const guint8 *)"\x7f"
                                        "ELF\2\1\1",
                        8);
    assert_refused_once(b, "not a pprof profile");
    b = g_byte_array_new();
    put_text(b, "the first text");
    assert_refused_once(b, "first text is not empty");
}

static void test_parse_refuses_cyclic_processes(void **state)
{
    (void)state;
    GByteArray *b = g_byte_array_new();
    guint n = G_N_ELEMENTS(pprof_texts);
    /* Before the small profile's own comment: proftop's mark must come first. */
    put_varint(b, 13, n);
    put_varint(b, 13, n + 1);
    put_varint(b, 13, n + 2);
    GByteArray *rest = small_profile();
    g_byte_array_append(b, rest->data, rest->len);
    put_text(b, "proftop=1");
    put_text(b, "process=1 1 ended a");
    put_text(b, "process=2 0 ended b");
    assert_refused(b, "its own ancestor");
    g_byte_array_unref(rest);
    g_byte_array_unref(b);
}

static void test_parse_refuses_truncation_at_every_byte(void **state)
{
    (void)state;
    GByteArray *plain = small_profile(), *packed = gzip(plain);
    for (guint n = packed->len - 1; n > 2; n--) {
        g_byte_array_set_size(packed, n);
        char *where = g_strdup_printf("truncated at byte %u: the recording was cut short", n);
        assert_refused(packed, where);
        g_free(where);
    }
    g_byte_array_unref(packed);
    /* Unpacked ones may end between two fields: no crash then, whatever the answer. */
    for (guint n = plain->len; n-- > 0;) {
        GError *error = NULL;
        uint8_t *copy = g_memdup2(plain->data, n); /* exact size: for the sanitizer */
        struct profile *p = snapshot_parse(copy, n, "x", &error);
        assert_true((p == NULL) == (error != NULL));
        profile_free(p);
        g_clear_error(&error);
        g_free(copy);
    }
    g_byte_array_unref(plain);
}

static void test_parse_refuses_trailing_bytes(void **state)
{
    (void)state;
    GByteArray *plain = small_profile(), *packed = gzip(plain), *second = gzip(plain);
    g_byte_array_append(packed, second->data, second->len);
    assert_refused_once(packed, "follows the end");
    g_byte_array_unref(second);
    g_byte_array_unref(plain);
}

/* What the screens and reports make of a heap. */
static void use_heap(const struct profile *p)
{
    struct calltree *tree = calltree_new(p, &(struct calltree_options){.process = PROFILE_NONE,
                                                                       .thread = PROFILE_NONE,
                                                                       .of = CALLTREE_OF_HEAP,
                                                                       .column = HEAP_LIVE_BYTES});
    calltree_update(tree, 0);
    calltree_free(tree);
    struct heap_rows *rows = heap_rows_new(p);
    heap_rows_query(rows, &(struct heap_query){.process = PROFILE_NONE, .only = HEAP_COLUMNS});
    heap_rows_free(rows);
    struct heap_totals totals;
    heap_get_totals(p->heap, PROFILE_NONE, &totals);
    struct leak_rules *rules = leak_rules_new(true);
    leaks_free(leaks_find(p, &(struct leaks_query){.rules = rules}));
    leak_rules_free(rules);
}

/* What the screens and reports make of calls. */
static void use_calls(const struct profile *p)
{
    struct calltree *tree =
        calltree_new(p, &(struct calltree_options){.process = PROFILE_NONE,
                                                   .thread = PROFILE_NONE,
                                                   .of = CALLTREE_OF_CALLS,
                                                   .call_weight = CALL_WEIGHT_TIME});
    calltree_update(tree, 0);
    calltree_free(tree);
    struct call_rows *rows = call_rows_new(p);
    call_rows_query(rows, &(struct call_query){.sort = CALL_SORT_P99,
                                               .process = PROFILE_NONE,
                                               .thread = PROFILE_NONE});
    call_rows_free(rows);
}

/* Opens the profile and whatever a reader does first with it. */
static void use(const GByteArray *bytes)
{
    GError *error = NULL;
    struct profile *p = snapshot_parse(bytes->data, bytes->len, "x", &error);
    assert_true((p == NULL) == (error != NULL));
    if (p) {
        struct calltree *tree = calltree_new(
            p, &(struct calltree_options){.process = PROFILE_NONE, .thread = PROFILE_NONE});
        calltree_update(tree, 0);
        calltree_free(tree);
        use_heap(p);
        use_calls(p);
    }
    profile_free(p);
    g_clear_error(&error);
}

static void test_parse_survives_every_flipped_bit(void **state)
{
    (void)state;
    GByteArray *plain = small_profile(), *packed = gzip(plain);
    for (guint bit = 0; bit < plain->len * 8; bit++) {
        plain->data[bit / 8] ^= (guint8)(1 << bit % 8);
        use(plain);
        plain->data[bit / 8] ^= (guint8)(1 << bit % 8);
    }
    for (guint bit = 0; bit < packed->len * 8; bit++) {
        packed->data[bit / 8] ^= (guint8)(1 << bit % 8);
        use(packed);
        packed->data[bit / 8] ^= (guint8)(1 << bit % 8);
    }
    g_byte_array_unref(packed);
    g_byte_array_unref(plain);
}

/* A file of ours with CPU samples and what is added to them. Unpacked. */
static GByteArray *own_file(void (*add)(struct profile *p))
{
    struct profile *p = sample_profile();
    add(p);
    char path[] = "/tmp/proftop-test-XXXXXX";
    close(mkstemp(path));
    assert_true(snapshot_save(p, path, true, NULL));
    profile_free(p);
    GByteArray *out = g_byte_array_new();
    guint8 buffer[4096];
    gzFile file = gzopen(path, "rb");
    for (int n; (n = gzread(file, buffer, sizeof buffer)) > 0;)
        g_byte_array_append(out, buffer, (guint)n);
    gzclose(file);
    unlink(path);
    return out;
}

static void flip_every_bit(GByteArray *plain)
{
    for (guint bit = 0; bit < plain->len * 8; bit++) {
        plain->data[bit / 8] ^= (guint8)(1 << bit % 8);
        use(plain);
        plain->data[bit / 8] ^= (guint8)(1 << bit % 8);
    }
    g_byte_array_unref(plain);
}

static void test_parse_survives_every_flipped_bit_of_a_heap(void **state)
{
    (void)state;
    flip_every_bit(own_file(sample_heap));
}

static void test_parse_survives_every_flipped_bit_of_calls(void **state)
{
    (void)state;
    flip_every_bit(own_file(sample_calls));
}

/* Bytes overwritten by the values that break parsers, at positions from a fixed generator. */
static void test_parse_survives_mutations(void **state)
{
    (void)state;
    static const guint8 evil[] = {0, 1, 0x7f, 0x80, 0xff, 0x12, 0x22};
    GRand *random = g_rand_new_with_seed(77);
    GByteArray *original = small_profile();
    for (int round = 0; round < 20000; round++) {
        GByteArray *b = g_byte_array_new();
        g_byte_array_append(b, original->data, original->len);
        for (int i = g_rand_int_range(random, 1, 5); i > 0; i--)
            b->data[g_rand_int_range(random, 0, (gint32)b->len)] =
                evil[g_rand_int_range(random, 0, G_N_ELEMENTS(evil))];
        use(b);
        g_byte_array_unref(b);
    }
    g_byte_array_unref(original);
    g_rand_free(random);
}

/* Opens the file in a child, which must refuse it for that reason and in little memory more than it
 * was born with. Returns the child's wait status. */
static int refuse_in_child(const GByteArray *packed, const char *why)
{
    char path[] = "/tmp/proftop-test-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, packed->data, packed->len), packed->len);
    close(fd);
    pid_t child = fork();
    if (child == 0) {
        struct rusage before, after;
        GError *error = NULL;
        getrusage(RUSAGE_SELF, &before);
        struct profile *p = snapshot_load(path, &error);
        getrusage(RUSAGE_SELF, &after);
        bool small = !can_limit || after.ru_maxrss - before.ru_maxrss < RSS_MAX_KIB;
        if (!p && !strstr(error->message, why))
            fprintf(stderr, "%s\n", error->message);
        if (!small)
            fprintf(stderr, "%s: %ld KiB\n", why, after.ru_maxrss - before.ru_maxrss);
        _exit(!p && strstr(error->message, why) && small ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    unlink(path);
    return status;
}

static void assert_refused_in_little_memory(GByteArray *plain, const char *why)
{
    GByteArray *packed = gzip(plain);
    g_byte_array_unref(plain);
    assert_int_equal(refuse_in_child(packed, why), 0);
    g_byte_array_unref(packed);
}

static void test_load_refuses_a_gzip_bomb(void **state)
{
    (void)state;
    GByteArray *plain = g_byte_array_new();
    g_byte_array_set_size(plain, 64 << 20);
    memset(plain->data, 0, plain->len);
    /* One unknown field of 16 MiB after the other. */
    for (guint at = 0; at + (16 << 20) <= plain->len; at += 16 << 20)
        memcpy(plain->data + at, "\xa2\x06\xf9\xff\xff\x07", 6);
    assert_refused_in_little_memory(plain, "gzip bomb");
}

/* A pseudo-random number that hardly packs, so that the ratio does not hit first. */
static uint64_t noise(uint64_t i)
{
    i = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
    return (i ^ i >> 31) & 0xffffffff;
}

/* Those that follow pack to less than a MiB: such a file may not take more than any small one. */

static void test_load_bounds_memory_of_many_records(void **state)
{
    (void)state;
    for (uint32_t field = 3; field <= 4; field++) {
        GByteArray *b = small_profile();
        for (uint64_t i = 0; i < 600000; i++)
            PUT(b, field, 1, i + 1000);
        assert_refused_in_little_memory(b, "of memory");
    }
    GByteArray *b = small_profile();
    for (uint64_t i = 0; i < 1500000; i++)
        PUT(b, 5, 1, i + 1000, 3, noise(i));
    assert_refused_in_little_memory(b, "");
}

static void test_load_bounds_memory_of_texts(void **state)
{
    (void)state;
    GByteArray *b = small_profile();
    char text[24] = "";
    for (uint64_t i = 0; i < 4000000; i++) {
        g_snprintf(text, sizeof text, "%lx", noise(i));
        put_text(b, i % 64 ? "" : text);
    }
    assert_refused_in_little_memory(b, "of memory");
}

/* A stack of 18 + `padding` frames that no other `i` has. */
static void put_distinct_stack(GByteArray *sample, uint64_t i, int padding)
{
    for (int k = 0; k < padding; k++)
        put_varint(sample, 1, 1);
    for (int k = 0; k < 18; k++)
        put_varint(sample, 1, 1 + (i >> k & 1));
}

static void test_load_bounds_memory_of_distinct_samples(void **state)
{
    (void)state;
    GByteArray *b = small_profile();
    for (uint64_t i = 0; i < 220000; i++) {
        GByteArray *sample = g_byte_array_new();
        put_distinct_stack(sample, i, 200);
        put_varint(sample, 2, 1);
        put_varint(sample, 2, 1);
        put_bytes(b, 2, sample->data, sample->len);
        g_byte_array_unref(sample);
    }
    assert_refused_in_little_memory(b, "of memory");
}

/* `n` sites behind those of a file of ours. */
static GByteArray *many_sites(uint64_t n, int padding, uint64_t value_mask)
{
    GByteArray *b = own_file(sample_heap);
    for (uint64_t i = 0; i < n; i++) {
        GByteArray *sample = g_byte_array_new();
        put_distinct_stack(sample, i, padding);
        for (int k = 0; k < 2 + HEAP_COLUMNS; k++)
            put_varint(sample, 2, noise(i) >> k & value_mask);
        put_bytes(b, 2, sample->data, sample->len);
        g_byte_array_unref(sample);
    }
    return b;
}

static void test_load_bounds_memory_of_sites(void **state)
{
    (void)state;
    assert_refused_in_little_memory(many_sites(200000, 200, 0), "of memory");
}

/* What is large on the disk may be so in memory. */
static void test_parse_gives_memory_to_large_files(void **state)
{
    (void)state;
    const uint64_t n = 260000;
    GByteArray *plain = many_sites(n, 100, 1023), *packed = gzip(plain);
    g_byte_array_unref(plain);
    GError *error = NULL;
    struct profile *p = snapshot_parse(packed->data, packed->len, "x", &error);
    if (!p)
        fail_msg("%s", error->message);
    assert_true(p->heap->sites->len >= n);
    /* Sites and stacks alone, without their tables, are nearly what a small file may take. */
    assert_true(p->heap->sites->len * sizeof(struct heap_site) +
                    p->stack_frames->len * sizeof(uint32_t) >
                snapshot_tables_memory_max(0) * 3 / 4);
    profile_free(p);
    g_byte_array_unref(packed);
}

static void test_memory_max_grows_with_the_file(void **state)
{
    (void)state;
    const uint64_t mib = 1 << 20;
    assert_true(snapshot_tables_memory_max(0) == 208 * mib);
    assert_true(snapshot_tables_memory_max(mib) == 208 * mib);
    assert_true(snapshot_tables_memory_max(2 * mib) == 400 * mib);
    assert_true(snapshot_tables_memory_max(10 * mib) == 2000 * mib);
    assert_true(snapshot_tables_memory_max(11 * mib) == 2048 * mib);
    assert_true(snapshot_tables_memory_max(UINT64_MAX) == 2048 * mib);
}

static void test_load_bounds_memory_of_threads(void **state)
{
    (void)state;
    GByteArray *b = small_profile();
    for (uint64_t i = 0; i < 400000; i++) {
        GByteArray *sample = g_byte_array_new();
        put_varint(sample, 1, 1);
        put_varint(sample, 2, 1);
        put_varint(sample, 2, 1);
        PUT(sample, 3, 1, 9, 3, i + 1);
        put_bytes(b, 2, sample->data, sample->len);
        g_byte_array_unref(sample);
    }
    assert_refused_in_little_memory(b, "of memory");
}

static void test_load_bounds_memory_of_one_message(void **state)
{
    (void)state;
    GByteArray *b = small_profile(), *sample = g_byte_array_new();
    for (uint64_t i = 0; i < 7000000; i++) {
        guint8 empty_label[] = {0x1a, 0x00};
        g_byte_array_append(sample, empty_label, 2);
        if (i % 50 == 0)
            put_varint(sample, 1, noise(i)); /* keeps the ratio down */
    }
    put_bytes(b, 2, sample->data, sample->len);
    g_byte_array_unref(sample);
    assert_refused_in_little_memory(b, "too large");
}

static void test_load_refuses_what_is_no_regular_file(void **state)
{
    (void)state;
    GError *error = NULL;
    assert_null(snapshot_load("/dev/zero", &error));
    assert_non_null(strstr(error->message, "not a regular file"));
    g_clear_error(&error);
    assert_null(snapshot_load("/nonexistent", &error));
    assert_non_null(strstr(error->message, "/nonexistent: cannot be opened"));
    g_clear_error(&error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_refuses_references_to_nothing),
        cmocka_unit_test(test_parse_refuses_texts_out_of_range),
        cmocka_unit_test(test_parse_refuses_ids_twice_or_zero),
        cmocka_unit_test(test_parse_names_the_offset),
        cmocka_unit_test(test_parse_refuses_wrong_number_of_values),
        cmocka_unit_test(test_parse_refuses_overlong_varint),
        cmocka_unit_test(test_parse_refuses_what_is_no_profile),
        cmocka_unit_test(test_parse_refuses_cyclic_processes),
        cmocka_unit_test(test_parse_refuses_truncation_at_every_byte),
        cmocka_unit_test(test_parse_refuses_trailing_bytes),
        cmocka_unit_test(test_parse_survives_every_flipped_bit),
        cmocka_unit_test(test_parse_survives_every_flipped_bit_of_a_heap),
        cmocka_unit_test(test_parse_survives_every_flipped_bit_of_calls),
        cmocka_unit_test(test_parse_survives_mutations),
        cmocka_unit_test(test_load_refuses_a_gzip_bomb),
        cmocka_unit_test(test_load_bounds_memory_of_many_records),
        cmocka_unit_test(test_load_bounds_memory_of_texts),
        cmocka_unit_test(test_load_bounds_memory_of_distinct_samples),
        cmocka_unit_test(test_load_bounds_memory_of_sites),
        cmocka_unit_test(test_parse_gives_memory_to_large_files),
        cmocka_unit_test(test_memory_max_grows_with_the_file),
        cmocka_unit_test(test_load_bounds_memory_of_threads),
        cmocka_unit_test(test_load_bounds_memory_of_one_message),
        cmocka_unit_test(test_load_refuses_what_is_no_regular_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
