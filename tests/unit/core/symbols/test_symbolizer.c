/* Addresses of a small library in all the states that libraries are found in: whole, stripped,
 * split, damaged. */
#include <unistd.h>

#include "core/symbols/symbolizer.h"
#include "tests/unit/core/symbols/symbol_fixture.h"

struct lookup {
    struct symbolizer *symbolizer;
    struct elf_file *elf;
    struct symbol_line lines[SYMBOL_LINES_MAX];
    size_t n;
};

static struct lookup open_lookup(const struct symbol_fixture *f, const char *name)
{
    struct lookup l = {.symbolizer = symbolizer_new(), .elf = fixture_open(f, name)};
    assert_non_null(l.elf);
    return l;
}

static void close_lookup(struct lookup *l)
{
    symbolizer_free(l->symbolizer);
    elf_file_unref(l->elf);
}

/* Looks up and checks the physical function; NULL: none. */
static void check_name(struct lookup *l, uint64_t vaddr, const char *expected)
{
    l->n = symbolizer_lookup(l->symbolizer, l->elf, vaddr, l->lines, SYMBOL_LINES_MAX);
    if (!expected) {
        assert_int_equal(l->n, 0);
        return;
    }
    assert_true(l->n > 0);
    assert_string_equal(l->lines[l->n - 1].linkage, expected);
}

static void check_line(const struct lookup *l, size_t i, const char *name, uint32_t line,
                       uint32_t decl_line)
{
    assert_true(i < l->n);
    assert_string_equal(l->lines[i].name, name);
    assert_int_equal(l->lines[i].line, line);
    assert_int_equal(l->lines[i].decl_line, decl_line);
    assert_non_null(l->lines[i].file);
    assert_true(g_str_has_suffix(l->lines[i].file, "/fixture.c"));
}

/* All that a file with full debug information tells. */
static void check_full(const struct symbol_fixture *f, const char *name)
{
    struct lookup l = open_lookup(f, name);
    check_name(&l, f->inlined, "exported");
    assert_int_equal(l.n, 3);
    check_line(&l, 0, "inlined", 11, 8);
    check_line(&l, 1, "middle", 16, 14);
    check_line(&l, 2, "exported", 20, 18);
    check_name(&l, f->hidden, "hidden");
    assert_int_equal(l.n, 1);
    check_line(&l, 0, "hidden", l.lines[0].line, 3);
    assert_true(l.lines[0].line >= 4 && l.lines[0].line <= 5);
    check_name(&l, f->mangled, "_ZN2ns1fEi");
    check_line(&l, 0, "ns::f(int)", 28, 28);
    assert_int_equal(symbolizer_lookup(l.symbolizer, l.elf, f->inlined, l.lines, 1), 1);
    assert_string_equal(l.lines[0].name, "exported");
    close_lookup(&l);
}

/* Names, but no lines. */
static void check_names_only(const struct symbol_fixture *f, const char *name, const char *hidden)
{
    struct lookup l = open_lookup(f, name);
    check_name(&l, f->inlined, "exported");
    assert_int_equal(l.n, 1);
    assert_null(l.lines[0].file);
    assert_int_equal(l.lines[0].line, 0);
    check_name(&l, f->mangled, "_ZN2ns1fEi");
    check_name(&l, f->hidden, hidden);
    close_lookup(&l);
}

static void test_lines_and_inlines_in_every_dwarf(void **state)
{
    static const char *const options[][2] = {
        {"-gdwarf-2", "-gno-strict-dwarf"},
        {"-gdwarf-3", "-O2"},
        {"-gdwarf-4", "-O1"},
        {"-gdwarf-5", "-O1"},
        {"-gdwarf-5", "-gz"},
        {"-gdwarf-5", "-O2"},
        {"-gdwarf-5", "-gno-statement-frontiers"},
        {"-g3", "-gdwarf64"},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        struct symbol_fixture *f = fixture_new(options[i][0], options[i][1]);
        check_full(f, "libfixture.so");
        fixture_free(f);
    }
}

/* Split units are not followed, but their lines are in the file itself. */
static void test_split_dwarf_gives_names_and_lines(void **state)
{
    struct symbol_fixture *f = fixture_new("-g", "-gsplit-dwarf");
    struct lookup l = open_lookup(f, "libfixture.so");
    (void)state;
    check_name(&l, f->inlined, "exported");
    assert_int_equal(l.n, 1);
    check_line(&l, 0, "exported", 11, 0);
    close_lookup(&l);
    fixture_free(f);
}

static void test_units_without_aranges_are_found(void **state)
{
    struct symbol_fixture *f = fixture_new("-g", "-O1");
    (void)state;
    FIXTURE_RUN(f->directory, "objcopy", "--remove-section=.debug_aranges", "libfixture.so",
                "without.so");
    check_full(f, "without.so");
    fixture_free(f);
}

