/*
 * What proftop.h has in a process, and in the children that it forks: the program of the test is
 * the test itself, which writes into a file what it finds wrong.
 */
#include "tests/unit/collectors/target/scope_fixture.h"

#include <stdio.h>
#include <sys/wait.h>

#include "collectors/target/proftop.h"

static FILE *said;

#define CHECK(what)                                                                                \
    do {                                                                                           \
        if (!(what))                                                                               \
            fprintf(said, "line %d: %s\n", __LINE__, #what);                                       \
    } while (0)

/* Of memory that is the process's own. */
static long own_pages(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(fscanf(file, "%*d %*d %*d %*d %*d %ld", &pages) == 1);
    fclose(file);
    return pages;
}

/* Each forks the next one, with thousands of names to be remembered: 180 pages each. What their
 * parents counted with stays as well, as empty pages. */
static void play_resets_in_children(void)
{
    enum { NAMES = 4000, CHILDREN = 12, PAGES_MAX = 3000 };
    long before = own_pages();
    int status = 0, depth = 0;
    do {
        for (int i = 0; i < NAMES; i++) {
            char name[32];
            snprintf(name, sizeof name, "scope %d", i);
            proftop_enter(name);
            proftop_exit();
        }
        CHECK(proftop_stats(NULL, 0) == NAMES);
        proftop_reset();
        CHECK(proftop_stats(NULL, 0) == 0);
        if (depth == 0)
            before = own_pages();
        fflush(said);
    } while (depth++ < CHILDREN && fork() == 0);
    CHECK(own_pages() < before + PAGES_MAX);
    if (depth <= CHILDREN)
        wait(&status);
    CHECK(status == 0);
    fflush(said);
    if (depth > 1)
        _exit(0);
}

/* ---- the parent ---- */

static void test_memory_is_given_back_when_children_reset(void **state)
{
    struct fixture *fixture = *state;
    fixture->follows = true;
    run_scene(fixture, "resets");
}

int main(int argc, char **argv)
{
    if (argc == 3) {
        said = fopen(argv[1], "w");
        play_resets_in_children();
        fclose(said);
        return 7;
    }
    const struct CMUnitTest tests[] = {
        TEST(test_memory_is_given_back_when_children_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
