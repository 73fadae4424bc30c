/*
 * What filters say: of the shapes that are in use, and of ones that the kernel would not take. What
 * the kernel itself says of a filter is asked in a child.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collectors/target/seccomp_filter.c"

#define N_ELEMENTS(array) (sizeof(array) / sizeof *(array))
#define LOAD(field)       BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(action)    BPF_STMT(BPF_RET | BPF_K, action)
#define ALLOW             ANSWER(SECCOMP_RET_ALLOW)
#define REFUSE            ANSWER(SECCOMP_RET_ERRNO | EPERM)

static bool allows(struct sock_filter *code, size_t n, int number)
{
    return seccomp_filter_allows(&(struct sock_fprog){(unsigned short)n, code}, number);
}

#define ALLOWS(code, number) allows(code, N_ELEMENTS(code), number)

static void test_only_allowing_and_logging_let_pass(void **state)
{
    (void)state;
    const struct {
        uint32_t answer;
        bool passes;
    } cases[] = {
        {SECCOMP_RET_ALLOW, true},          {SECCOMP_RET_LOG, true},
        {SECCOMP_RET_ALLOW | 0xffff, true}, /* data, which is for others */
        {SECCOMP_RET_ERRNO, false},         {SECCOMP_RET_ERRNO | EPERM, false},
        {SECCOMP_RET_TRAP, false},          {SECCOMP_RET_TRACE, false},
        {SECCOMP_RET_USER_NOTIF, false},    {SECCOMP_RET_KILL_THREAD, false},
        {SECCOMP_RET_KILL_PROCESS, false},
    };
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct sock_filter constant[] = {ANSWER(cases[i].answer)};
        assert_int_equal(ALLOWS(constant, 1), cases[i].passes);
        struct sock_filter computed[] = {BPF_STMT(BPF_LD | BPF_IMM, cases[i].answer),
                                         BPF_STMT(BPF_RET | BPF_A, 0)};
        assert_int_equal(ALLOWS(computed, 1), cases[i].passes);
    }
}

static void test_list_of_numbers_is_followed(void **state)
{
    (void)state;
    struct sock_filter listed[] = {
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 7, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 9, 1, 0),
        REFUSE,
        ALLOW,
    };
    for (int number = 0; number < 20; number++)
        assert_int_equal(ALLOWS(listed, number), number == 7 || number == 9);
}

/* As libseccomp makes it for long lists. */
static void test_tree_of_numbers_is_followed(void **state)
{
    (void)state;
    struct sock_filter tree[] = {
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 100, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 200, 3, 0), /* above 100 */
        BPF_STMT(BPF_JMP | BPF_JA, 1),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 100, 1, 0), /* up to 100 */
        REFUSE,
        ALLOW,
    };
    assert_false(ALLOWS(tree, 99));
    assert_true(ALLOWS(tree, 100));
    assert_false(ALLOWS(tree, 101));
    assert_false(ALLOWS(tree, 199));
    assert_true(ALLOWS(tree, 200));
}

static void test_architecture_is_this_one_and_arguments_are_none(void **state)
{
    (void)state;
    struct sock_filter code[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 5),
        LOAD(args[5]),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sizeof(struct seccomp_data), 0, 1),
        ALLOW,
        REFUSE,
    };
    assert_true(ALLOWS(code, 1));
    code[1].k = AUDIT_ARCH_I386;
    assert_false(ALLOWS(code, 1));
}

/* Whether `a` OPERATION `k` is `result`, the operand once a constant and once in X. */
static void assert_computes(uint16_t operation, uint32_t a, uint32_t k, uint32_t result)
{
    struct sock_filter constant[] = {
        BPF_STMT(BPF_LD | BPF_IMM, a), BPF_STMT(BPF_ALU | operation | BPF_K, k),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, result, 0, 1), ALLOW, REFUSE};
    assert_true(ALLOWS(constant, 1));
    struct sock_filter in_x[] = {BPF_STMT(BPF_LD | BPF_IMM, k),
                                 BPF_STMT(BPF_MISC | BPF_TAX, 0),
                                 BPF_STMT(BPF_LD | BPF_IMM, a),
                                 BPF_STMT(BPF_ALU | operation | BPF_X, 0),
                                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, result, 0, 1),
                                 ALLOW,
                                 REFUSE};
    assert_true(ALLOWS(in_x, 1));
}

