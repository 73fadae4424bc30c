/*
 * proftop.h in a real process: this program starts itself with the collector in front, as a child
 * that plays a scene, asks for its own figures and writes down what is wrong with them; what the
 * segment says is looked at by its parent.
 */
#include "tests/unit/collectors/target/scope_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "collectors/target/proftop.h"

enum { NS_PER_MS = 1000000, LONG_NS = 10 * NS_PER_MS, THREADS = 8, CALLS_EACH = 125000 };

/* ---- the child ---- */

static FILE *said;
static struct proftop_stat rows[512];

#define CHECK(what)                                                                                \
    do {                                                                                           \
        if (!(what))                                                                               \
            fprintf(said, "line %d: %s\n", __LINE__, #what);                                       \
    } while (0)

/* All zero when there is none. */
static struct proftop_stat row_of(const char *name)
{
    size_t n = proftop_stats(rows, G_N_ELEMENTS(rows));
    for (size_t i = 0; i < MIN(n, G_N_ELEMENTS(rows)); i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i];
    return (struct proftop_stat){.calls = 0};
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 * NS_PER_MS + (uint64_t)now.tv_nsec;
}

static void take_long(void)
{
    const struct timespec pause = {.tv_nsec = LONG_NS};
    nanosleep(&pause, NULL);
}

static void sleeper(void)
{
    PROFTOP_FUNCTION();
    take_long();
}

static void play_once(void)
{
    uint64_t start = now_ns();
    sleeper();
    uint64_t took = now_ns() - start;
    struct proftop_stat row = row_of("sleeper");
    CHECK(proftop_stats(NULL, 0) == 1);
    CHECK(row.calls == 1);
    CHECK(row.total_ns >= LONG_NS);
    CHECK(row.total_ns <= took + took / 100);
    CHECK(row.self_ns == row.total_ns);
    CHECK(row.average_ns == row.total_ns);
    CHECK(row.min_ns == row.total_ns);
    CHECK(row.max_ns == row.total_ns);
}

static void play_thrice(void)
{
    for (int i = 0; i < 3; i++)
        sleeper();
    struct proftop_stat row = row_of("sleeper");
    CHECK(row.calls == 3);
    CHECK(row.total_ns >= 3 * LONG_NS);
    CHECK(row.average_ns <= row.total_ns);
    CHECK(row.min_ns >= LONG_NS);
    CHECK(row.min_ns <= row.average_ns);
    CHECK(row.average_ns <= row.max_ns);
}

static void play_nested(void)
{
    {
        PROFTOP_SCOPE("outer");
        {
            PROFTOP_SCOPE("inner");
            take_long();
        }
    }
    CHECK(proftop_stats(rows, 3) == 2);
    const struct proftop_stat outer = rows[0], inner = rows[1];
    CHECK(strcmp(outer.name, "outer") == 0);
    CHECK(strcmp(inner.name, "inner") == 0);
    CHECK(outer.calls == 1);
    CHECK(inner.calls == 1);
    CHECK(inner.total_ns >= LONG_NS);
    CHECK(outer.total_ns >= inner.total_ns);
    CHECK(outer.self_ns < LONG_NS / 2);
    CHECK(outer.self_ns + inner.total_ns <= outer.total_ns + 1); /* rounded */
    CHECK(outer.self_ns + inner.total_ns + 1 >= outer.total_ns);
}

static void descend(int depth)
{
    PROFTOP_SCOPE("recursive");
    take_long();
    if (depth > 1)
        descend(depth - 1);
}

static void play_recursive(void)
{
    uint64_t start = now_ns();
    descend(5);
    uint64_t took = now_ns() - start;
    struct proftop_stat row = row_of("recursive");
    CHECK(row.calls == 5);
    CHECK(row.total_ns >= 5 * LONG_NS);
    CHECK(row.total_ns <= took + took / 100);
    CHECK(row.self_ns <= row.total_ns);
    CHECK(row.min_ns <= row.average_ns);
    CHECK(row.average_ns <= row.max_ns);
    CHECK(row.average_ns >= 3 * LONG_NS); /* 5, 4, 3, 2 and 1 of them */
}

static void play_reset(void)
{
    sleeper();
    proftop_reset();
    CHECK(proftop_stats(NULL, 0) == 0);
    {
        PROFTOP_SCOPE("sleeper");
    }
    struct proftop_stat row = row_of("sleeper");
    CHECK(proftop_stats(NULL, 0) == 1);
    CHECK(row.calls == 1);
    CHECK(row.total_ns < LONG_NS);
    CHECK(row.max_ns < LONG_NS);
    CHECK(row.min_ns <= row.total_ns);
    proftop_reset();
    sleeper();
    row = row_of("sleeper");
    CHECK(row.calls == 1);
    CHECK(row.min_ns >= LONG_NS / 4);
    CHECK(row.max_ns >= LONG_NS);
    proftop_reset();
    CHECK(proftop_stats(NULL, 0) == 0);
}

static void play_disabled(void)
{
    CHECK(proftop_is_enabled() == 1);
    {
        PROFTOP_SCOPE("around");
        proftop_disable();
        CHECK(proftop_is_enabled() == 0);
        proftop_enter("disabled by hand");
        {
            PROFTOP_SCOPE("disabled");
            proftop_mark("disabled");
            proftop_counter("disabled", 1);
        }
        proftop_enable();
        proftop_exit();
        take_long();
    }
    struct proftop_stat row = row_of("around");
    CHECK(proftop_is_enabled() == 1);
    CHECK(proftop_stats(NULL, 0) == 1);
    CHECK(row.calls == 1);
    CHECK(row.total_ns >= LONG_NS);
}

/* Three mistakes. */
static void play_stray_exits(void)
{
    proftop_exit();
    {
        PROFTOP_SCOPE("kept");
        proftop_exit();
        take_long();
    }
    proftop_enter("by hand");
    proftop_exit();
    proftop_exit();
    CHECK(row_of("kept").calls == 1);
    CHECK(row_of("kept").total_ns >= LONG_NS);
    CHECK(row_of("by hand").calls == 1);
}

static int leave_early(int how)
{
    PROFTOP_SCOPE("function");
    for (int i = 0; i < 10; i++) {
        PROFTOP_SCOPE("first");
        PROFTOP_SCOPE("second");
        if (how == 0)
            continue;
        if (how == 1)
            break;
        if (how == 2)
            return i;
        if (how == 3)
            goto out;
        switch (how) {
        case 4: {
            PROFTOP_SCOPE("case");
            break;
        }
        default:
            break;
        }
    }
out:
    return how;
}

static void play_ways_out(void)
{
    for (int how = 0; how < 5; how++)
        leave_early(how);
    CHECK(row_of("function").calls == 5);
    CHECK(row_of("first").calls == 10 + 1 + 1 + 1 + 10);
    CHECK(row_of("second").calls == row_of("first").calls);
    CHECK(row_of("case").calls == 10);
    CHECK(row_of("second").total_ns <= row_of("first").total_ns);
}

static void *call_much(void *data)
{
    char name[16] = "counted";
    (void)data;
    for (int i = 0; i < CALLS_EACH; i++) {
        PROFTOP_SCOPE(name);
    }
    return NULL;
}

static void play_threads(void)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, call_much, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK(proftop_stats(NULL, 0) == 1);
    CHECK(row_of("counted").calls == THREADS * CALLS_EACH);
}

