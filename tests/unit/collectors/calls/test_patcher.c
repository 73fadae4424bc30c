/*
 * Functions of a forked child of the test are patched while its threads run them. What they call
 * counts calls, in place of the collector.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collectors/calls/patch_memory.h"
#include "collectors/calls/patcher.h"
#include "core/wire/wire.h"

enum { TOGGLES = 1000, TEXT_BYTES = 256, N_FUNCTIONS = 3 };

/* What test and target share; the target's own counters are in it. */
static struct {
    struct wire_calls wire;
    struct wire_calls_site sites[WIRE_CALLS_SITES];
    struct wire_calls_mapping mappings[WIRE_CALLS_MAPPINGS];
    uint64_t rounds, wrong, ready;
    struct wire_calls child_wire;
    uint64_t order; /* enum order, for the target */
    char library[64];
    int32_t child; /* its pid */
} * shared;

enum order { NO_ORDER, FORK, MAP_LIBRARY };

static uint8_t *code;
static int code_fd;
uint64_t *sled_calls, *site_calls;
extern const char enter_sled[], enter_site[];

/* A sled's call pushes the entry; behind it are two bytes. A site's code needs nothing. */
__asm__(".text\n"
        "enter_sled: push %rax; mov sled_calls(%rip), %rax; lock incq (%rax)\n"
        "    mov 8(%rsp), %rax; cmpl $0xfa1e0ff3, (%rax); jne 1f; add $4, %rax\n"
        "1:  add $2, %rax; mov %rax, 8(%rsp); pop %rax; ret\n"
        "enter_site: push %rax; mov site_calls(%rip), %rax; lock incq (%rax); pop %rax; ret\n");

__attribute__((noinline, noclone, patchable_function_entry(7, 5))) static uint64_t
sled_sum(const uint64_t *values, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i] * 3;
    return sum;
}

/* As clang writes them; as gcc does with -fcf-protection; and one with both. */
uint64_t odd_prefix(uint64_t a), odd_endbr(uint64_t a), odd_both(uint64_t a);
#define ODD_SLED(name, before)                                                                     \
    ".globl " name "\n.type " name ", @function\n"                                                 \
    "9: .fill 5, 1, 0x90\n" name ": " before "\n    lea 1(%rdi), %rax\n    ret\n"                  \
    ".size " name ", . - " name "\n.balign 16\n"                                                   \
    ".section __patchable_function_entries, \"awo\", @progbits, .text\n.quad 9b\n.text\n"
__asm__(".text\n" ODD_SLED("odd_prefix", ".byte 0x66, 0x90")
            ODD_SLED("odd_endbr", "endbr64; nop; nop")
                ODD_SLED("odd_both", "endbr64; .byte 0x66, 0x90"));

/* Among its first instructions is one whose place is surely free: the jump goes 1.6 GiB up. */
uint64_t site_high(uint64_t a, uint64_t b);
__asm__(".text\n.globl site_high\n.type site_high, @function\n"
        "site_high: mov $0x60112233, %eax\n" /* b8 33 22 11 60 */
        "    lea (%rdi,%rsi), %rax\n    ret\n    nop\n    nop\n"
        ".size site_high, . - site_high\n.balign 16\n");

/* Likewise down, behind what its entry pushes; the instruction there names data. */
uint64_t site_behind(uint64_t a, uint64_t b);
__asm__(".data\nsite_word: .quad 1000\n.text\n.globl site_behind\n.type site_behind, @function\n"
        "site_behind: push %rbx\n    nop\n    nop\n    nop\n    nop\n"
        "    push %rbp\n    mov $0xa0445566, %ebx\n"
        "    lea (%rdi,%rsi), %rbx\n    mov %rbx, %rax\n    sub site_word(%rip), %rax\n"
        "    add site_word(%rip), %rax\n    pop %rbp\n    pop %rbx\n    ret\n"
        ".size site_behind, . - site_behind\n.balign 16\n");

