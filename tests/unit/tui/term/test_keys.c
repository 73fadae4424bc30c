/* The key table: no conflicts, every name known, look-up, print-outs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tui/term/keys.h"

#include <stdlib.h>
#include <string.h>

enum { CODES_MAX = 16 };

static bool may_meet(const struct key_entry *a, const struct key_entry *b)
{
    if (a->context == b->context)
        return true;
    if (keys_context_is_modal(a->context) || keys_context_is_modal(b->context))
        return false;
    return keys_context_base(a->context) == b->context ||
           keys_context_base(b->context) == a->context || a->context == KEYS_ALL ||
           b->context == KEYS_ALL;
}

static void assert_no_common_key(const struct key_entry *a, const struct key_entry *b)
{
    uint32_t of_a[CODES_MAX], of_b[CODES_MAX];
    size_t n_a = keys_of_entry(a, of_a, CODES_MAX);
    size_t n_b = keys_of_entry(b, of_b, CODES_MAX);
    for (size_t i = 0; i < n_a; i++)
        for (size_t k = 0; k < n_b; k++)
            if (of_a[i] == of_b[k])
                fail_msg("'%s' and '%s' share a key", a->help, b->help);
}

static void test_no_key_stands_twice_within_a_context(void **state)
{
    (void)state;
    size_t n;
    const struct key_entry *table = keys_table(&n);
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++)
            if (may_meet(&table[i], &table[k]))
                assert_no_common_key(&table[i], &table[k]);
}

static void test_every_key_name_is_known(void **state)
{
    (void)state;
    size_t n;
    const struct key_entry *table = keys_table(&n);
    for (size_t i = 0; i < n; i++) {
        uint32_t codes[CODES_MAX];
        size_t found = keys_of_entry(&table[i], codes, CODES_MAX);
        assert_in_range(found, 1, CODES_MAX - 1);
        for (size_t k = 0; k < found; k++)
            assert_int_not_equal(codes[k], KEY_CODE_NONE);
    }
}

static void test_names_parse_to_their_codes(void **state)
{
    (void)state;
    assert_int_equal(key_code_parse("C-c", 3), 3);
    assert_int_equal(key_code_parse("C-]", 3), 29);
    assert_int_equal(key_code_parse("F10", 3), KEY_CODE_F0 + 10);
    assert_int_equal(key_code_parse("S-Tab", 5), KEY_CODE_BACK_TAB);
    assert_int_equal(key_code_parse("Nonsense", 8), KEY_CODE_NONE);
    assert_int_equal(key_code_parse("F99", 3), KEY_CODE_NONE);
}

static void test_context_wins_and_all_follows(void **state)
{
    (void)state;
    assert_int_equal(keys_lookup(KEYS_FUNCTIONS, '\r'), REQUEST_OPEN_FLAME);
    assert_int_equal(keys_lookup(KEYS_FLAME, '\r'), REQUEST_ZOOM_IN);
    assert_int_equal(keys_lookup(KEYS_FLAME, 'p'), REQUEST_PAUSE);
    assert_int_equal(keys_lookup(KEYS_FLAME, '<'), REQUEST_NONE);
}

static void test_modal_contexts_know_no_other_keys(void **state)
{
    (void)state;
    assert_int_equal(keys_lookup(KEYS_TYPING, 'q'), REQUEST_NONE);
    assert_int_equal(keys_lookup(KEYS_TYPING, 3), REQUEST_NONE);
    assert_int_equal(keys_lookup(KEYS_QUIT, 's'), REQUEST_QUIT_STOP);
}

static void test_keys_become_the_bytes_of_a_terminal(void **state)
{
    (void)state;
    char bytes[8];
    assert_int_equal(key_code_bytes(KEY_CODE_UP, bytes), 3);
    assert_memory_equal(bytes, "\033[A", 3);
    assert_int_equal(key_code_bytes(0xe9, bytes), 2);
    assert_memory_equal(bytes, "\xc3\xa9", 2);
    assert_int_equal(key_code_bytes(3, bytes), 1);
    assert_int_equal(bytes[0], 3);
}

static char *printed(void (*print)(FILE *))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    print(out);
    fclose(out);
    return text;
}

static void test_print_outs_hold_every_help_text(void **state)
{
    (void)state;
    char *list = printed(keys_print_list);
    char *mdoc = printed(keys_print_mdoc);
    size_t n;
    const struct key_entry *table = keys_table(&n);
    for (size_t i = 0; i < n; i++) {
        assert_non_null(strstr(list, table[i].help));
        assert_non_null(strstr(mdoc, table[i].help));
    }
    assert_non_null(strstr(mdoc, ".It Ic \\&\\e \\&F4\n"));
    free(list);
    free(mdoc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_key_stands_twice_within_a_context),
        cmocka_unit_test(test_every_key_name_is_known),
        cmocka_unit_test(test_names_parse_to_their_codes),
        cmocka_unit_test(test_context_wins_and_all_follows),
        cmocka_unit_test(test_modal_contexts_know_no_other_keys),
        cmocka_unit_test(test_keys_become_the_bytes_of_a_terminal),
        cmocka_unit_test(test_print_outs_hold_every_help_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
