/*
 * Functions of this test are patched, as proftop does it from outside: what they get, give and do
 * must be as without, however they are left. A stand-in counts the calls, and spoils whatever
 * registers it may.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "collectors/target/patch_entry.h"
#include "collectors/target/patch_returns.h"
#include "collectors/target/patch_vectors.h"
#include "tests/targets/calls/sled.h"
#include "tests/targets/calls/stand_in.h"

#define STAY __asm__ volatile("" ::: "memory")

static uintptr_t stub;

static int set_up(void **state)
{
    struct wire_calls wire = {0};
    (void)state;
    if (!patch_returns_start(patch_entry_trampoline()))
        return -1;
    vector_state_init();
    patch_entry_describe(&wire);
    stub = sled_stub((uintptr_t)set_up, wire.enter_sled);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    stand_in = (struct stand_in){.is_on = true, .spoils = true};
    return 0;
}

/* All that were entered by a return hijacked have left. */
static void assert_balanced(uint64_t n)
{
    assert_int_equal(stand_in.n_entered, n);
    assert_int_equal(stand_in.n_left, n);
}

/* ---- registers ---- */

struct registers {
    uint64_t general[15]; /* all but rsp */
    uint64_t flags;       /* reserved */
    uint8_t vector[16][32];
    uint32_t mxcsr;
    uint16_t control;
} __attribute__((aligned(32)));

static struct registers before, inside, given, after;

/*
 * Loads all of `before`, calls registers_callee, which stores what it got into `inside`, loads
 * `given`; stores what comes back into `after`. With the sled's room in front of it.
 */
#define EACH_GENERAL(op, at)                                                                       \
    op("rax", at, 0) op("rbx", at, 8) op("rcx", at, 16) op("rdx", at, 24) op("rsi", at, 32)        \
        op("rdi", at, 40) op("rbp", at, 48) op("r8", at, 56) op("r9", at, 64) op("r10", at, 72)    \
            op("r11", at, 80) op("r12", at, 88) op("r13", at, 96) op("r14", at, 104)               \
                op("r15", at, 112)
#define STORE(reg, at, offset) "mov %" reg ", " at "+" #offset "(%rip)\n"
#define LOAD(reg, at, offset)  "mov " at "+" #offset "(%rip), %" reg "\n"
#define EACH_VECTOR(op, at)                                                                        \
    op("0", at, 128) op("1", at, 160) op("2", at, 192) op("3", at, 224) op("4", at, 256)           \
        op("5", at, 288) op("6", at, 320) op("7", at, 352) op("8", at, 384) op("9", at, 416)       \
            op("10", at, 448) op("11", at, 480) op("12", at, 512) op("13", at, 544)                \
                op("14", at, 576) op("15", at, 608)
#define STORE_V(reg, at, offset) "vmovups %ymm" reg ", " at "+" #offset "(%rip)\n"
#define LOAD_V(reg, at, offset)  "vmovups " at "+" #offset "(%rip), %ymm" reg "\n"
#define STORE_ALL(at)                                                                              \
    EACH_GENERAL(STORE, at)                                                                        \
    EACH_VECTOR(STORE_V, at)                                                                       \
    "stmxcsr " at "+640(%rip)\n"                                                                   \
    "fnstcw " at "+644(%rip)\n"
#define LOAD_ALL(at)                                                                               \
    EACH_VECTOR(LOAD_V, at)                                                                        \
    "ldmxcsr " at "+640(%rip)\n"                                                                   \
    "fldcw " at "+644(%rip)\n" EACH_GENERAL(LOAD, at)

void registers_callee(void);
void registers_call(void);