uint64_t refused_loop(uint64_t n);
__asm__(".text\n.globl refused_loop\n.type refused_loop, @function\n"
        "refused_loop: dec %rdi\n    jne refused_loop\n    ret\n"
        ".size refused_loop, . - refused_loop\n.balign 16\n");

/* More than can be changed: the jump of each leads to a page of its own. */
__asm__(".text\n.altmacro\n.macro many_function number\n.type many_\\number, @function\n"
        "many_\\number: mov $0xb0000000 - 8192 * \\number, %eax\n    ret\n    nop\n    nop\n"
        ".size many_\\number, . - many_\\number\n.balign 16\n.endm\n"
        ".set counter, 0\n.rept 1100\nmany_function %counter\n.set counter, counter + 1\n.endr\n"
        ".noaltmacro\n");

static void obey(void)
{
    uint64_t order = __atomic_exchange_n(&shared->order, NO_ORDER, __ATOMIC_SEQ_CST);
    if (order == FORK) {
        pid_t pid = fork();
        if (pid == 0)
            prctl(PR_SET_PDEATHSIG, SIGKILL);
        else
            __atomic_store_n(&shared->child, pid, __ATOMIC_SEQ_CST);
    }
    if (order == MAP_LIBRARY) {
        int fd = open(shared->library, O_RDONLY | O_CLOEXEC);
        mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
        close(fd);
    }
}

static void *work(void *data)
{
    static const uint64_t values[] = {1, 2, 3, 4};
    (void)data;
    __atomic_add_fetch(&shared->ready, 1, __ATOMIC_SEQ_CST);
    for (uint64_t i = 0;; i++) {
        if (odd_prefix(i) != i + 1 || odd_endbr(i) != i + 1 || odd_both(i) != i + 1)
            __atomic_add_fetch(&shared->wrong, 1, __ATOMIC_SEQ_CST);
        if (sled_sum(values, 4) != 30 || site_high(i, 7) != i + 7 || site_behind(i, 9) != i + 9)
            __atomic_add_fetch(&shared->wrong, 1, __ATOMIC_SEQ_CST);
        __atomic_add_fetch(&shared->rounds, 1, __ATOMIC_SEQ_CST);
        obey();
    }
    return NULL;
}

/* What the collector does with orders. */
static void carry_out(void)
{
    for (uint32_t i = 0; i < shared->wire.n_mappings; i++) {
        struct wire_calls_mapping *mapping = &shared->mappings[i];
        if (mapping->result)
            continue;
        const void *there = mmap((void *)mapping->address, mapping->bytes, PROT_READ | PROT_EXEC,
                                 MAP_SHARED | MAP_FIXED_NOREPLACE, code_fd, (off_t)mapping->offset);
        mapping->result = there == MAP_FAILED ? -1 : 1;
    }
}

/* Maps the code area below the program, as near as it can be. */
static uint64_t map_area(void)
{
    uintptr_t at = ((uintptr_t)&carry_out & ~(uintptr_t)0xfffff) - (64 << 20);
    void *area = mmap((void *)at, WIRE_CALLS_CODE_BYTES, PROT_READ | PROT_EXEC,
                      MAP_SHARED | MAP_FIXED_NOREPLACE, code_fd, 0);
    return area == MAP_FAILED ? 0 : (uint64_t)(uintptr_t)area;
}

static void be_target(void)
{
    pthread_t thread;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    shared->wire.code_near_program = map_area();
    shared->wire.enter_sled = (uintptr_t)enter_sled;
    shared->wire.enter_site = (uintptr_t)enter_site;
    shared->wire.carry_out = (uintptr_t)carry_out;
    shared->wire.is_ready = 1;
    pthread_create(&thread, NULL, work, NULL);
    work(NULL);
}

