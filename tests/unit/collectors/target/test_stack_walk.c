/*
 * Stacks of all kinds, as the collector walks them: each is compared with what libunwind finds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define UNW_LOCAL_ONLY
#include <dlfcn.h>
#include <errno.h>
#include <glib.h>
#include <libunwind.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "collectors/target/patch_returns.h"
#include "collectors/target/stack_walk.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OTHER_BP ((void)0)
#else
#define OTHER_BP __asm__ volatile("mov $0x1239, %%rbp" ::: "rbp", "memory")
#endif
#define NOINLINE __attribute__((noinline, noclone))
/* After a call, so that it is none at the function's end. */
#define STAY __asm__ volatile("" ::: "memory")

enum {
    SEGMENT_BYTES = 64 << 20,
    MODULES_OFFSET = 4096,
    NODES_OFFSET = 1 << 20,
    INDEX_OFFSET = 40 << 20,
    NODES_FIRST = 256,
    NODES_MAX = 1 << 21,
    LINES_FIRST = 64,
    LINES_MAX = 1 << 17,
    FRAMES_MAX = 8192,
    THREADS = 4,
    STACK_BYTES = 256 << 10,
};

#include "tests/unit/collectors/target/stack_walk_fixture.h"

/* ---- Hijacked return addresses ---- */

enum { HIJACKED = 12, TRAMPOLINE = 0x10000 };

static uintptr_t *slots[HIJACKED];

static void hijack(int i)
{
    if (!patch_returns_insert((uintptr_t)slots[i], *slots[i]))
        say_wrong("the table", i, 0, 0);
    *(volatile uintptr_t *)slots[i] = TRAMPOLINE;
}

static void give_back(int i)
{
    *(volatile uintptr_t *)slots[i] = patch_returns_find((uintptr_t)slots[i]);
    patch_returns_remove((uintptr_t)slots[i]);
}

/* With every `every`th return address hijacked, and twice, as the second walk takes over frames. */
static NOINLINE void check_hijacked(int every)
{
    static __thread uintptr_t wanted[FRAMES_MAX];
    struct stack_frame from = STACK_FRAME_OF_CALLER();
    int n = reference(wanted);
    for (int i = 0; i < HIJACKED; i += every)
        hijack(i);
    uint32_t first = stack_walk_node(&self->walk, &self->heap->tree, &from);
    uint32_t second = stack_walk_node(&self->walk, &self->heap->tree, &from);
    for (int i = 0; i < HIJACKED; i += every)
        give_back(i);
    compare(first, wanted, n);
    compare(second, wanted, n);
    self->n_checked++;
}

static NOINLINE void go_down(int depth)
{
    slots[depth] = (uintptr_t *)__builtin_dwarf_cfa() - 1;
    if (depth > 0)
        go_down(depth - 1);
    for (int every = 1; depth == 0 && every < 5; every++)
        check_hijacked(every);
    STAY;
}

static void test_walk_goes_through_hijacked_return_addresses(void **state)
{
    struct thread *thread = thread_new(*state, 1);
    assert_true(patch_returns_start(TRAMPOLINE));
    go_down(HIJACKED - 1);
    check();
    go_down(HIJACKED - 1);
    thread_free(thread, 9);
}

/* ---- Functions of all kinds, which call each other by chance ---- */

static void visit(int depth);

static NOINLINE void plain(int depth)
{
    visit(depth);
    STAY;
}

static NOINLINE void check_twice(int depth)
{
    check();
    visit(depth);
    check();
    STAY;
}

__attribute__((optimize("no-omit-frame-pointer"))) static NOINLINE void
with_frame_pointer(int depth)
{
    visit(depth);
    STAY;
}

__attribute__((optimize("omit-frame-pointer"))) static NOINLINE void with_other_bp(int depth)
{
    OTHER_BP;
    visit(depth);
    OTHER_BP;
    STAY;
}