static void play_names(void)
{
    char name[128];
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "name %d", i % 300);
        PROFTOP_SCOPE(name);
    }
    CHECK(proftop_stats(NULL, 0) == 300);
    CHECK(row_of("name 0").calls == 10);
    CHECK(row_of("name 299").calls == 10);
    for (size_t i = 1; i < 300; i++)
        CHECK(rows[i - 1].total_ns >= rows[i].total_ns);
    memset(name, 'n', sizeof name);
    name[100] = '\0';
    proftop_enter(name);
    proftop_exit();
    name[60] = '\0';
    CHECK(row_of(name).calls == 1);
    proftop_enter(NULL);
    proftop_exit();
    CHECK(row_of("(no name)").calls == 1);
    rows[1].calls = 77;
    CHECK(proftop_stats(rows, 1) == 302);
    CHECK(rows[1].calls == 77);
}

static jmp_buf escape;

static __attribute__((noinline)) void jump(void)
{
    PROFTOP_SCOPE("jumper");
    longjmp(escape, 1);
}

static void catch_jump(void)
{
    if (setjmp(escape) == 0)
        jump();
}

static void play_jumps(void)
{
    for (int i = 0; i < 5; i++) {
        PROFTOP_SCOPE("catcher");
        catch_jump();
    }
    CHECK(row_of("jumper").calls == 5);
    CHECK(row_of("catcher").calls == 5);
}