static int start_target(void **state)
{
    size_t words_offset = (sizeof *shared + 63) & ~(size_t)63;
    shared =
        mmap(NULL, words_offset + 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sled_calls = (uint64_t *)(void *)((char *)shared + words_offset);
    site_calls = sled_calls + 1;
    code_fd = memfd_create("code", MFD_CLOEXEC);
    if (ftruncate(code_fd, WIRE_CALLS_CODE_BYTES) != 0)
        return -1;
    code = mmap(NULL, WIRE_CALLS_CODE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, code_fd, 0);
    int *pid = g_new0(int, 1);
    *pid = fork();
    if (*pid == 0)
        be_target();
    while (__atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST) < 2)
        sched_yield();
    *state = pid;
    return 0;
}

static int end_target(void **state)
{
    int *pid = *state, status;
    kill(*pid, SIGKILL);
    while (waitpid(*pid, &status, 0) == *pid && !WIFSIGNALED(status))
        ;
    close(code_fd);
    munmap(code, WIRE_CALLS_CODE_BYTES);
    munmap(shared, sizeof *shared);
    g_free(pid);
    return 0;
}

static struct patcher *new_patcher(int pid)
{
    return patcher_new(&(struct patcher_options){.pid = pid,
                                                 .wire = &shared->wire,
                                                 .code = code,
                                                 .sites = shared->sites,
                                                 .mappings = shared->mappings});
}

static void carry(struct patcher *patcher)
{
    bool changed;
    while (!patcher_carry_out(patcher, false, &changed))
        sched_yield();
}

static struct patcher *patched(int pid, const char *text)
{
    struct patcher *patcher = new_patcher(pid);
    struct calls_filter *filter = calls_filter_new(text, NULL);
    assert_non_null(filter);
    patcher_scan(patcher, filter, false);
    calls_filter_free(filter);
    carry(patcher);
    return patcher;
}

static void await_rounds(uint64_t n)
{
    uint64_t until = __atomic_load_n(&shared->rounds, __ATOMIC_SEQ_CST) + n;
    while (__atomic_load_n(&shared->rounds, __ATOMIC_SEQ_CST) < until)
        sched_yield();
}

static void read_text(int pid, uint8_t bytes[N_FUNCTIONS][TEXT_BYTES])
{
    const uintptr_t functions[N_FUNCTIONS] = {(uintptr_t)sled_sum, (uintptr_t)site_high,
                                              (uintptr_t)site_behind};
    int fd = patch_memory_open(pid);
    for (size_t i = 0; i < N_FUNCTIONS; i++)
        assert_true(patch_memory_read(fd, functions[i], bytes[i], 24));
    close(fd);
}

static void test_patched_functions_are_counted_and_work(void **state)
{
    int pid = **(int **)state;
    struct patcher *patcher = patched(pid, "sled_*,site_*");
    const GArray *patches = patcher_patches(patcher);
    assert_int_equal(patches->len, N_FUNCTIONS);
    for (guint i = 0; i < patches->len; i++) {
        const struct patch *patch = &g_array_index(patches, struct patch, i);
        assert_string_equal(patch->reason, "");
        assert_int_equal(patch->state, PATCH_IN);
    }
    await_rounds(4);
    uint64_t rounds = shared->rounds, sleds = *sled_calls, sites = *site_calls;
    await_rounds(1000);
    uint64_t n = shared->rounds - rounds;
    assert_in_range(*sled_calls - sleds, n - 6, n + 6 + n / 10);
    assert_in_range(*site_calls - sites, 2 * n - 12, 2 * n + 12 + n / 5);
    assert_int_equal(shared->wrong, 0);
    patcher_free(patcher);
}

