/* Functions called in forked children of the test, whose threads watch over what they do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/target/remote_call.h"

enum { CALLS = 1000, SIGNALS = 300, PATIENCE_MS = 5000 };

/* What test and target share. */
static struct {
    int calls;   /* of the function */
    int harm;    /* whatever should not have happened */
    int ready;   /* threads that are under way */
    int rounds;  /* of busy threads */
    int signals; /* that were handled */
    int word;    /* nobody wakes it */
} * shared;

static void add(int *counter)
{
    __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

static int value(const int *counter)
{
    return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

/* Leaves no register as it was that a function may change, nor others of the vector unit. */
static void count_a_call(void)
{
    add(&shared->calls);
    __asm__ volatile(
        "pcmpeqd %%xmm0, %%xmm0; movaps %%xmm0, %%xmm1; movaps %%xmm0, %%xmm7;"
        "movaps %%xmm0, %%xmm15; xor %%eax, %%eax; xor %%ecx, %%ecx; xor %%edx, %%edx;"
        "xor %%esi, %%esi; xor %%edi, %%edi; xor %%r8d, %%r8d; xor %%r11d, %%r11d; std; cld" ::
            : "xmm0", "xmm1", "xmm7", "xmm15", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r11",
              "cc");
}

static void never_return(void)
{
    for (;;)
        add(&shared->calls);
}

/* ---- threads of the target ---- */

/* Keeps values in vector registers and in the red zone while it counts down. */
static void *watch_registers(void *data)
{
    (void)data;
    for (add(&shared->ready);; add(&shared->rounds)) {
        uint64_t low = 0x123456789abcdef0, high = 0, below = 0, n = 20000;
        __asm__ volatile("movq %[low], %%xmm15; movq %[low], %%xmm1; mov %[low], -64(%%rsp);"
                         "1: movq %%xmm1, %%rdx; cmp %%rdx, %[low]; jne 2f;"
                         "dec %[n]; jne 1b;"
                         "2: movq %%xmm15, %[high]; mov -64(%%rsp), %[below]"
                         : [high] "=&r"(high), [below] "=&r"(below), [n] "+&r"(n)
                         : [low] "r"(low)
                         : "xmm1", "xmm15", "rdx", "cc", "memory");
        if (n != 0 || high != low || below != low)
            add(&shared->harm);
    }
    return NULL;
}

static void *watch_heap(void *data)
{
    (void)data;
    for (add(&shared->ready);; add(&shared->rounds)) {
        size_t n = 16 + (size_t)(value(&shared->rounds) % 4000);
        char *block = malloc(n);
        memset(block, 7, n);
        if (block[n - 1] != 7 || block[0] != 7)
            add(&shared->harm);
        free(block);
    }
    return NULL;
}

static void *watch_sleep(void *data)
{
    (void)data;
    add(&shared->ready);
    for (;;) {
        struct timespec before, after, nap = {.tv_nsec = 3000000};
        clock_gettime(CLOCK_MONOTONIC, &before);
        int result = nanosleep(&nap, NULL);
        clock_gettime(CLOCK_MONOTONIC, &after);
        int64_t slept =
            (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
        if (result != 0 || slept < nap.tv_nsec)
            add(&shared->harm);
    }
    return NULL;
}

static void *watch_futex(void *data)
{
    (void)data;
    add(&shared->ready);
    syscall(SYS_futex, &shared->word, FUTEX_WAIT, 0, NULL, NULL, 0);
    add(&shared->harm);
    return NULL;
}

static void *watch_pipe(void *data)
{
    int ends[2];
    char byte;
    (void)data;
    if (pipe(ends) != 0)
        add(&shared->harm);
    add(&shared->ready);
    if (read(ends[0], &byte, 1) != 0)
        add(&shared->harm);
    add(&shared->harm);
    return NULL;
}

static void *watch_epoll(void *data)
{
    struct epoll_event event;
    int fd = epoll_create1(0);
    (void)data;
    add(&shared->ready);
    epoll_wait(fd, &event, 1, -1);
    add(&shared->harm);
    return NULL;
}

static void count_signal(int number)
{
    (void)number;
    add(&shared->signals);
}

typedef void *watch_function(void *data);

/* A process whose first thread is the last of the list; ends with the test. */
static int start_target(watch_function *const *threads, size_t n)
{
    memset(shared, 0, sizeof *shared);
    int pid = fork();
    if (pid == 0) {
        pthread_t thread;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGRTMIN + 3, count_signal);
        for (size_t i = 0; i + 1 < n; i++)
            pthread_create(&thread, NULL, threads[i], NULL);
        threads[n - 1](NULL);
        _exit(0);
    }
    assert_true(pid > 0);
    while (value(&shared->ready) < (int)n)
        sched_yield();
    return pid;
}

static void end_target(int pid)
{
    int status;
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) == pid && !WIFSIGNALED(status))
        ;
}

/* Calls until it has been done; tells how often it was put off. */
static int call(int pid, void (*function)(void))
{
    enum remote_call_outcome outcome;
    int put_off = 0;
    do {
        GError *error = NULL;
        outcome = remote_call_run(pid, (uintptr_t)function, PATIENCE_MS, &error);
        if (outcome == REMOTE_CALL_REFUSED)
            fail_msg("refused: %s", error->message);
        put_off += outcome == REMOTE_CALL_LATER;
        g_clear_error(&error);
    } while (outcome == REMOTE_CALL_LATER && put_off < 100000);
    assert_int_equal(outcome, REMOTE_CALL_DONE);
    return put_off;
}

static enum remote_call_outcome call_once(int pid, void (*function)(void), int timeout_ms)
{
    GError *error = NULL;
    enum remote_call_outcome outcome =
        remote_call_run(pid, (uintptr_t)function, timeout_ms, &error);
    assert_true((outcome == REMOTE_CALL_DONE) == (error == NULL));
    g_clear_error(&error);
    return outcome;
}