__asm__(
    ".text\n"
    "    nop; nop; nop; nop; nop\n"
    "registers_callee:\n"
    "    nop; nop\n" STORE_ALL("inside") LOAD_ALL(
        "given") "    fldpi\n"
                 "    ret\n"
                 "registers_call:\n"
                 "    push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; push %rax\n"
                 "    stmxcsr (%rsp); fnstcw 4(%rsp)\n" LOAD_ALL(
                     "before") "    call registers_callee\n"
                               "    fstp %st(0)\n" STORE_ALL(
                                   "after") "    ldmxcsr (%rsp); fldcw 4(%rsp); vzeroupper\n"
                                            "    pop %rax; pop %r15; pop %r14; pop %r13; pop %r12; "
                                            "pop %rbp; pop %rbx\n"
                                            "    ret\n");

static void fill(struct registers *r, uint8_t first)
{
    uint8_t *bytes = (uint8_t *)r;
    for (size_t i = 0; i < sizeof *r; i++)
        bytes[i] = (uint8_t)(first + 7 * i);
    r->mxcsr = 0x1f80 | (uint32_t)(first & 3) << 13;
    r->control = (uint16_t)(0x037f | (first & 3) << 10);
}

static void assert_same(const struct registers *a, const struct registers *b)
{
    assert_memory_equal(a->general, b->general, sizeof a->general);
    assert_memory_equal(a->vector, b->vector, sizeof a->vector);
    assert_int_equal(a->mxcsr & ~0x3fu, b->mxcsr & ~0x3fu);
    assert_int_equal(a->control, b->control);
}

static void test_all_registers_pass_in_and_out(void **state)
{
    (void)state;
    SLED_ARM(registers_callee, stub);
    for (int i = 0; i < 4; i++) {
        fill(&before, (uint8_t)i);
        fill(&given, (uint8_t)(i + 101));
        stand_in.spoils = i < 3;
        registers_call();
        assert_same(&inside, &before);
        assert_same(&after, &given);
    }
    assert_balanced(4);
    assert_int_equal(stand_in.last.function, (uintptr_t)registers_callee);
    stand_in.is_on = false;
    registers_call();
    assert_same(&inside, &before);
    assert_same(&after, &given);
    assert_balanced(4);
    SLED_DISARM(registers_callee);
}

/* ---- arguments and results ---- */

struct pair {
    int64_t a, b;
};

struct mixed {
    double a;
    int64_t b;
};

struct large {
    int64_t words[9];
};

SLED static double sum_of_any(int n, ...)
{
    va_list list;
    double sum = 0;
    va_start(list, n);
    for (int i = 0; i < n; i++)
        sum += i % 2 ? va_arg(list, double) : va_arg(list, int);
    va_end(list);
    return sum;
}

SLED static struct pair in_two(int64_t a)
{
    return (struct pair){a, ~a};
}

SLED static struct mixed in_both(double a, int64_t b)
{
    return (struct mixed){a / 3, b * 3};
}

SLED static struct large in_memory(int64_t a)
{
    struct large large;
    for (int i = 0; i < 9; i++)
        large.words[i] = a + i;
    return large;
}

SLED static __int128 of_128(__int128 a, __int128 b)
{
    return a * b;
}

SLED static long double extended(long double a, long double b)
{
    return a / b;
}

SLED static _Complex long double of_complex(_Complex long double a)
{
    return a * a;
}

SLED static int64_t of_many(int64_t a, int b, int c, int d, int e, int f, int64_t g, double h,
                            int i, long double j, struct large k, int l)
{
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + (int64_t)(8 * h) + 9 * i +
           (int64_t)(10 * j) + k.words[8] + l;
}

static void assert_results(void)
{
    struct large large = in_memory(5);
    for (int i = 0; i < 9; i++)
        assert_int_equal(large.words[i], 5 + i);
    assert_true(sum_of_any(12, 1, 2.5, 3, 4.5, 5, 6.5, 7, 8.5, 9, 10.5, 11, 12.5) == 81);
    assert_true(in_two(77).a == 77 && in_two(77).b == ~77);
    assert_true(in_both(9, 4).a == 3 && in_both(9, 4).b == 12);
    assert_true(of_128((__int128)1 << 70, 5) == (__int128)5 << 70);
    assert_true(extended(1, 3) == 1.0L / 3);
    _Complex long double square = of_complex(3.0L + 4.0iL);
    assert_true(__real__ square == -7 && __imag__ square == 24);
    assert_int_equal(of_many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, large, 11), 409);
}