static NOINLINE void aligned(int depth)
{
    _Alignas(64) volatile char block[128];
    block[dice(128)] = 1;
    visit(depth);
    (void)block[0];
    STAY;
}

static NOINLINE void of_any_size(int depth)
{
    volatile char *block = __builtin_alloca(16 + dice(4000));
    block[0] = 1;
    visit(depth);
    (void)block[0];
    STAY;
}

static NOINLINE void large(int depth)
{
    volatile char block[20000];
    block[dice(sizeof block)] = 1;
    visit(depth);
    (void)block[0];
    STAY;
}

static int on_compare(const void *a, const void *b)
{
    const int *left = a, *right = b;
    if (*left > 0) {
        int depth = *left;
        *(int *)a = 0;
        visit(depth);
    }
    return *left < *right;
}

static NOINLINE void sorting(int depth)
{
    int numbers[4] = {depth, 0, 0, 0};
    qsort(numbers, 4, sizeof *numbers, on_compare);
    STAY;
}

static __thread int signal_depth;

static void on_signal(int number)
{
    (void)number;
    visit(signal_depth);
    STAY;
}

static NOINLINE void signalled(int depth)
{
    int before = signal_depth;
    signal_depth = depth;
    raise(dice(2) ? SIGUSR1 : SIGUSR2);
    signal_depth = before;
}

static void visit(int depth)
{
    static void (*const kinds[])(int) = {plain,         check_twice, with_frame_pointer,
                                         with_other_bp, aligned,     of_any_size,
                                         sorting,       signalled,   large};
    if (dice(3) == 0)
        check();
    for (uint32_t n = dice(3); depth > 0 && n < 3 && self->budget > 0; n++) {
        self->budget--;
        kinds[dice(G_N_ELEMENTS(kinds))](depth - 1);
        if (dice(2))
            check();
    }
    if (dice(3) == 0)
        check();
}

static void visit_much(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_NODEFER};
    char *memory =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t stack = {.ss_sp = memory, .ss_size = STACK_BYTES}, none = {.ss_flags = SS_DISABLE};
    sigaction(SIGUSR1, &action, NULL);
    action.sa_flags |= SA_ONSTACK;
    sigaction(SIGUSR2, &action, NULL);
    sigaltstack(&stack, NULL);
    for (int i = 0; i < 40; i++) {
        self->budget = 60;
        visit(12);
    }
    sigaltstack(&none, NULL);
    munmap(memory, STACK_BYTES);
}

static void test_stacks_of_all_kinds_agree(void **state)
{
    struct thread *thread = thread_new(*state, 1);
    visit_much();
    assert_in_range(thread->n_deepest, 15, FRAMES_MAX);
    thread_free(thread, 500);
}

static void *in_thread(void *data)
{
    struct thread *thread = data;
    self = thread;
    visit_much();
    return NULL;
}

