/* Demangled names, their short forms, and names made to hurt. */
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "core/symbols/demangle.h"

struct name_case {
    const char *input, *expected;
};

static void check_table(char *(*function)(const char *), const struct name_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *name = function(cases[i].input);
        assert_string_equal(name, cases[i].expected);
        g_free(name);
    }
}

static void test_demangle_reads_each_scheme(void **state)
{
    static const struct name_case cases[] = {
        {"main", "main"},
        {"_start", "_start"},
        {"", ""},
        {"_Z3fooi", "foo(int)"},
        {"_ZN2ns1fIiEEvPKc", "void ns::f<int>(char const*)"},
        {"_ZN12_GLOBAL__N_13barEv", "(anonymous namespace)::bar()"},
        {"_ZZ4mainENKUliE_clEi", "main::{lambda(int)#1}::operator()(int) const"},
        {"_ZN1AlsEi", "A::operator<<(int)"},
        {"_Z3fooi.cold", "foo(int) [clone .cold]"},
        {"_ZN4core3ptr13drop_in_place17h0123456789abcdefE", "core::ptr::drop_in_place"},
        {"_RNvCs1234_7mycrate3foo", "mycrate::foo"},
        {"_RINvNtC4core3ptr13drop_in_placehE", "core::ptr::drop_in_place::<u8>"},
        {"_Znotmangled", "_Znotmangled"},
    };
    (void)state;
    check_table(demangle, cases, G_N_ELEMENTS(cases));
}

static void test_brief_keeps_what_names_the_function(void **state)
{
    static const struct name_case cases[] = {
        {"main", "main"},
        {"", ""},
        {"foo(int)", "foo"},
        {"runtime.(*addrRange).update", "runtime.(*addrRange).update"},
        {"void ns::f<int>(char const*)", "ns::f<…>"},
        {"void ns::f<std::vector<int, A<(1>2)> > >(char) const", "ns::f<…>"},
        {"std::map<int, char>::operator[](int const&)", "std::map<…>::operator[]"},
        {"A::operator<(A const&) const", "A::operator<"},
        {"A::operator<<(int)", "A::operator<<"},
        {"bool operator< <int>(A<int> const&, int)", "operator<<…>"},
        {"std::ostream& operator<< <char>(std::ostream&, char)", "operator<<<…>"},
        {"A::operator->() const", "A::operator->"},
        {"A<&A::operator-> >::f()", "A<…>::f"},
        {"A::operator()(int) const", "A::operator()"},
        {"A::operator bool() const", "A::operator bool"},
        {"A::operator std::vector<int>() const", "A::operator std::vector<…>"},
        {"operator new(unsigned long)", "operator new"},
        {"operator delete[](void*)", "operator delete[]"},
        {"operatorx(int)", "operatorx"},
        {"main::{lambda(int)#1}::operator()(int) const", "main::{lambda(int)#1}::operator()"},
        {"f(int) const::{lambda()#2}::operator()() const", "f::{lambda()#2}::operator()"},
        {"(anonymous namespace)::bar(int)", "(anonymous namespace)::bar"},
        {"ns::(anonymous namespace)::T<int>::bar()", "ns::(anonymous namespace)::T<…>::bar"},
        {"int (anonymous namespace)::bar<int>(int)", "(anonymous namespace)::bar<…>"},
        {"decltype (f({parm#1})) g<int>(int)", "g<…>"},
        {"f[abi:cxx11](int)", "f[abi:cxx11]"},
        {"foo(int) [clone .cold]", "foo"},
        {"non-virtual thunk to A::f(int)", "non-virtual thunk to A::f"},
        {"vtable for A<int>", "vtable for A<…>"},
        {"core::ptr::drop_in_place::<u8>", "core::ptr::drop_in_place<…>"},
        {"core::ptr::drop_in_place<alloc::vec::Vec<u8>>", "core::ptr::drop_in_place<…>"},
        {"a::b::h0123456789abcdef", "a::b"},
        {"a::b::h0123456789abcdeg", "a::b::h0123456789abcdeg"},
        {"<alloc::vec::Vec<T> as core::ops::drop::Drop>::drop",
         "<alloc::vec::Vec<…> as core::ops::drop::Drop>::drop"},
        {"<<A as B>::C as D<E>>::f", "<<A as B>::C as D<…>>::f"},
        {"<fn(u8) -> u8 as Foo>::bar", "<fn(u8) -> u8 as Foo>::bar"},
        {"core::ops::function::FnOnce::call_once::<fn() -> u8>",
         "core::ops::function::FnOnce::call_once<…>"},
        {"a::b::{{closure}}", "a::b::{{closure}}"},
        {"LazyCompile:~run /srv/a.js:3", "LazyCompile:~run /srv/a.js:3"},
        {"a<b<c", "a<…>"},
        {"f(((", "f"},
    };
    (void)state;
    check_table(demangle_brief, cases, G_N_ELEMENTS(cases));
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* `unit` repeated up to `size` characters between `head` and `tail`. */
static char *repeat(const char *head, const char *unit, size_t size, const char *tail)
{
    GString *s = g_string_new(head);
    while (s->len + strlen(tail) + strlen(unit) <= size)
        g_string_append(s, unit);
    g_string_append(s, tail);
    return g_string_free(s, FALSE);
}

static void test_hostile_names_are_bounded(void **state)
{
    static const char *const units[] = {"P",   "N1a", "I",    "1aI", "XadL_Z1f", "T_",
                                        "FvP", "S_",  "DpT_", "INv", "RR",       "XspcvT_"};
    static const char *const heads[] = {"_Z1f", "_ZN", "_RNv", "_RINv", "_RNvMC1a"};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(units) * G_N_ELEMENTS(heads); i++) {
        for (size_t size = 1000; size <= 70000; size *= 2) {
            double start = cpu_seconds();
            char *mangled = repeat(heads[i % 5], units[i / 5], size, "E");
            char *name = demangle(mangled);
            char *brief = demangle_brief(name);

            if (strlen(mangled) <= DEMANGLE_INPUT_MAX)
                assert_true(strlen(name) <= DEMANGLE_OUTPUT_MAX);
            assert_true(cpu_seconds() - start < 2.0);
            g_free(brief);
            g_free(name);
            g_free(mangled);
        }
    }
}