static void test_arguments_and_results_of_all_kinds_pass(void **state)
{
    (void)state;
    uintptr_t functions[] = {(uintptr_t)sum_of_any, (uintptr_t)in_two, (uintptr_t)in_both,
                             (uintptr_t)in_memory,  (uintptr_t)of_128, (uintptr_t)extended,
                             (uintptr_t)of_complex, (uintptr_t)of_many};
    assert_results();
    assert_balanced(0);
    for (size_t i = 0; i < 8; i++)
        sled_arm(functions[i], stub);
    assert_results();
    assert_balanced(10);
    for (size_t i = 0; i < 8; i++)
        sled_disarm(functions[i]);
    assert_results();
    assert_balanced(10);
}

/* ---- how functions are left ---- */

SLED static int64_t deep(int n)
{
    int64_t result = n > 0 ? deep(n - 1) : 0;
    STAY;
    return result + 1;
}

static void test_a_deep_recursion_returns(void **state)
{
    (void)state;
    SLED_ARM(deep, stub);
    stand_in.spoils = false;
    assert_int_equal(deep(100000), 100001);
    assert_balanced(100001);
    stand_in.is_on = false;
    assert_int_equal(deep(10), 11);
    SLED_DISARM(deep);
}

static uintptr_t slot_of_tail, slot_of_head;

SLED static int tail(int n)
{
    slot_of_tail = (uintptr_t)__builtin_dwarf_cfa() - 8;
    return n + 1;
}

SLED __attribute__((optimize("O2"))) static int head(int n)
{
    slot_of_head = (uintptr_t)__builtin_dwarf_cfa() - 8;
    return tail(n * 2);
}

static void test_a_tail_call_is_entered_and_both_leave_once(void **state)
{
    (void)state;
    SLED_ARM(head, stub);
    SLED_ARM(tail, stub);
    assert_int_equal(head(20), 41);
    assert_int_equal(stand_in.n_entered, 2);
    assert_int_equal(stand_in.last.function, (uintptr_t)tail);
    assert_int_equal(stand_in.last.sp, slot_of_tail);
    if (slot_of_head == slot_of_tail) {
        assert_int_equal(stand_in.n_left, 1);
        assert_false(stand_in.last.replaces_equal);
        assert_int_not_equal(stand_in.last.return_address, patch_entry_trampoline());
    }
    assert_int_equal(patch_returns_find(slot_of_head), 0);
    assert_int_equal(head(1), 3);
    SLED_DISARM(head);
    SLED_DISARM(tail);
}

static jmp_buf back;

SLED static int jumper(int n)
{
    if (n == 0)
        longjmp(back, 1);
    int result = n < 0 ? n : jumper(n - 1);
    STAY;
    return result;
}

static void test_longjmp_leaves_functions_that_are_called_again(void **state)
{
    (void)state;
    SLED_ARM(jumper, stub);
    SLED_ARM(deep, stub);
    for (volatile int i = 0; i < 1000; i++)
        if (setjmp(back) == 0)
            jumper(i % 30);
    assert_int_equal(deep(100), 101);
    SLED_DISARM(jumper);
    SLED_DISARM(deep);
}

SLED static void *work_in_thread(void *data)
{
    int64_t n = 0;
    for (int i = 0; i < 300; i++)
        n += deep(i % 50);
    *(int64_t *)data = n;
    return data;
}