static volatile uint64_t n_handled;

static void handle(int number)
{
    (void)number;
    PROFTOP_SCOPE("handler");
    n_handled++;
}

static void play_handlers(void)
{
    uint64_t n = 0;
    const struct itimerval often = {.it_interval.tv_usec = 200, .it_value.tv_usec = 200},
                           never = {0};
    signal(SIGALRM, handle);
    setitimer(ITIMER_REAL, &often, NULL);
    for (; n_handled < 200; n++) {
        PROFTOP_SCOPE("interrupted");
    }
    setitimer(ITIMER_REAL, &never, NULL);
    CHECK(row_of("interrupted").calls == n);
    CHECK(row_of("handler").calls == n_handled);
}

/* The child is not followed. */
static void play_fork(void)
{
    int status;
    PROFTOP_SCOPE("before");
    sleeper();
    if (fork() == 0) {
        sleeper();
        proftop_mark("child");
        proftop_counter("child", 1);
        proftop_reset();
        _exit(proftop_is_enabled() || proftop_stats(rows, 1));
    }
    wait(&status);
    CHECK(status == 0);
    sleeper();
    CHECK(row_of("sleeper").calls == 2);
    CHECK(row_of("before").calls == 0);
}

enum { FORKS = 100 };
static volatile int n_forks, n_failed;
static volatile bool is_child;

/* The child goes on with what was interrupted. */
static void fork_in_handler(int number)
{
    int status = 1;
    (void)number;
    if (is_child || n_forks == FORKS)
        return;
    pid_t pid = fork();
    is_child = pid == 0;
    if (is_child)
        return;
    waitpid(pid, &status, 0);
    n_failed += status != 0;
    n_forks++;
}

static void play_forks_in_handlers(void)
{
    const struct itimerval often = {.it_interval.tv_usec = 300, .it_value.tv_usec = 300};
    char name[32];
    signal(SIGALRM, fork_in_handler);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; n_forks < FORKS && !is_child; i++) {
        snprintf(name, sizeof name, "%d", i % 20000);
        PROFTOP_SCOPE(name);
        proftop_mark(name);
        proftop_counter(name, i);
        proftop_thread_name(name);
        if (i % 100 == 0)
            proftop_stats(rows, 5);
    }
    if (is_child)
        _exit(0);
    CHECK(n_failed == 0);
}

static void *mark_in_thread(void *data)
{
    proftop_thread_name(data);
    for (int i = 0; i < 100; i++) {
        proftop_mark("in a thread");
        proftop_counter("both", i);
    }
    return NULL;
}

static void play_marks(void)
{
    static char name[] = "helper";
    pthread_t thread;
    proftop_thread_name("a name that is longer than there is room for");
    proftop_mark("first");
    proftop_counter("one", 5);
    proftop_counter("one", -3);
    proftop_counter("one", 4);
    pthread_create(&thread, NULL, mark_in_thread, name);
    mark_in_thread(NULL);
    pthread_join(thread, NULL);
}

static void play_too_much(void)
{
    char name[32];
    for (int i = 0; i < 2 * WIRE_CALLS_COUNTERS; i++) {
        snprintf(name, sizeof name, "counter %d", i);
        proftop_counter(name, i);
    }
    for (int i = 0; i < CALLS_LAYOUT_MARKS + 10; i++)
        proftop_mark("many");
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "scope %d", i);
        PROFTOP_SCOPE(name);
    }
    CHECK(proftop_stats(NULL, 0) == (1 << 14) - 2); /* one is for scopes without a name */
}

static void *volatile kept;

static void play_allocations(void)
{
    struct proftop_alloc_scope scope;
    proftop_alloc_begin(&scope);
    kept = malloc(100);
    kept = realloc(kept, 200);
    CHECK(scope.bytes == 0);
    proftop_alloc_end(&scope);
    CHECK(scope.is_measured == 1);
    CHECK(scope.bytes == 300);
    CHECK(scope.blocks == 2);
    CHECK(scope.frees == 1);
    free(kept);
    proftop_alloc_end(&scope);
    CHECK(scope.bytes == 300);
    CHECK(scope.frees == 2);
    for (int i = 1; i <= 3; i++) {
        PROFTOP_ALLOC_SCOPE("block");
        kept = malloc(1000u * (unsigned)i);
        free(kept);
    }
}