static void test_toggling_leaves_the_text_as_it_was(void **state)
{
    uint8_t before[N_FUNCTIONS][TEXT_BYTES] = {0}, after[N_FUNCTIONS][TEXT_BYTES] = {0};
    int pid = **(int **)state;
    read_text(pid, before);
    struct patcher *patcher = patched(pid, "sled_*,site_*");
    for (int i = 0; i < TOGGLES; i++) {
        patcher_set_on(patcher, i % 2);
        carry(patcher);
        await_rounds(1);
    }
    read_text(pid, after);
    assert_memory_not_equal(before, after, sizeof before);
    patcher_set_on(patcher, false);
    carry(patcher);
    read_text(pid, after);
    assert_memory_equal(before, after, sizeof before);
    await_rounds(10);
    uint64_t sleds = *sled_calls, sites = *site_calls;
    await_rounds(1000);
    assert_int_equal(*sled_calls, sleds);
    assert_int_equal(*site_calls, sites);
    assert_int_equal(shared->wrong, 0);
    patcher_free(patcher);
}

static void test_function_is_refused_with_its_reason(void **state)
{
    struct patcher *patcher = patched(**(int **)state, "refused_*");
    const GArray *patches = patcher_patches(patcher);
    assert_int_equal(patches->len, 1);
    assert_int_equal(g_array_index(patches, struct patch, 0).state, PATCH_REFUSED);
    assert_string_equal(g_array_index(patches, struct patch, 0).reason,
                        "it jumps back to its first instruction");
    patcher_free(patcher);
}

static void test_function_too_many_is_refused_with_the_number(void **state)
{
    struct patcher *patcher = patched(**(int **)state, "many_*");
    const GArray *patches = patcher_patches(patcher);
    guint n_in = 0;
    char *expected = g_strdup_printf("%d functions are changed already, which is the most; name "
                                     "fewer, or build the program with 'proftop cc'",
                                     WIRE_CALLS_MAPPINGS);
    assert_true(patches->len > WIRE_CALLS_MAPPINGS);
    for (guint i = 0; i < patches->len; i++) {
        const struct patch *patch = &g_array_index(patches, struct patch, i);
        n_in += patch->state == PATCH_IN;
        if (patch->state != PATCH_IN)
            assert_string_equal(patch->reason, expected);
    }
    assert_int_equal(n_in, WIRE_CALLS_MAPPINGS);
    g_free(expected);
    patcher_free(patcher);
}

static bool has_patch(const struct patcher *patcher, uintptr_t address)
{
    const GArray *patches = patcher_patches(patcher);
    for (guint i = 0; i < patches->len; i++)
        if (g_array_index(patches, struct patch, i).address == address)
            return g_array_index(patches, struct patch, i).state == PATCH_IN;
    return false;
}

static void test_all_sleds_are_patched_and_let_go(void **state)
{
    struct patcher *patcher = new_patcher(**(int **)state);
    patcher_scan(patcher, NULL, false);
    carry(patcher);
    assert_int_equal(patcher_patches(patcher)->len, 0);
    patcher_scan(patcher, NULL, true);
    carry(patcher);
    assert_int_equal(patcher_patches(patcher)->len, 4);
    assert_true(has_patch(patcher, (uintptr_t)sled_sum));
    assert_true(has_patch(patcher, (uintptr_t)odd_both));
    patcher_scan(patcher, NULL, false);
    carry(patcher);
    assert_int_equal(patcher_patches(patcher)->len, 0);
    await_rounds(10);
    uint64_t sleds = *sled_calls;
    await_rounds(100);
    assert_int_equal(*sled_calls, sleds);
    patcher_free(patcher);
}