static void test_threads_return_each_where_it_came_from(void **state)
{
    (void)state;
    pthread_t threads[8];
    int64_t results[8];
    SLED_ARM(work_in_thread, stub);
    SLED_ARM(deep, stub);
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work_in_thread, &results[i]), 0);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(results[i], 6 * 1275);
    }
    assert_balanced(8 * (1 + 6 * 1275));
    SLED_DISARM(work_in_thread);
    SLED_DISARM(deep);
}

static volatile int n_signals;

SLED static void on_signal(int number)
{
    (void)number;
    n_signals += deep(3) == 4;
}

static void test_signals_at_any_point_change_nothing(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = on_signal}, old;
    struct itimerval often = {{0, 100}, {0, 100}}, never = {{0, 0}, {0, 0}};
    SLED_ARM(deep, stub);
    SLED_ARM(on_signal, stub);
    n_signals = 0;
    assert_int_equal(sigaction(SIGPROF, &action, &old), 0);
    assert_int_equal(setitimer(ITIMER_PROF, &often, NULL), 0);
    while (n_signals < 50)
        for (int i = 0; i < 50; i++) {
            assert_int_equal(deep(i), i + 1);
            assert_results();
        }
    setitimer(ITIMER_PROF, &never, NULL);
    sigaction(SIGPROF, &old, NULL);
    assert_int_equal(stand_in.n_entered, stand_in.n_left);
    SLED_DISARM(deep);
    SLED_DISARM(on_signal);
}

SLED static pid_t forker(void)
{
    pid_t pid = fork();
    STAY;
    return pid;
}

SLED static pid_t vforker(void)
{
    pid_t pid = vfork();
    if (pid == 0) {
        deep(3);
        execl("/bin/true", "true", (char *)NULL);
        _exit(9);
    }
    return pid;
}

static void assert_child_ends_well(pid_t pid)
{
    int status = -1;
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_a_forked_child_returns_like_its_parent(void **state)
{
    (void)state;
    SLED_ARM(forker, stub);
    SLED_ARM(deep, stub);
    pid_t pid = forker();
    if (pid == 0)
        _exit(deep(20) == 21 ? 0 : 1);
    assert_child_ends_well(pid);
    SLED_DISARM(forker);
    SLED_DISARM(deep);
}

static void test_a_vfork_child_that_execs_leaves_its_parent_whole(void **state)
{
    (void)state;
    SLED_ARM(vforker, stub);
    SLED_ARM(deep, stub);
    assert_child_ends_well(vforker());
    assert_balanced(5);
    SLED_DISARM(vforker);
    SLED_DISARM(deep);
}

/* ---- coroutines ---- */

static ucontext_t scheduler, coroutine;
static int n_yields;

SLED static void yield(int n)
{
    if (n > 0)
        yield(n - 1);
    else
        swapcontext(&coroutine, &scheduler);
    STAY;
    n_yields++;
}

static void run_coroutine(void)
{
    for (int i = 0; i < 6; i++)
        yield(5);
}

static void *resume(void *data)
{
    (void)data;
    deep(10);
    swapcontext(&scheduler, &coroutine);
    deep(10);
    return NULL;
}

static void test_a_coroutine_returns_in_another_thread(void **state)
{
    (void)state;
    static char stack[64 << 10];
    SLED_ARM(yield, stub);
    SLED_ARM(deep, stub);
    getcontext(&coroutine);
    coroutine.uc_stack.ss_sp = stack;
    coroutine.uc_stack.ss_size = sizeof stack;
    coroutine.uc_link = &scheduler;
    makecontext(&coroutine, run_coroutine, 0);
    for (int i = 0; i < 7; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, resume, NULL), 0);
        pthread_join(thread, NULL);
    }
    assert_int_equal(n_yields, 36);
    assert_int_equal(stand_in.n_entered, stand_in.n_left);
    SLED_DISARM(yield);
    SLED_DISARM(deep);
}

/* ---- exceptions: by programs of their own ---- */