static void test_symtab_alone_gives_names(void **state)
{
    struct symbol_fixture *f = fixture_new("-g0", "-O1");
    (void)state;
    check_names_only(f, "libfixture.so", "hidden");
    fixture_free(f);
}

static void test_stripped_file_does_not_invent_names(void **state)
{
    struct symbol_fixture *f = fixture_new("-g", "-O1");
    (void)state;
    FIXTURE_RUN(f->directory, "objcopy", "--strip-all", "libfixture.so", "stripped.so");
    check_names_only(f, "stripped.so", NULL);
    struct lookup l = open_lookup(f, "stripped.so");
    check_name(&l, f->sizeless + 1, "sizeless");
    check_name(&l, f->hidden + 1, NULL); /* sizeless ends where an unwind entry begins */
    check_name(&l, 0, NULL);
    check_name(&l, UINT64_MAX, NULL);
    close_lookup(&l);
    fixture_free(f);
}

static void test_alias_choice_is_stable(void **state)
{
    struct symbol_fixture *f = fixture_new("-g0", "-O1");
    struct lookup l = open_lookup(f, "libfixture.so");
    (void)state;
    check_name(&l, f->exported, "exported"); /* not _exported_alias, nor the weak exp */
    close_lookup(&l);
    fixture_free(f);
}

static void test_plt_stub_is_named_after_its_target(void **state)
{
    static const char *const options[] = {"-fcf-protection=full", "-Wl,-z,now"};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        struct symbol_fixture *f = fixture_new("-g0", options[i]);
        struct lookup l = open_lookup(f, "libfixture.so");
        size_t found = 0;
        for (uint64_t a = f->sizeless & ~(uint64_t)0xfff; a < f->sizeless; a += 4) {
            l.n = symbolizer_lookup(l.symbolizer, l.elf, a, l.lines, SYMBOL_LINES_MAX);
            found += l.n == 1 && strcmp(l.lines[0].name, "getpid@plt") == 0;
        }
        assert_true(found >= 2);
        close_lookup(&l);
        fixture_free(f);
    }
}

static void split_debug_file(const struct symbol_fixture *f, const char *debug_name)
{
    FIXTURE_RUN(f->directory, "objcopy", "--only-keep-debug", "libfixture.so", debug_name);
    FIXTURE_RUN(f->directory, "objcopy", "--strip-all", "libfixture.so", "stripped.so");
    FIXTURE_RUN(f->directory, "objcopy", "--add-gnu-debuglink", debug_name, "stripped.so");
}

static void test_debug_link_is_followed(void **state)
{
    struct symbol_fixture *f = fixture_new("-g", "-O1");
    (void)state;
    split_debug_file(f, "fixture.debug");
    check_full(f, "stripped.so");
    FIXTURE_RUN(f->directory, "mkdir", ".debug");
    FIXTURE_RUN(f->directory, "mv", "fixture.debug", ".debug");
    check_full(f, "stripped.so");
    fixture_free(f);
}

static void test_debug_link_is_checked_by_crc_without_build_id(void **state)
{
    struct symbol_fixture *f = fixture_new("-g", "-Wl,--build-id=none");
    (void)state;
    split_debug_file(f, "fixture.debug");
    check_full(f, "stripped.so");
    FIXTURE_RUN(f->directory, "sh", "-c", "echo >>fixture.debug");
    check_names_only(f, "stripped.so", NULL);
    fixture_free(f);
}

static void test_foreign_debug_file_is_refused(void **state)
{
    struct symbol_fixture *f = fixture_new("-g", "-O1");
    struct symbol_fixture *other = fixture_new("-g", "-O2");
    char *debug = g_build_filename(f->directory, "fixture.debug", NULL);
    (void)state;
    split_debug_file(f, "fixture.debug");
    FIXTURE_RUN(other->directory, "objcopy", "--only-keep-debug", "libfixture.so", debug);
    check_names_only(f, "stripped.so", NULL);
    g_free(debug);
    fixture_free(other);
    fixture_free(f);
}

static void test_compressed_debug_file_of_a_library_gives_names(void **state)
{
    struct symbol_fixture *f = fixture_new("-g", "-gz");
    (void)state;
    split_debug_file(f, "fixture.debug");
    check_names_only(f, "stripped.so", "hidden");
    fixture_free(f);
}

static void test_mini_debuginfo_gives_names(void **state)
{
    struct symbol_fixture *f = fixture_new("-g0", "-O1");
    (void)state;
    FIXTURE_RUN(f->directory, "sh", "-c",
                "objcopy --strip-debug libfixture.so mini && xz mini &&"
                "objcopy --strip-all --add-section .gnu_debugdata=mini.xz libfixture.so mini.so");
    check_names_only(f, "mini.so", "hidden");
    fixture_free(f);
}