/* Whether the target still does its work. */
static void assert_unharmed(void)
{
    int rounds = value(&shared->rounds);
    while (value(&shared->rounds) < rounds + 3 && value(&shared->harm) == 0)
        sched_yield();
    assert_int_equal(value(&shared->harm), 0);
}

static void test_call_does_no_harm_to_busy_threads(void **state)
{
    watch_function *const threads[] = {watch_heap, watch_registers, watch_sleep,    watch_futex,
                                       watch_pipe, watch_epoll,     watch_registers};
    (void)state;
    int pid = start_target(threads, G_N_ELEMENTS(threads));
    for (int i = 0; i < CALLS; i++)
        call(pid, count_a_call);
    assert_int_equal(value(&shared->calls), CALLS);
    assert_unharmed();
    end_target(pid);
}

static void test_call_does_no_harm_to_waiting_threads(void **state)
{
    watch_function *const threads[] = {watch_sleep, watch_futex, watch_epoll, watch_pipe};
    (void)state;
    int pid = start_target(threads, G_N_ELEMENTS(threads));
    for (int i = 0; i < CALLS; i++)
        call(pid, count_a_call);
    assert_int_equal(value(&shared->calls), CALLS);
    assert_int_equal(value(&shared->harm), 0);
    end_target(pid);
}

static void test_call_is_put_off_when_a_thread_would_notice(void **state)
{
    watch_function *const threads[] = {watch_epoll};
    (void)state;
    int pid = start_target(threads, 1);
    while (call_once(pid, count_a_call, PATIENCE_MS) != REMOTE_CALL_LATER)
        ; /* it may not wait yet */
    int calls = value(&shared->calls);
    for (int i = 0; i < 100; i++)
        assert_int_equal(call_once(pid, count_a_call, PATIENCE_MS), REMOTE_CALL_LATER);
    assert_int_equal(value(&shared->calls), calls);
    assert_int_equal(value(&shared->harm), 0);
    end_target(pid);
}

static void test_signals_arrive_exactly_once(void **state)
{
    watch_function *const threads[] = {watch_registers};
    (void)state;
    int pid = start_target(threads, 1);
    for (int i = 0; i < SIGNALS; i++) {
        assert_int_equal(sigqueue(pid, SIGRTMIN + 3, (union sigval){0}), 0);
        call(pid, count_a_call);
    }
    while (value(&shared->signals) < SIGNALS)
        sched_yield();
    assert_unharmed();
    assert_int_equal(value(&shared->signals), SIGNALS);
    end_target(pid);
}

static void test_function_that_does_not_return_is_left(void **state)
{
    watch_function *const threads[] = {watch_registers};
    (void)state;
    int pid = start_target(threads, 1);
    assert_int_equal(call_once(pid, never_return, 50), REMOTE_CALL_REFUSED);
    int calls = value(&shared->calls);
    assert_unharmed();
    assert_int_equal(value(&shared->calls), calls);
    end_target(pid);
}

static void test_function_that_fails_is_left(void **state)
{
    watch_function *const threads[] = {watch_registers};
    (void)state;
    int pid = start_target(threads, 1);
    assert_int_equal(call_once(pid, (void (*)(void))(uintptr_t)0x1234, 1000), REMOTE_CALL_REFUSED);
    assert_unharmed();
    end_target(pid);
}

static void test_stopped_process_stays_stopped(void **state)
{
    watch_function *const threads[] = {watch_registers};
    int status;
    (void)state;
    int pid = start_target(threads, 1);
    kill(pid, SIGSTOP);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_int_equal(call_once(pid, count_a_call, 1000), REMOTE_CALL_LATER);
    assert_int_equal(value(&shared->calls), 0);
    kill(pid, SIGCONT);
    call(pid, count_a_call);
    assert_unharmed();
    end_target(pid);
}

static void *watch_traced(void *data)
{
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    return watch_registers(data);
}

static void *watch_with_seccomp(void *data)
{
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0);
    return watch_registers(data);
}

static void test_traced_process_is_refused(void **state)
{
    watch_function *const threads[] = {watch_traced};
    (void)state;
    int pid = start_target(threads, 1);
    assert_int_equal(call_once(pid, count_a_call, 1000), REMOTE_CALL_REFUSED);
    assert_unharmed();
    end_target(pid);
}

static void test_process_with_seccomp_is_refused(void **state)
{
    watch_function *const threads[] = {watch_with_seccomp};
    (void)state;
    int pid = start_target(threads, 1);
    assert_int_equal(call_once(pid, count_a_call, 1000), REMOTE_CALL_REFUSED);
    assert_unharmed();
    end_target(pid);
}

static void test_ended_process_is_refused(void **state)
{
    watch_function *const threads[] = {watch_registers};
    (void)state;
    int pid = start_target(threads, 1);
    end_target(pid);
    assert_int_equal(call_once(pid, count_a_call, 1000), REMOTE_CALL_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call_does_no_harm_to_busy_threads),
        cmocka_unit_test(test_call_does_no_harm_to_waiting_threads),
        cmocka_unit_test(test_call_is_put_off_when_a_thread_would_notice),
        cmocka_unit_test(test_signals_arrive_exactly_once),
        cmocka_unit_test(test_function_that_does_not_return_is_left),
        cmocka_unit_test(test_function_that_fails_is_left),
        cmocka_unit_test(test_stopped_process_stays_stopped),
        cmocka_unit_test(test_traced_process_is_refused),
        cmocka_unit_test(test_process_with_seccomp_is_refused),
        cmocka_unit_test(test_ended_process_is_refused),
    };
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
