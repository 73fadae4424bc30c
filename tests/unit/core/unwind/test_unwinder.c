/*
 * The unwinder, on stacks of this very process: registers and a copy of the stack are taken in a
 * known chain of calls.
 *
 * Copies are taken word by word without instrumentation, as AddressSanitizer would object to
 * reading whole stacks.
 */
#include <elf.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/base/eh_frame_table.h"
#include "core/unwind/unwinder.h"

#define NOINLINE         __attribute__((noinline, noclone, no_sanitize("address", "undefined")))
#define NO_FRAME_POINTER __attribute__((optimize("omit-frame-pointer")))

enum { COPY_BYTES_MAX = 4 << 20 };

extern char _start[];

#include "tests/unit/core/unwind/unwinder_fixture.h"

/* ---- chains of calls ---- */

NO_FRAME_POINTER NOINLINE static void recurse(int depth)
{
    volatile char room[48];
    room[0] = (char)depth;
    if (depth == 1)
        capture();
    else
        recurse(depth - 1);
    room[1] = room[0];
}

static void test_walk_names_each_frame_of_a_recursion(void **state)
{
    (void)state;
    recurse(40);
    struct unwind_result r = walk();
    assert_true(is_in(r.pc[0], (void *)capture));
    for (size_t i = 1; i <= 40; i++)
        assert_true(is_in(r.pc[i], (void *)recurse));
    assert_true(is_in(r.pc[41], (void *)test_walk_names_each_frame_of_a_recursion));
    assert_int_equal(r.n_guessed, 0);
    assert_reaches_main_and_start(&r);
}

static void *recurse_in_thread(void *old_end)
{
    pthread_attr_t attributes;
    void *stack;
    size_t size;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &stack, &size);
    pthread_attr_destroy(&attributes);
    t.stack_end = (uintptr_t)stack + size;
    recurse(5);
    t.stack_end = *(uint64_t *)old_end;
    return NULL;
}

static void test_walk_reaches_the_root_of_a_thread(void **state)
{
    (void)state;
    pthread_t thread;
    uint64_t end = t.stack_end;
    assert_int_equal(pthread_create(&thread, NULL, recurse_in_thread, &end), 0);
    pthread_join(thread, NULL);
    struct unwind_result r = walk();
    assert_true(is_in(r.pc[6], (void *)recurse_in_thread));
    assert_int_equal(r.end, UNWIND_ROOT);
    assert_int_equal(r.n_guessed, 0);
    assert_true(r.n >= 8); /* start_thread and clone */
}

static void test_walk_of_a_cut_copy_says_truncated(void **state)
{
    (void)state;
    recurse(40);
    struct unwind_result whole = walk();
    uint64_t *pc = g_memdup2(whole.pc, whole.n * sizeof(*pc));
    for (size_t size = 1200; size < 3000; size += 8) {
        t.sample.stack_size = size;
        t.sample.may_go_on = true;
        struct unwind_result r = walk();
        assert_int_equal(r.end, UNWIND_TRUNCATED);
        assert_true(r.n > 2 && r.n < whole.n);
        assert_memory_equal(r.pc, pc, r.n * sizeof(*pc));
        t.sample.may_go_on = false;
        assert_int_equal(walk().end, UNWIND_BROKEN);
    }
    g_free(pc);
}

static void test_walk_stops_at_the_frame_cap(void **state)
{
    (void)state;
    recurse(1500);
    struct unwind_result r = walk();
    assert_int_equal(r.end, UNWIND_DEPTH);
    assert_int_equal(r.n, UNWIND_FRAMES_MAX);
}

/* ---- damage ---- */

static void test_walk_of_garbage_is_broken(void **state)
{
    (void)state;
    GRand *rand = g_rand_new_with_seed(11);
    for (int round = 0; round < 2000; round++) {
        recurse(2);
        for (size_t i = 0; i < t.sample.stack_size; i++)
            t.copy[i] = (uint8_t)g_rand_int(rand);
        if (round % 2)
            for (int i = 0; i < 17; i++)
                t.sample.regs.r[i] = (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand);
        struct unwind_result r = walk();
        assert_int_equal(r.end, UNWIND_BROKEN);
        assert_true(r.n >= 1 && r.n < 4);
    }
    g_rand_free(rand);
}