/* Each argument names the one before twice: the full text would have 2^60 characters. */
static void test_doubling_name_is_cut(void **state)
{
    GString *s = g_string_new("_Z1f1AIiiE");
    (void)state;
    g_string_append(s, "S_IS0_S0_E");
    for (int i = 1; i < 30; i++) {
        char id = (char)(i < 10 ? '0' + i : 'A' + i - 10);
        g_string_append_printf(s, "S_IS%c_S%c_E", id, id);
    }
    char *name = demangle(s->str);
    assert_true(strlen(name) <= DEMANGLE_OUTPUT_MAX);
    assert_true(g_str_has_suffix(name, "…"));
    g_free(name);
    g_string_free(s, TRUE);
}

static void test_long_template_name_is_demangled(void **state)
{
    char *mangled = repeat("_Z1fI", "1aILi1EE", 3000, "EvT_");
    char *name = demangle(mangled);
    char *brief = demangle_brief(name);
    (void)state;
    assert_string_equal(brief, "f<…>");
    g_free(brief);
    g_free(name);
    g_free(mangled);
}

static void test_brief_survives_deep_brackets(void **state)
{
    char *deep = repeat("f<", "(<", 60000, "");
    char *brief = demangle_brief(deep);
    (void)state;
    assert_string_equal(brief, "f<…>");
    g_free(brief);
    g_free(deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_demangle_reads_each_scheme),
        cmocka_unit_test(test_brief_keeps_what_names_the_function),
        cmocka_unit_test(test_hostile_names_are_bounded),
        cmocka_unit_test(test_doubling_name_is_cut),
        cmocka_unit_test(test_long_template_name_is_demangled),
        cmocka_unit_test(test_brief_survives_deep_brackets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