static void test_computes_as_the_kernel_does(void **state)
{
    (void)state;
    assert_computes(BPF_ADD, UINT32_MAX, 2, 1);
    assert_computes(BPF_SUB, 1, 2, UINT32_MAX);
    assert_computes(BPF_MUL, 0x10001, 0x10000, 0x10000);
    assert_computes(BPF_DIV, 17, 5, 3);
    assert_computes(BPF_AND, 0xff0, 0x0ff, 0x0f0);
    assert_computes(BPF_OR, 0xff0, 0x0ff, 0xfff);
    assert_computes(BPF_XOR, 0xff0, 0x0ff, 0xf0f);
    assert_computes(BPF_LSH, 1, 31, 0x80000000);
    assert_computes(BPF_RSH, 0x80000000, 31, 1);
    assert_computes(BPF_NEG, 5, 0, (uint32_t)-5);
    /* The kernel does not take these as constants. */
    assert_computes(BPF_DIV, 17, 0, 0);
    assert_computes(BPF_LSH, 1, 32, 0);
    assert_computes(BPF_RSH, 1, UINT32_MAX, 0);
}

static void test_memory_and_registers_keep_their_values(void **state)
{
    (void)state;
    struct sock_filter code[] = {
        LOAD(nr),
        BPF_STMT(BPF_ST, BPF_MEMWORDS - 1),
        BPF_STMT(BPF_LDX | BPF_IMM, 3),
        BPF_STMT(BPF_STX, 0),
        BPF_STMT(BPF_LD | BPF_MEM, 0), /* 3 */
        BPF_STMT(BPF_LDX | BPF_MEM, BPF_MEMWORDS - 1),
        BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0), /* 3 + nr */
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_IMM, 0),
        BPF_STMT(BPF_MISC | BPF_TXA, 0),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 8, 0, 1), /* 8 to 15 */
        ALLOW,
        REFUSE,
    };
    for (int number = 0; number < 16; number++)
        assert_int_equal(ALLOWS(code, number), ((number + 3) & 8) != 0);
}

/* The kernel takes none of these; whoever shows one must not be believed. */
static void test_what_is_no_filter_lets_nothing_pass(void **state)
{
    (void)state;
    struct sock_filter bad[][3] = {
        {LOAD(nr), LOAD(nr), LOAD(nr)}, /* no end */
        {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, sizeof(struct seccomp_data) - 3), ALLOW, ALLOW},
        {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, UINT32_MAX), ALLOW, ALLOW},
        {BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), ALLOW, ALLOW},
        {BPF_STMT(BPF_LD | BPF_MEM, BPF_MEMWORDS), ALLOW, ALLOW},
        {BPF_STMT(BPF_LDX | BPF_MEM, UINT32_MAX), ALLOW, ALLOW},
        {BPF_STMT(BPF_ST, BPF_MEMWORDS), ALLOW, ALLOW},
        {BPF_STMT(BPF_STX, UINT32_MAX), ALLOW, ALLOW},
        {BPF_STMT(BPF_JMP | BPF_JA, 2), ALLOW, ALLOW},          /* behind the end */
        {BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX), ALLOW, ALLOW}, /* backwards, it would seem */
        {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 255, 255), ALLOW, ALLOW},
    };
    for (size_t i = 0; i < N_ELEMENTS(bad); i++)
        assert_false(ALLOWS(bad[i], 1));
    assert_false(allows(NULL, 0, 1));
}

/* In a child under the filter: whether the kernel lets getppid() pass; exit status 2: no filter. */
static int ask_kernel(struct sock_filter *code, size_t n)
{
    pid_t child = fork();
    if (child == 0) {
        struct sock_fprog program = {(unsigned short)n, code};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
            _exit(2);
        errno = 0;
        _exit(syscall(SYS_getppid) == -1 && errno == EPERM ? 1 : 0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Refuses getppid() when the computed word is what is expected: a difference would be seen. */
static void test_kernel_says_the_same(void **state)
{
    (void)state;
    for (uint32_t expected = 0; expected < 8; expected++) {
        struct sock_filter code[] = {
            LOAD(nr),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 8),
            BPF_STMT(BPF_LDX | BPF_IMM, 33),
            BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4),
            BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 5),
            BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
            BPF_STMT(BPF_ALU | BPF_NEG, 0),
            BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 7),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, expected, 0, 1),
            REFUSE,
            ALLOW,
        };
        int refused = ask_kernel(code, N_ELEMENTS(code));
        if (refused == 2)
            skip(); /* this process may not have a filter */
        assert_int_equal(!ALLOWS(code, SYS_getppid), refused);
        assert_true(ALLOWS(code, SYS_exit_group));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_allowing_and_logging_let_pass),
        cmocka_unit_test(test_list_of_numbers_is_followed),
        cmocka_unit_test(test_tree_of_numbers_is_followed),
        cmocka_unit_test(test_architecture_is_this_one_and_arguments_are_none),
        cmocka_unit_test(test_computes_as_the_kernel_does),
        cmocka_unit_test(test_memory_and_registers_keep_their_values),
        cmocka_unit_test(test_what_is_no_filter_lets_nothing_pass),
        cmocka_unit_test(test_kernel_says_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