static void test_walk_without_a_stack_gives_the_leaf(void **state)
{
    (void)state;
    capture();
    t.sample.stack_size = 0;
    struct unwind_result r = walk();
    assert_int_equal(r.end, UNWIND_BROKEN);
    assert_int_equal(r.n, 1);
    t.sample.stack_address = UINT64_MAX - 7;
    t.sample.stack_size = 4096;
    t.sample.regs.r[7] = UINT64_MAX - 7;
    assert_int_equal(walk().end, UNWIND_BROKEN);
}

/* A stack whose frames lead back down must not be followed. */
static void test_walk_of_a_loop_ends(void **state)
{
    (void)state;
    recurse(30);
    struct unwind_result before = walk();
    uint64_t ra = before.pc[3] + 1;
    for (size_t i = 0; i + 8 <= t.sample.stack_size; i += 8)
        memcpy(t.copy + i, i % 16 ? &t.sample.stack_address : &ra, 8);
    struct unwind_result r = walk();
    assert_int_not_equal(r.end, UNWIND_ROOT);
}

/* Our own binary with some bytes of .eh_frame_hdr, .eh_frame and what follows changed. */
static struct elf_file *damaged_self(const char *path, GRand *rand)
{
    char *bytes;
    size_t size;
    assert_true(g_file_get_contents("/proc/self/exe", &bytes, &size, NULL));
    Elf64_Ehdr header;
    memcpy(&header, bytes, sizeof(header));
    const Elf64_Phdr *ph = (const Elf64_Phdr *)(void *)(bytes + header.e_phoff);
    while (ph->p_type != PT_GNU_EH_FRAME)
        ph++;
    for (int i = 0; i < 200; i++)
        bytes[ph->p_offset + g_rand_int(rand) % (5 * ph->p_filesz)] = (char)g_rand_int(rand);
    assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
    g_free(bytes);
    return elf_file_open(getpid(), path, 0, 0, NULL);
}

static void test_walk_survives_damaged_unwind_information(void **state)
{
    (void)state;
    char *path;
    size_t n_other = 0;
    GRand *rand = g_rand_new_with_seed(13);
    close(g_file_open_tmp("proftop-XXXXXX", &path, NULL));
    recurse(40);
    struct unwind_result sound = walk();
    size_t n_sound = sound.n;
    for (int round = 0; round < 300; round++) {
        struct elf_file *damaged = damaged_self(path, rand);
        struct address_map *map = address_map_copy(t.map);
        struct mapping m = *address_map_find(map, (uintptr_t)recurse);
        m.elf = damaged;
        address_map_insert(map, &m);
        struct unwinder *unwinder = unwinder_new(map);
        struct unwind_result r;
        unwinder_walk(unwinder, 1, &t.sample, &r);
        assert_true(r.n >= 1 && r.n <= UNWIND_FRAMES_MAX);
        n_other += r.n != n_sound || r.end != UNWIND_ROOT;
        unwinder_free(unwinder);
        address_map_free(map);
        elf_file_unref(damaged);
    }
    assert_true(n_other > 0); /* else nothing was damaged */
    unlink(path);
    g_free(path);
    g_rand_free(rand);
}

/* ---- taking frames over ---- */

NOINLINE static void choose(GRand *rand, int depth);

NO_FRAME_POINTER NOINLINE static void left(GRand *rand, int depth)
{
    volatile uint64_t room[9];
    room[3] = g_rand_int(rand) % 2;
    choose(rand, depth);
    room[4] = room[3];
}

NOINLINE static void right(GRand *rand, int depth)
{
    volatile uint64_t room[33];
    room[30] = g_rand_int(rand) % 2;
    choose(rand, depth);
    room[31] = room[30];
}

NOINLINE static void choose(GRand *rand, int depth)
{
    if (depth == 0)
        capture();
    else
        (depth % 3 == 0 && g_rand_boolean(rand) ? left : right)(rand, depth - 1);
    __asm__ volatile("");
}