static char arena[64];

/* An arena, whose first block begins where it begins itself. */
static void play_announced(void)
{
    struct proftop_alloc_scope scope;
    proftop_alloc_begin(&scope);
    char *block = malloc(10000);
    kept = block;
    proftop_allocated(block, 1000);
    proftop_allocated(block + 1000, 2000);
    proftop_allocated(arena, 50);
    proftop_freed(block + 1000);
    proftop_alloc_end(&scope);
    CHECK(scope.bytes == 13050);
    CHECK(scope.blocks == 4);
    CHECK(scope.frees == 1);
    free(block);
}

static void play_nothing(void)
{
    errno = 77;
    {
        PROFTOP_SCOPE("scope");
        proftop_mark("mark");
        proftop_counter("counter", 1);
        proftop_thread_name("name");
        proftop_reset();
        CHECK(proftop_stats(rows, 5) == 0);
    }
    CHECK(errno == 77);
}

static const struct scene {
    const char *name;
    void (*play)(void);
} scenes[] = {
    {"once", play_once},
    {"thrice", play_thrice},
    {"nested", play_nested},
    {"recursive", play_recursive},
    {"reset", play_reset},
    {"disabled", play_disabled},
    {"stray", play_stray_exits},
    {"ways out", play_ways_out},
    {"threads", play_threads},
    {"names", play_names},
    {"jumps", play_jumps},
    {"handlers", play_handlers},
    {"fork", play_fork},
    {"forks in handlers", play_forks_in_handlers},
    {"marks", play_marks},
    {"too much", play_too_much},
    {"allocations", play_allocations},
    {"announced", play_announced},
    {"nothing", play_nothing},
};

static int play(const char *path, const char *name)
{
    static char buffer[1 << 16];
    said = fopen(path, "w");
    setvbuf(said, buffer, _IOFBF, sizeof buffer);
    for (size_t i = 0; i < G_N_ELEMENTS(scenes); i++)
        if (strcmp(scenes[i].name, name) == 0)
            scenes[i].play();
    fflush(said);
    _exit(7);
}

/* ---- the parent ---- */

#define SCENE_TEST(test, scene, n_orphans)                                                         \
    static void test(void **state)                                                                 \
    {                                                                                              \
        const struct wire_calls *wire = run_scene(*state, scene);                                  \
        assert_int_equal(wire->trouble, 0);                                                        \
        assert_int_equal(orphans(*state), n_orphans);                                              \
    }
SCENE_TEST(test_time_when_called_once, "once", 0)
SCENE_TEST(test_time_when_called_thrice, "thrice", 0)
SCENE_TEST(test_self_when_nested, "nested", 0)
SCENE_TEST(test_total_when_recursive, "recursive", 0)
SCENE_TEST(test_nothing_when_reset, "reset", 0)
SCENE_TEST(test_exit_when_not_entered, "stray", 3)
SCENE_TEST(test_scope_when_left_early, "ways out", 0)
SCENE_TEST(test_calls_when_many_threads, "threads", 0)
SCENE_TEST(test_name_when_text_changes, "names", 0)
SCENE_TEST(test_scope_when_jumped_out_of, "jumps", 0)
SCENE_TEST(test_calls_when_interrupted, "handlers", 0)
SCENE_TEST(test_nothing_when_forked_child, "fork", 0)

static void test_nothing_when_disabled(void **state)
{
    const struct wire_calls *wire = run_scene(*state, "disabled");
    assert_int_equal(wire->n_marks, 0);
    assert_int_equal(wire->n_counters, 0);
    assert_int_equal(orphans(*state), 0);
}

static void test_marks_when_made(void **state)
{
    const struct fixture *fixture = *state;
    const struct wire_calls *wire = run_scene(*state, "marks");
    const struct wire_calls_mark *marks = (const void *)(fixture->calls + fixture->layout.marks);
    const struct wire_calls_counter *counters =
        (const void *)(fixture->calls + fixture->layout.counters);
    assert_int_equal(wire->n_marks, 201);
    assert_string_equal(marks[0].text, "first");
    assert_int_equal(marks[0].tid, fixture->process->pid);
    for (int i = 1; i < 201; i++) {
        assert_string_equal(marks[i].text, "in a thread");
        assert_true(marks[i].ticks > marks[0].ticks);
        assert_true(marks[i].tid >= marks[0].tid);
    }
    assert_int_equal(wire->n_counters, 2);
    assert_string_equal(counters[0].name, "one");
    assert_int_equal(counters[0].value, 4);
    assert_int_equal(counters[0].updates, 3);
    assert_int_equal(counters[0].min, -3);
    assert_int_equal(counters[0].max, 5);
    assert_string_equal(counters[1].name, "both");
    assert_int_equal(counters[1].updates, 200);
    assert_int_equal(counters[1].min, 0);
    assert_int_equal(counters[1].max, 99);
}