static void test_sleds_of_other_compilers_are_toggled(void **state)
{
    enum { ENTRY_BYTES = 8 };
    const uintptr_t entries[] = {(uintptr_t)odd_prefix, (uintptr_t)odd_endbr, (uintptr_t)odd_both};
    uint8_t bytes[ENTRY_BYTES];
    int pid = **(int **)state;
    struct patcher *patcher = patched(pid, "odd_*");
    int fd = patch_memory_open(pid);
    for (size_t i = 0; i < G_N_ELEMENTS(entries); i++) {
        assert_true(has_patch(patcher, entries[i]));
        assert_true(patch_memory_read(fd, entries[i], bytes, sizeof bytes));
        assert_memory_not_equal(bytes, (const void *)entries[i], sizeof bytes);
    }
    await_rounds(10);
    uint64_t rounds = shared->rounds, sleds = *sled_calls;
    await_rounds(1000);
    uint64_t n = shared->rounds - rounds;
    assert_in_range(*sled_calls - sleds, 3 * n - 18, 3 * n + 18 + n / 3);
    for (int i = 0; i < TOGGLES; i++) {
        patcher_set_on(patcher, i % 2);
        carry(patcher);
    }
    patcher_set_on(patcher, false);
    carry(patcher);
    for (size_t i = 0; i < G_N_ELEMENTS(entries); i++) {
        assert_true(patch_memory_read(fd, entries[i], bytes, sizeof bytes));
        assert_memory_equal(bytes, (const void *)entries[i], sizeof bytes);
    }
    await_rounds(1000);
    assert_int_equal(shared->wrong, 0);
    close(fd);
    patcher_free(patcher);
}

static void test_nothing_is_changed_while_a_library_goes(void **state)
{
    bool changed;
    int pid = **(int **)state;
    struct patcher *patcher = new_patcher(pid);
    struct calls_filter *filter = calls_filter_new("sled_*,site_*", NULL);
    patcher_scan(patcher, filter, false);
    shared->wire.unloading = 1;
    assert_false(patcher_carry_out(patcher, false, &changed));
    assert_false(patcher_carry_out(patcher, false, &changed));
    assert_false(has_patch(patcher, (uintptr_t)sled_sum));
    assert_false(has_patch(patcher, (uintptr_t)site_high));
    assert_int_equal(shared->wire.changing, 0);
    shared->wire.unloading = WIRE_UNLOADED; /* what was scanned may be another library by now */
    assert_false(patcher_carry_out(patcher, false, &changed));
    assert_false(has_patch(patcher, (uintptr_t)sled_sum));
    patcher_scan(patcher, filter, false);
    carry(patcher);
    assert_true(has_patch(patcher, (uintptr_t)sled_sum));
    assert_true(has_patch(patcher, (uintptr_t)site_high));
    assert_int_equal(shared->wire.changing, 0);
    calls_filter_free(filter);
    patcher_free(patcher);
}

static void give_order(enum order order)
{
    __atomic_store_n(&shared->order, order, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&shared->order, __ATOMIC_SEQ_CST) != NO_ORDER)
        sched_yield();
}

/* The patcher of a child that has begun to run. It has the code, as the target has it. */
static struct patcher *fork_target(const struct patcher *parent, int *ret_pid)
{
    static struct wire_calls_site sites[WIRE_CALLS_SITES];
    static struct wire_calls_mapping mappings[WIRE_CALLS_MAPPINGS];
    static uint8_t none[WIRE_CALLS_CODE_BYTES];
    shared->child = 0;
    give_order(FORK);
    while ((*ret_pid = __atomic_load_n(&shared->child, __ATOMIC_SEQ_CST)) == 0)
        sched_yield();
    shared->child_wire = shared->wire;
    return patcher_new_child(parent, &(struct patcher_options){.pid = *ret_pid,
                                                               .wire = &shared->child_wire,
                                                               .code = none,
                                                               .sites = sites,
                                                               .mappings = mappings});
}