/* Changes one word of the copy, now and then a return address. */
static void damage(GRand *rand)
{
    size_t at = g_rand_int(rand) % t.sample.stack_size / 8 * 8;
    uint64_t word;
    memcpy(&word, t.copy + at, 8);
    word += g_rand_int(rand) % 64;
    memcpy(t.copy + at, &word, 8);
}

static void assert_same(const struct unwind_result *a, const struct unwind_result *b)
{
    assert_int_equal(a->end, b->end);
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->n_guessed, b->n_guessed);
    assert_memory_equal(a->pc, b->pc, a->n * sizeof(*a->pc));
}

static void test_reuse_gives_the_same_frames_as_a_fresh_walk(void **state)
{
    (void)state;
    struct unwinder *fresh = unwinder_new(t.map);
    GRand *rand = g_rand_new_with_seed(5);
    unwinder_set_reuse(fresh, false);
    for (int round = 0; round < 3000; round++) {
        choose(rand, 1 + round % 40);
        struct unwind_result kept, made;
        for (int i = 0; i < round % 4; i++)
            damage(rand);
        if (round % 7 == 0)
            t.sample.stack_size -= g_rand_int(rand) % t.sample.stack_size;
        t.sample.may_go_on = round % 5 == 0;
        unwinder_walk(t.unwinder, 2 + (uint32_t)(round % 2), &t.sample, &kept);
        unwinder_walk(fresh, 2, &t.sample, &made);
        assert_same(&kept, &made);
    }
    g_rand_free(rand);
    unwinder_free(fresh);
}

static void test_reuse_is_given_up_when_the_map_changes(void **state)
{
    (void)state;
    struct address_map *map = address_map_copy(t.map);
    struct unwinder *unwinder = unwinder_new(map);
    struct unwind_result r;
    recurse(10);
    unwinder_walk(unwinder, 1, &t.sample, &r);
    assert_int_equal(r.end, UNWIND_ROOT);
    address_map_clear(map);
    unwinder_walk(unwinder, 1, &t.sample, &r);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.end, UNWIND_BROKEN);
    unwinder_free(unwinder);
    address_map_free(map);
}

static void test_more_threads_than_are_remembered(void **state)
{
    (void)state;
    for (uint32_t thread = 0; thread < 3000; thread++) {
        recurse(3);
        struct unwind_result r;
        unwinder_walk(t.unwinder, thread % 600, &t.sample, &r);
        assert_int_equal(r.end, UNWIND_ROOT);
    }
}

/* ---- signals ---- */

extern char after_trap[];

NO_FRAME_POINTER NOINLINE static void trap(void)
{
    __asm__ volatile("int3\n.globl after_trap\nafter_trap: nop");
}

static uint64_t handler_stack_end;

static void on_trap(int number)
{
    (void)number;
    ucontext_t uc;
    getcontext(&uc);
    take_sample(&uc, handler_stack_end);
}

/* The thread sanitizer puts a handler of its own between the kernel's frame and ours. */
#if defined(__SANITIZE_THREAD__)
#define skip_under_tsan() skip()
#else
#define skip_under_tsan() (void)0
#endif

static struct unwind_result walk_through_trap(int flags)
{
    struct sigaction action = {.sa_handler = on_trap, .sa_flags = flags}, before;
    sigaction(SIGTRAP, &action, &before);
    trap();
    sigaction(SIGTRAP, &before, NULL);
    return walk();
}

static void test_walk_crosses_a_signal_frame(void **state)
{
    (void)state;
    skip_under_tsan();
    handler_stack_end = t.stack_end;
    struct unwind_result r = walk_through_trap(0);
    assert_true(is_in(r.pc[0], (void *)on_trap));
    assert_int_equal(r.pc[2], (uintptr_t)after_trap); /* interrupted there: not less 1 */
    assert_int_equal(r.n_guessed, 0);
    assert_reaches_main_and_start(&r);
}