static void test_damaged_mini_debuginfo_is_ignored(void **state)
{
    struct symbol_fixture *f = fixture_new("-g0", "-O1");
    (void)state;
    FIXTURE_RUN(f->directory, "sh", "-c",
                "head -c 200000000 /dev/zero | xz -0 >bomb.xz; echo hello >garbage;"
                "for i in bomb.xz garbage; do objcopy --strip-all --add-section "
                ".gnu_debugdata=$i libfixture.so $i.so; done");
    check_names_only(f, "bomb.xz.so", NULL);
    check_names_only(f, "garbage.so", NULL);
    fixture_free(f);
}

static void test_results_are_remembered(void **state)
{
    struct symbol_fixture *f = fixture_new("-g", "-O1");
    struct lookup l = open_lookup(f, "libfixture.so");
    struct elf_file *again = fixture_open(f, "libfixture.so");
    (void)state;
    check_name(&l, f->inlined, "exported");
    const char *name = l.lines[0].name;
    assert_int_equal(symbolizer_lookup(l.symbolizer, again, f->inlined, l.lines, 8), 3);
    assert_ptr_equal(l.lines[0].name, name);
    elf_file_unref(again);
    close_lookup(&l);
    fixture_free(f);
}

/* Every function of the program at hand: names, lines and depth must at least be sane. */
static void look_around(struct elf_file *elf, const struct symbol_fixture *f)
{
    struct symbolizer *symbolizer = symbolizer_new();
    struct symbol_line lines[SYMBOL_LINES_MAX];
    for (uint64_t a = f->sizeless - 0x100; a < f->mangled + 0x40; a += 3) {
        size_t n = symbolizer_lookup(symbolizer, elf, a, lines, SYMBOL_LINES_MAX);
        for (size_t i = 0; i < n; i++)
            assert_true(strlen(lines[i].name) <= SYMBOL_TEXT_MAX);
    }
    symbolizer_free(symbolizer);
}

/* Bytes are changed all over the file: whatever is found, it must end and not crash. */
static void test_damaged_files_do_no_harm(void **state)
{
    struct symbol_fixture *f = fixture_new("-g", "-O1");
    char *bytes, *path = g_build_filename(f->directory, "damaged.so", NULL);
    GRand *random = g_rand_new_with_seed(1);
    size_t size;
    (void)state;
    assert_true(g_file_get_contents(f->library, &bytes, &size, NULL));
    for (int round = 0; round < 300; round++) {
        char *copy = g_memdup2(bytes, size);
        struct elf_file *elf;
        for (int i = 0; i < 1 + round / 4; i++)
            copy[g_rand_int_range(random, round % 2 ? 64 : 4096, (int)size)] =
                (char)(g_rand_boolean(random) ? g_rand_int(random) : 0xffu);
        assert_true(g_file_set_contents(path, copy, (gssize)(round % 9 ? size : size / 2), NULL));
        elf = fixture_open(f, "damaged.so");
        if (elf)
            look_around(elf, f);
        elf_file_unref(elf);
        g_free(copy);
    }
    g_rand_free(random);
    g_free(bytes);
    g_free(path);
    fixture_free(f);
}

static void test_intern_cuts_long_text(void **state)
{
    struct symbolizer *symbolizer = symbolizer_new();
    char *text = g_strnfill(SYMBOL_TEXT_MAX + 100, 'x');
    (void)state;
    assert_int_equal(strlen(symbolizer_intern(symbolizer, text)), SYMBOL_TEXT_MAX);
    assert_ptr_equal(symbolizer_intern(symbolizer, text), symbolizer_intern(symbolizer, text));
    g_free(text);
    symbolizer_free(symbolizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_and_inlines_in_every_dwarf),
        cmocka_unit_test(test_split_dwarf_gives_names_and_lines),
        cmocka_unit_test(test_units_without_aranges_are_found),
        cmocka_unit_test(test_symtab_alone_gives_names),
        cmocka_unit_test(test_stripped_file_does_not_invent_names),
        cmocka_unit_test(test_alias_choice_is_stable),
        cmocka_unit_test(test_plt_stub_is_named_after_its_target),
        cmocka_unit_test(test_debug_link_is_followed),
        cmocka_unit_test(test_debug_link_is_checked_by_crc_without_build_id),
        cmocka_unit_test(test_foreign_debug_file_is_refused),
        cmocka_unit_test(test_compressed_debug_file_of_a_library_gives_names),
        cmocka_unit_test(test_mini_debuginfo_gives_names),
        cmocka_unit_test(test_damaged_mini_debuginfo_is_ignored),
        cmocka_unit_test(test_results_are_remembered),
        cmocka_unit_test(test_damaged_files_do_no_harm),
        cmocka_unit_test(test_intern_cuts_long_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
