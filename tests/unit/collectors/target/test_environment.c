/*
 * The environment that a child is started with: proftop's library in front of the user's preloads,
 * behind a sanitizer's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "collectors/target/environment.c"

static const struct collector collector = {
    .preload = "/opt/libproftop.so",
    .socket_entry = WIRE_ENV_SOCKET "=/s",
    .token_entry = WIRE_ENV_TOKEN "=00",
    .children_entry = WIRE_ENV_CHILDREN "=1",
};

/* The preloads that the loader would take, for a child with the entry `preload`. */
static char *preloads_of_child(const char *preload)
{
    char first[] = "A=1";
    char *envp[] = {first, (char *)(uintptr_t)preload, NULL};
    char *room = malloc(environment_room(&collector, envp));
    char **extended = environment_extend(room, &collector, envp);
    char *value = strdup(last_preload(extended));
    assert_string_equal(extended[0], "A=1");
    free(room);
    return value;
}

static void check_preloads(const char *users, const char *expected)
{
    char *value = preloads_of_child(users);
    assert_string_equal(value, expected);
    free(value);
}

static void test_library_comes_first_when_the_user_preloads(void **state)
{
    (void)state;
    check_preloads("LD_PRELOAD=libjemalloc.so.2:libm.so.6",
                   "/opt/libproftop.so:libjemalloc.so.2:libm.so.6");
    check_preloads("LD_PRELOAD=", "/opt/libproftop.so");
    check_preloads("B=2", "/opt/libproftop.so");
}

static void test_library_comes_last_when_a_sanitizer_is_there(void **state)
{
    (void)state;
    check_preloads("LD_PRELOAD=/usr/lib/libasan.so.8", "/usr/lib/libasan.so.8:/opt/libproftop.so");
    check_preloads("LD_PRELOAD=libtsan.so.2:libm.so.6",
                   "libtsan.so.2:libm.so.6:/opt/libproftop.so");
}

static void test_library_stays_where_the_user_has_put_it(void **state)
{
    (void)state;
    check_preloads("LD_PRELOAD=libm.so.6:/opt/libproftop.so", "libm.so.6:/opt/libproftop.so");
}

/* A kernel's array: entries, NULL, auxiliary vector. */
static void check_hidden(const char *entry, const char *expected)
{
    const char *stack[] = {"A=1", entry, NULL, NULL, NULL, NULL};
    char **before = environ;
    environ = (char **)stack;
    environment_hide(collector.preload, (char **)stack);
    assert_ptr_not_equal(environ, (char **)stack);
    assert_string_equal(environ[0], "A=1");
    if (expected)
        assert_string_equal(environ[1], expected);
    else
        assert_null(environ[1]);
    environ = before;
}

static void test_hiding_leaves_the_users_preloads(void **state)
{
    (void)state;
    check_hidden("LD_PRELOAD=/opt/libproftop.so:libm.so.6", "LD_PRELOAD=libm.so.6");
    check_hidden("LD_PRELOAD=libasan.so.8:/opt/libproftop.so", "LD_PRELOAD=libasan.so.8");
    check_hidden("LD_PRELOAD=/opt/libproftop.so", NULL);
    check_hidden("LD_PRELOAD=libm.so.6", "LD_PRELOAD=libm.so.6");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_library_comes_first_when_the_user_preloads),
        cmocka_unit_test(test_library_comes_last_when_a_sanitizer_is_there),
        cmocka_unit_test(test_library_stays_where_the_user_has_put_it),
        cmocka_unit_test(test_hiding_leaves_the_users_preloads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