static void test_walk_that_leaves_the_stack_says_truncated(void **state)
{
    (void)state;
    skip_under_tsan();
    size_t size = 64 << 10;
    stack_t stack = {.ss_sp = g_malloc(size), .ss_size = size}, before;
    handler_stack_end = (uintptr_t)stack.ss_sp + size;
    sigaltstack(&stack, &before);
    struct unwind_result r = walk_through_trap(SA_ONSTACK);
    sigaltstack(&before, NULL);
    g_free(stack.ss_sp);
    assert_int_equal(r.pc[2], (uintptr_t)after_trap);
    assert_int_equal(r.n, 3);
    assert_int_equal(r.end, UNWIND_TRUNCATED);
}

/* ---- epilogues ---- */

extern char popped[];

/* After the pop, rbp's slot is below rsp and not in the copy: the register must be taken as it is.
 */
__asm__(".text\n.type has_popped, @function\nhas_popped:\n.cfi_startproc\n"
        "push %rbp\n.cfi_def_cfa_offset 16\n.cfi_offset %rbp, -16\n"
        "mov %rsp, %rbp\npop %rbp\n.cfi_def_cfa_offset 8\n"
        ".globl popped\npopped: ret\n.cfi_endproc\n.size has_popped, . - has_popped\n");

static void test_walk_keeps_a_register_that_was_popped(void **state)
{
    (void)state;
    recurse(4);
    struct unwind_result r = walk();
    uint64_t *pc = g_memdup2(r.pc, r.n * sizeof(*pc));
    uint8_t *shifted = g_malloc(t.sample.stack_size + 8);
    memcpy(shifted + 8, t.copy, t.sample.stack_size);
    memcpy(shifted, &t.sample.regs.r[16], 8); /* as if called where the sample was taken */
    t.sample.stack = shifted;
    t.sample.stack_size += 8;
    t.sample.stack_address -= 8;
    t.sample.regs.r[7] -= 8;
    t.sample.regs.r[16] = (uintptr_t)popped;
    r = walk();
    assert_int_equal(r.pc[0], (uintptr_t)popped);
    assert_int_equal(r.pc[1], pc[0] - 1);
    assert_memory_equal(r.pc + 2, pc + 1, (r.n - 2) * sizeof(*pc));
    assert_reaches_main_and_start(&r);
    g_free(shifted);
    g_free(pc);
}

/* ---- code without unwind information ---- */

/* push rbp; mov rbp, rsp; call rdi; pop rbp; ret */
static const uint8_t jit_code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};

static void *make_jit(void)
{
    void *code =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(code != MAP_FAILED);
    memcpy(code, jit_code, sizeof(jit_code));
    struct mapping m = {.start = (uintptr_t)code, .end = (uintptr_t)code + 4096};
    address_map_insert(t.map, &m);
    return code;
}

static void test_walk_crosses_jit_code_by_its_frame_pointer(void **state)
{
    (void)state;
    void *code = make_jit();
    ((void (*)(void (*)(void)))code)(capture);
    struct unwind_result r = walk();
    assert_true(is_in(r.pc[0], (void *)capture));
    assert_int_equal(r.pc[1], (uintptr_t)code + 5);
    assert_true(is_in(r.pc[2], (void *)test_walk_crosses_jit_code_by_its_frame_pointer));
    assert_int_equal(r.n_guessed, 1);
    assert_reaches_main_and_start(&r);
    munmap(code, 4096);
}

/* As _init: no unwind information, no frame pointer; all that is left to do there is an epilogue.
 */
void call_as_init(void (*function)(void));
__asm__(".text\n.globl call_as_init\n.type call_as_init, @function\ncall_as_init:\n"
        "push %rbx\npush %r12\nsub $24, %rsp\nxor %ebx, %ebx\nxor %r12d, %r12d\ncall *%rdi\n"
        "add $24, %rsp\npop %r12\npop %rbx\nret\n.size call_as_init, . - call_as_init\n");

static void test_walk_leaves_an_unknown_function_by_its_epilogue(void **state)
{
    (void)state;
    call_as_init(capture);
    struct unwind_result r = walk();
    assert_true(is_in(r.pc[0], (void *)capture));
    assert_true(is_in(r.pc[2], (void *)test_walk_leaves_an_unknown_function_by_its_epilogue));
    assert_int_equal(r.n_guessed, 1);
    assert_reaches_main_and_start(&r);
}

