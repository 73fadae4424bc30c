/* Text from outside in XML. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "core/formats/xml_text.h"

static void assert_text(const char *text, const char *wanted)
{
    GString *out = g_string_new(NULL);
    xml_text_append(out, text);
    assert_string_equal(out->str, wanted);
    g_string_free(out, TRUE);
}

static void assert_label(const char *text, int columns, const char *wanted)
{
    GString *out = g_string_new(NULL);
    xml_text_append_label(out, text, columns);
    assert_string_equal(out->str, wanted);
    g_string_free(out, TRUE);
}

static void test_markup_becomes_text(void **state)
{
    (void)state;
    assert_text("<b a=\"1\" c='2'>&amp;]]></b>",
                "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;]]&gt;&lt;/b&gt;");
}

static void test_what_xml_forbids_is_spelled_out(void **state)
{
    (void)state;
    assert_text("a\x01\x1b\n\t\x7f z", "a\\x01\\x1b\\x0a\\x09\\x7f z");
    assert_text("\xff\xfe", "\\xff\\xfe");
    assert_text("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* half of a surrogate pair */
    assert_text("\u202e\ufffe\uffff", "\\u{202e}\\u{fffe}\\u{ffff}");
}

static void test_long_text_is_cut(void **state)
{
    (void)state;
    char *text = g_strnfill(10 << 20, 'x');
    GString *out = g_string_new(NULL);
    xml_text_append(out, text);
    assert_int_equal(g_utf8_strlen(out->str, -1), XML_TEXT_MAX);
    assert_true(g_str_has_suffix(out->str, "x…"));
    g_string_free(out, TRUE);
    g_free(text);
}

static void test_label_fits(void **state)
{
    (void)state;
    assert_label("malloc", 6, "malloc");
    assert_label("malloc", 5, "mall…");
    assert_label("malloc", 3, "ma…");
    assert_label("malloc", 2, "");
    assert_label("malloc", -7, "");
    assert_label("<<<<", 3, "&lt;&lt;…"); /* cut between characters, not within an escape */
    assert_label("中文名字", 8, "中文名字");
    assert_label("中文名字", 7, "中文名…");
    assert_label("中文名字", 6, "中文…");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_markup_becomes_text),
        cmocka_unit_test(test_what_xml_forbids_is_spelled_out),
        cmocka_unit_test(test_long_text_is_cut),
        cmocka_unit_test(test_label_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