static void test_forked_child_is_toggled_by_itself(void **state)
{
    uint8_t before[N_FUNCTIONS][TEXT_BYTES] = {0}, after[N_FUNCTIONS][TEXT_BYTES] = {0};
    uint8_t changed[N_FUNCTIONS][TEXT_BYTES] = {0};
    int pid = **(int **)state, child_pid;
    read_text(pid, before);
    struct patcher *parent = patched(pid, "sled_*,site_*");
    read_text(pid, changed);
    struct patcher *child = fork_target(parent, &child_pid);
    assert_true(has_patch(child, (uintptr_t)sled_sum));
    assert_true(has_patch(child, (uintptr_t)site_high));
    assert_true(has_patch(child, (uintptr_t)site_behind));
    patcher_set_on(child, false);
    carry(child);
    read_text(child_pid, after);
    assert_memory_equal(before, after, sizeof before);
    read_text(pid, after);
    assert_memory_equal(changed, after, sizeof after);
    patcher_set_on(parent, false);
    carry(parent);
    patcher_free(parent);
    patcher_set_on(child, true);
    carry(child);
    read_text(child_pid, after);
    assert_memory_equal(changed, after, sizeof after);
    assert_true(has_patch(child, (uintptr_t)site_behind));
    await_rounds(1000);
    assert_int_equal(shared->wrong, 0);
    kill(child_pid, SIGKILL);
    patcher_free(child);
}

static void test_changed_code_of_an_unknown_parent_is_refused(void **state)
{
    struct patcher *parent = patched(**(int **)state, "sled_*,site_*");
    struct patcher *stranger = patched(**(int **)state, "sled_*,site_*");
    const GArray *patches = patcher_patches(stranger);
    assert_int_equal(patches->len, N_FUNCTIONS);
    for (guint i = 0; i < patches->len; i++)
        assert_string_equal(g_array_index(patches, struct patch, i).reason,
                            "its code was changed already, in a process that this one was forked "
                            "from");
    patcher_free(stranger);
    patcher_free(parent);
}

static void test_code_is_put_back_when_an_unwinder_comes(void **state)
{
    static const char content[] = "a library";
    uint8_t before[N_FUNCTIONS][TEXT_BYTES] = {0}, after[N_FUNCTIONS][TEXT_BYTES] = {0};
    int pid = **(int **)state;
    char *folder = g_dir_make_tmp("proftop-XXXXXX", NULL);
    char *path = g_build_filename(folder, "libunwind.so.8", NULL);
    assert_true(g_file_set_contents(path, content, sizeof content, NULL));
    g_strlcpy(shared->library, path, sizeof shared->library);
    read_text(pid, before);
    struct patcher *patcher = patched(pid, "sled_*,site_*");
    give_order(MAP_LIBRARY);
    await_rounds(4);
    patcher_scan(patcher, NULL, false);
    carry(patcher);
    read_text(pid, after);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(g_array_index(patcher_patches(patcher), struct patch, 0).state, PATCH_REFUSED);
    assert_non_null(
        strstr(g_array_index(patcher_patches(patcher), struct patch, 0).reason, "libunwind"));
    g_unlink(path);
    g_rmdir(folder);
    g_free(path);
    g_free(folder);
    patcher_free(patcher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_patched_functions_are_counted_and_work, start_target,
                                        end_target),
        cmocka_unit_test_setup_teardown(test_toggling_leaves_the_text_as_it_was, start_target,
                                        end_target),
        cmocka_unit_test_setup_teardown(test_function_is_refused_with_its_reason, start_target,
                                        end_target),
        cmocka_unit_test_setup_teardown(test_function_too_many_is_refused_with_the_number,
                                        start_target, end_target),
        cmocka_unit_test_setup_teardown(test_all_sleds_are_patched_and_let_go, start_target,
                                        end_target),
        cmocka_unit_test_setup_teardown(test_sleds_of_other_compilers_are_toggled, start_target,
                                        end_target),
        cmocka_unit_test_setup_teardown(test_nothing_is_changed_while_a_library_goes, start_target,
                                        end_target),
        cmocka_unit_test_setup_teardown(test_forked_child_is_toggled_by_itself, start_target,
                                        end_target),
        cmocka_unit_test_setup_teardown(test_changed_code_of_an_unknown_parent_is_refused,
                                        start_target, end_target),
        cmocka_unit_test_setup_teardown(test_code_is_put_back_when_an_unwinder_comes, start_target,
                                        end_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