static void test_walk_leaves_an_unknown_leaf_by_the_top_of_the_stack(void **state)
{
    (void)state;
    void *code = make_jit();
    recurse(3);
    uint64_t called_from = t.sample.regs.r[16];
    uint8_t *shifted = g_malloc(t.sample.stack_size + 8);
    memcpy(shifted + 8, t.copy, t.sample.stack_size);
    memcpy(shifted, &called_from, 8);
    t.sample.stack = shifted;
    t.sample.stack_size += 8;
    t.sample.stack_address -= 8;
    t.sample.regs.r[7] -= 8;
    t.sample.regs.r[16] = (uintptr_t)code;
    struct unwind_result r = walk();
    assert_int_equal(r.pc[0], (uintptr_t)code);
    assert_int_equal(r.pc[1], called_from - 1);
    assert_int_equal(r.n_guessed, 1);
    assert_reaches_main_and_start(&r);
    g_free(shifted);
    munmap(code, 4096);
}

static void test_walk_does_not_believe_a_frame_pointer_that_leads_to_no_call(void **state)
{
    (void)state;
    void *code = make_jit();
    recurse(3);
    uint64_t sp = t.sample.stack_address, words[4] = {0, sp + 32, (uintptr_t)recurse, 0};
    memcpy(t.copy, words, sizeof(words));
    t.sample.regs.r[6] = sp + 8;
    t.sample.regs.r[16] = (uintptr_t)code + 4;
    struct unwind_result r = walk();
    assert_int_equal(r.end, UNWIND_BROKEN);
    assert_int_equal(r.n, 1);
    munmap(code, 4096);
}

/* ---- perf's registers ---- */

static void test_regs_from_perf_follow_the_mask(void **state)
{
    (void)state;
    /* bp, sp, ip, r15: bits 6, 7, 8 and 23 */
    const uint64_t values[] = {66, 77, 88, 1515};
    struct unwind_regs regs = {0};
    assert_true(unwind_regs_from_perf(values, 1 << 6 | 1 << 7 | 1 << 8 | 1 << 23, &regs));
    assert_int_equal(regs.r[6], 66);
    assert_int_equal(regs.r[7], 77);
    assert_int_equal(regs.r[16], 88);
    assert_int_equal(regs.r[15], 1515);
    assert_int_equal(regs.known, 1 << 6 | 1 << 7 | 1 << 16 | 1 << 15);
    assert_false(unwind_regs_from_perf(values, 1 << 6 | 1 << 7, &regs));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk_names_each_frame_of_a_recursion),
        cmocka_unit_test(test_walk_reaches_the_root_of_a_thread),
        cmocka_unit_test(test_walk_of_a_cut_copy_says_truncated),
        cmocka_unit_test(test_walk_stops_at_the_frame_cap),
        cmocka_unit_test(test_walk_of_garbage_is_broken),
        cmocka_unit_test(test_walk_without_a_stack_gives_the_leaf),
        cmocka_unit_test(test_walk_of_a_loop_ends),
        cmocka_unit_test(test_walk_survives_damaged_unwind_information),
        cmocka_unit_test(test_reuse_gives_the_same_frames_as_a_fresh_walk),
        cmocka_unit_test(test_reuse_is_given_up_when_the_map_changes),
        cmocka_unit_test(test_more_threads_than_are_remembered),
        cmocka_unit_test(test_walk_crosses_a_signal_frame),
        cmocka_unit_test(test_walk_that_leaves_the_stack_says_truncated),
        cmocka_unit_test(test_walk_keeps_a_register_that_was_popped),
        cmocka_unit_test(test_walk_crosses_jit_code_by_its_frame_pointer),
        cmocka_unit_test(test_walk_leaves_an_unknown_function_by_its_epilogue),
        cmocka_unit_test(test_walk_leaves_an_unknown_leaf_by_the_top_of_the_stack),
        cmocka_unit_test(test_walk_does_not_believe_a_frame_pointer_that_leads_to_no_call),
        cmocka_unit_test(test_regs_from_perf_follow_the_mask),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