static void test_threads_agree_at_once(void **state)
{
    struct thread *threads[THREADS];
    pthread_t ids[THREADS];
    for (int i = 0; i < THREADS; i++) {
        threads[i] = thread_new(*state, 10 + i);
        assert_int_equal(pthread_create(&ids[i], NULL, in_thread, threads[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(ids[i], NULL);
    for (int i = 0; i < THREADS; i++)
        thread_free(threads[i], 500);
}

/* ---- Coroutines ---- */

static void coroutine(void)
{
    for (int i = 0; i < 20; i++) {
        self->budget = 10;
        visit(6);
        swapcontext(&self->coroutine, &self->scheduler);
    }
}

static void test_coroutine_agrees(void **state)
{
    struct thread *thread = thread_new(*state, 20);
    char *memory =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_NODEFER};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    getcontext(&thread->coroutine);
    thread->coroutine.uc_stack.ss_sp = memory;
    thread->coroutine.uc_stack.ss_size = STACK_BYTES;
    thread->coroutine.uc_link = &thread->scheduler;
    makecontext(&thread->coroutine, coroutine, 0);
    for (int i = 0; i < 20; i++) {
        swapcontext(&thread->scheduler, &thread->coroutine);
        thread->budget = 4;
        visit(4);
    }
    munmap(memory, STACK_BYTES);
    thread_free(thread, 100);
}

/* ---- Deep stacks ---- */

static NOINLINE void deep(int depth)
{
    if (depth > 0)
        deep(depth - 1);
    if (depth % 97 == 0 || depth < 10)
        check();
    STAY;
}

static void test_deep_stack_is_cut(void **state)
{
    struct thread *thread = thread_new(*state, 30);
    deep(5000);
    assert_in_range(thread->n_deepest, 5000, FRAMES_MAX);
    assert_int_equal(thread->walk.root, WIRE_ROOT_COMPLETE); /* the last was not deep */
    thread_free(thread, 50);
}

/* ---- What may be reused ---- */

static NOINLINE void leaf(void)
{
    check();
    STAY;
}

static NOINLINE void middle(void)
{
    leaf();
    STAY;
}

static NOINLINE uint32_t site(int which)
{
    uint32_t node;
    if (which) {
        middle();
        node = self->node;
    } else {
        middle();
        node = self->node;
    }
    STAY;
    return node;
}

static void test_site_further_out_is_noticed(void **state)
{
    struct thread *thread = thread_new(*state, 40);
    uint32_t nodes[6];
    for (int i = 0; i < 6; i++)
        nodes[i] = site(i & 1);
    assert_int_not_equal(nodes[0], 0);
    for (int i = 2; i < 6; i++)
        assert_int_equal(nodes[i], nodes[i & 1]);
    thread_free(thread, 6);
}

/* Functions that leave all return slots as they were but for the place of one, which only rbp
 * tells, and the old one's contents. */
enum { SLACK = 1024 };

__attribute__((noipa, optimize("omit-frame-pointer"))) static void saves_bp(void)
{
    OTHER_BP;
    check();
    OTHER_BP;
    STAY;
}

__attribute__((noipa, optimize("omit-frame-pointer"))) static void saves_bp_elsewhere(void)
{
    __asm__ volatile("" ::: "r12", "r13", "r14", "r15", "memory");
    OTHER_BP;
    check();
    OTHER_BP;
    STAY;
}

__attribute__((noipa)) static void keeps_bp(void)
{
    check();
    STAY;
}

__attribute__((noipa)) static void of_given_size(size_t n)
{
    static void (*const inner[])(void) = {saves_bp, saves_bp_elsewhere, keeps_bp};
    volatile char *block = __builtin_alloca(n);
    inner[dice(3)]();
    (void)block[0];
}

__attribute__((noipa)) static void one(size_t n)
{
    volatile char *block = __builtin_alloca(n);
    of_given_size(SLACK - n);
    (void)block[0];
}

__attribute__((noipa)) static void another(size_t n)
{
    volatile char *block = __builtin_alloca(n);
    of_given_size(SLACK - n);
    (void)block[0];
}

static void test_change_of_rbp_alone_is_noticed(void **state)
{
    static void (*const outer[])(size_t) = {one, another};
    struct thread *thread = thread_new(*state, 45);
    for (volatile int i = 0; i < 2000; i++) {
        uint32_t which = dice(2);
        outer[which](64 + 256 * which);
    }
    thread_free(thread, 2000);
}

static void test_same_stack_needs_no_node(void **state)
{
    struct heap *heap = *state;
    struct thread *thread = thread_new(heap, 50);
    uint32_t first = 0, n_nodes = 0;
    for (volatile int i = 0; i < 30; i++) { /* one call, whatever the compiler thinks of loops */
        leaf();
        if (i == 0) {
            first = thread->node;
            n_nodes = heap->wire->n_nodes;
        }
    }
    assert_int_equal(thread->node, first);
    assert_int_equal(heap->wire->n_nodes, n_nodes);
    thread_free(thread, 30);
}

/* No system call may be made any more: what is known of the stack will do. */
static void test_no_calls_after_a_filter(void **state)
{
    struct heap *heap = *state;
    struct thread *thread = thread_new(heap, 55);
    deep(1000);
    __atomic_store_n(&heap->rules.may_call, 0, __ATOMIC_RELAXED);
    for (int i = 0; i < 40; i++) {
        thread->budget = 30;
        visit(8);
    }
    uint64_t elsewhere[4] = {0};
    struct stack_frame from = {(uintptr_t)leaf + 1, (uintptr_t)heap->modules, 0};
    uint32_t node = stack_walk_node(&thread->walk, &heap->tree, &from), root;
    assert_int_equal(path_of(heap, node, elsewhere, &root), 1);
    assert_int_equal(root, WIRE_ROOT_BROKEN);
    thread_free(thread, 200);
}

static void test_errno_is_kept(void **state)
{
    struct thread *thread = thread_new(*state, 60);
    struct stack_frame from = {.pc = 1, .sp = 8, .bp = 0};
    errno = 77;
    assert_int_not_equal(stack_walk_node(&thread->walk, &thread->heap->tree, &from), 0);
    assert_int_equal(errno, 77);
    thread->n_checked = 1;
    thread_free(thread, 1);
}

/* ---- C++ and libraries that go ---- */

static void on_no_memory(void)
{
    check();
    longjmp(self->back, 1);
}

static void test_frames_of_libstdcxx_agree(void **state)
{
    if (g_getenv("SANITIZED"))
        skip(); /* its allocator ends the program instead */
    struct thread *thread = thread_new(*state, 70);
    void *library = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_LOCAL);
    assert_non_null(library);
    void *(*volatile new)(size_t) = (void *(*)(size_t))dlsym(library, "_Znwm");
    void (*set_handler)(void (*)(void)) =
        (void (*)(void (*)(void)))dlsym(library, "_ZSt15set_new_handlerPFvvE");
    assert_true(new &&set_handler);
    set_handler(on_no_memory);
    if (setjmp(thread->back) == 0)
        new ((size_t)PTRDIFF_MAX);
    set_handler(NULL);
    thread_free(thread, 1);
}

/* ---- Nonsense ---- */

static uint64_t wild(void)
{
    uint64_t value = (uint64_t)dice(1 << 24) << 40 ^ (uint64_t)dice(1 << 24) << 20 ^ dice(1 << 20);
    uintptr_t here = (uintptr_t)&value, code = (uintptr_t)qsort;
    switch (dice(6)) {
    case 0:
        return value;
    case 1:
        return value >> 17;
    case 2:
        return here + dice(1 << 16) - (1 << 14);
    case 3:
        return (here + dice(1 << 14)) & ~UINT64_C(7);
    case 4:
        return code + dice(1 << 18) - (1 << 17);
    default:
        return (uintptr_t)visit + dice(1 << 13);
    }
}

static void test_wild_registers_do_no_harm(void **state)
{
    struct thread *thread = thread_new(*state, 80);
    for (int i = 0; i < 200000; i++) {
        struct stack_frame from = {wild(), wild(), wild()};
        if (dice(2))
            from.sp = ((uintptr_t)&from + dice(4096)) & ~UINT64_C(7);
        stack_walk_node(&thread->walk, &thread->heap->tree, &from);
        thread->n_checked++;
    }
    leaf();
    thread_free(thread, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_walk_goes_through_hijacked_return_addresses, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_stacks_of_all_kinds_agree, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_threads_agree_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_coroutine_agrees, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deep_stack_is_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_site_further_out_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_change_of_rbp_alone_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_same_stack_needs_no_node, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_calls_after_a_filter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errno_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_frames_of_libstdcxx_agree, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wild_registers_do_no_harm, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