static void assert_says_ok(const char *name)
{
    char path[4096], said[64] = "";
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 64);
    assert_true(n > 0);
    path[n] = '\0';
    char *build = strstr(path, "/tests/unit/");
    assert_non_null(build);
    stpcpy(stpcpy(build, "/tests/targets/calls/"), name);
    FILE *output = popen(path, "r");
    assert_non_null(output);
    assert_non_null(fgets(said, sizeof said, output));
    assert_int_equal(pclose(output), 0);
    assert_string_equal(said, "ok\n");
}

static void test_exceptions_and_cancellation_pass(void **state)
{
    (void)state;
    assert_says_ok("exceptions");
    assert_says_ok("exceptions-static");
}

/* ---- what it takes ---- */

SLED static void nothing(void)
{
    STAY;
}

static double nanoseconds_of(void (*function)(void))
{
    enum { ROUNDS = 200000 };
    double least = 1e9;
    for (int batch = 0; batch < 10; batch++) {
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        for (int i = 0; i < ROUNDS; i++)
            function();
        clock_gettime(CLOCK_MONOTONIC, &end);
        double ns =
            (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
        least = ns / ROUNDS < least ? ns / ROUNDS : least;
    }
    return least;
}

static void test_a_patched_call_takes_less_than_a_system_call(void **state)
{
    (void)state;
    stand_in.spoils = false;
    double without = nanoseconds_of(nothing);
    SLED_ARM(nothing, stub);
    double with = nanoseconds_of(nothing);
    stand_in.is_on = false;
    double off = nanoseconds_of(nothing);
    SLED_DISARM(nothing);
    print_message("ns a call: %.1f, patched %.1f, switched off %.1f\n", without, with, off);
    assert_true(with < 1000 && off < 1000);
}

static void test_the_empty_function_is_counted(void **state)
{
    (void)state;
    patch_entry_empty();
    assert_balanced(1);
    assert_int_equal(stand_in.last.function, (uintptr_t)patch_entry_empty);
}

enum { MORE_THAN_AREAS = 100, LITTLE_BYTES = 512 };

static void note_stack(void *data)
{
    *(uintptr_t *)data = (uintptr_t)__builtin_frame_address(0);
}

static void run_nested(void *data)
{
    int *left = data;
    if ((*left)-- > 0)
        vector_state_run(run_nested, left);
}

static void test_vectors_are_kept_off_the_stack(void **state)
{
    (void)state;
    int left = MORE_THAN_AREAS;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0), there = 0;
    vector_state_init();
    vector_state_run(note_stack, &there);
    assert_in_range(here - there, 1, LITTLE_BYTES);
    run_nested(&left);
    assert_int_equal(left, -1);
    vector_state_run(note_stack, &there);
    assert_in_range(here - there, 1, LITTLE_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_all_registers_pass_in_and_out, begin),
        cmocka_unit_test_setup(test_arguments_and_results_of_all_kinds_pass, begin),
        cmocka_unit_test_setup(test_a_deep_recursion_returns, begin),
        cmocka_unit_test_setup(test_vectors_are_kept_off_the_stack, begin),
        cmocka_unit_test_setup(test_a_tail_call_is_entered_and_both_leave_once, begin),
        cmocka_unit_test_setup(test_longjmp_leaves_functions_that_are_called_again, begin),
        cmocka_unit_test_setup(test_threads_return_each_where_it_came_from, begin),
        cmocka_unit_test_setup(test_signals_at_any_point_change_nothing, begin),
        cmocka_unit_test_setup(test_a_forked_child_returns_like_its_parent, begin),
        cmocka_unit_test_setup(test_a_vfork_child_that_execs_leaves_its_parent_whole, begin),
        cmocka_unit_test_setup(test_a_coroutine_returns_in_another_thread, begin),
        cmocka_unit_test_setup(test_exceptions_and_cancellation_pass, begin),
        cmocka_unit_test_setup(test_a_patched_call_takes_less_than_a_system_call, begin),
        cmocka_unit_test_setup(test_the_empty_function_is_counted, begin),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