static void test_thread_when_named(void **state)
{
    int n_helpers = 0;
    run_scene(*state, "marks");
    assert_string_equal(lanes_of(*state)[1].name, "");
    for (int i = 0; i < WIRE_CALLS_LANES; i++)
        n_helpers += strcmp(lanes_of(*state)[i].name, "helper") == 0;
    assert_int_equal(n_helpers, 1);
}

static void test_rest_when_too_much(void **state)
{
    const struct wire_calls *wire = run_scene(*state, "too much");
    assert_int_equal(wire->trouble, WIRE_CALLS_NO_ROOM);
    assert_int_equal(wire->n_counters, WIRE_CALLS_COUNTERS);
    assert_int_equal(wire->n_marks, CALLS_LAYOUT_MARKS + 10);
    assert_int_equal(wire->n_names, 1 << 14);
}

static void test_allocations_when_in_a_block(void **state)
{
    const struct fixture *fixture = *state;
    const struct wire_calls *wire = run_scene(*state, "allocations");
    const struct wire_calls_counter *counters =
        (const void *)(fixture->calls + fixture->layout.counters);
    assert_int_equal(wire->n_counters, 2);
    assert_string_equal(counters[0].name, "block bytes");
    assert_int_equal(counters[0].value, 3000);
    assert_int_equal(counters[0].min, 1000);
    assert_int_equal(counters[0].updates, 3);
    assert_string_equal(counters[1].name, "block blocks");
    assert_int_equal(counters[1].max, 1);
}

/* What is left is the first and the last; the block that the first lies in is freed as known. */
static void test_blocks_when_announced(void **state)
{
    const struct fixture *fixture = *state;
    run_scene(*state, "announced");
    const struct wire_heap *heap = (const void *)fixture->heap;
    const struct wire_heap_block *blocks =
        (const void *)(fixture->heap + fixture->heap_layout.blocks.offset);
    int n_announced = 0;
    for (uint32_t i = 0; i < heap->n_blocks; i++)
        n_announced += (blocks[i].address & WIRE_BLOCK_ANNOUNCED) != 0;
    assert_int_equal(n_announced, 2);
    assert_int_equal(heap->trouble, 0);
}

static void test_child_when_forked_in_a_handler(void **state)
{
    run_scene(*state, "forks in handlers");
}

static void test_nothing_when_calls_are_off(void **state)
{
    struct fixture *fixture = *state;
    fixture->has_calls = false;
    run_scene(*state, "nothing");
}

static void test_scope_when_cxx_throws(void **state)
{
    struct fixture *fixture = *state;
    char *program = g_strdup_printf("%s/tests/targets/calls/scopes", fixture->build);
    run_program(fixture, program, "");
    assert_int_equal(orphans(fixture), 0);
    g_free(program);
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return play(argv[1], argv[2]);
    const struct CMUnitTest tests[] = {
        TEST(test_time_when_called_once),
        TEST(test_time_when_called_thrice),
        TEST(test_self_when_nested),
        TEST(test_total_when_recursive),
        TEST(test_nothing_when_reset),
        TEST(test_exit_when_not_entered),
        TEST(test_scope_when_left_early),
        TEST(test_calls_when_many_threads),
        TEST(test_name_when_text_changes),
        TEST(test_scope_when_jumped_out_of),
        TEST(test_calls_when_interrupted),
        TEST(test_nothing_when_forked_child),
        TEST(test_nothing_when_disabled),
        TEST(test_marks_when_made),
        TEST(test_thread_when_named),
        TEST(test_rest_when_too_much),
        TEST(test_allocations_when_in_a_block),
        TEST(test_blocks_when_announced),
        TEST(test_child_when_forked_in_a_handler),
        TEST(test_nothing_when_calls_are_off),
        TEST(test_scope_when_cxx_throws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
