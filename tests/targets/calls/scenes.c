/*
 * Functions compiled with -finstrument-functions, called in ways that exact counts must survive.
 * `scenes FILE SCENE` plays one and writes down who was called how often.
 */
#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/targets/calls/account.h"

#define PLAIN   __attribute__((no_instrument_function))
#define COUNTED __attribute__((noinline, noclone))

static struct account accounts[ACCOUNTS];
static int n_accounts;
static const char *folder; /* of the program */

PLAIN static struct account *account(const char *name, void *function, uint64_t calls)
{
    struct account *account = &accounts[n_accounts++];
    strncpy(account->name, name, sizeof account->name - 1);
    account->address = (uintptr_t)function;
    account->calls = calls;
    return account;
}

#define ACCOUNT(function, calls) account(#function, (void *)(function), calls)

#define TICKS()                  __builtin_ia32_rdtsc()

/* ---- recursion ---- */

COUNTED static int fib(int n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

PLAIN static void play_fib(void)
{
    ACCOUNT(fib, 0);
    uint64_t start = TICKS();
    fib(25);
    accounts[0].ticks = TICKS() - start;
    accounts[0].calls = 242785;
}

static int odd(int n);

COUNTED static int even(int n)
{
    return n == 0 || odd(n - 1);
}

COUNTED static int odd(int n)
{
    return n != 0 && even(n - 1);
}

PLAIN static void play_mutual(void)
{
    ACCOUNT(even, 100 * 51);
    ACCOUNT(odd, 100 * 50);
    uint64_t start = TICKS();
    for (int i = 0; i < 100; i++)
        even(100);
    accounts[0].ticks = TICKS() - start;
}

COUNTED static int deep(int n)
{
    return n == 0 ? 0 : 1 + deep(n - 1);
}

PLAIN static void play_deep(void)
{
    ACCOUNT(deep, 100001);
    deep(100000);
}

/* ---- time ---- */

COUNTED static void nap(void)
{
    struct timespec left = {.tv_nsec = 10000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

COUNTED static void outer(void)
{
    nap();
}

PLAIN static void play_nap(void)
{
    ACCOUNT(nap, 1);
    nap();
}

PLAIN static void play_three_naps(void)
{
    ACCOUNT(nap, 3);
    for (int i = 0; i < 3; i++)
        nap();
}

PLAIN static void play_nested(void)
{
    ACCOUNT(outer, 1);
    ACCOUNT(nap, 1);
    uint64_t start = TICKS();
    outer();
    accounts[0].ticks = TICKS() - start;
}

/* ---- work ---- */

COUNTED static void burn(int n)
{
    for (volatile int i = 0; i < n; i++)
        ;
}

COUNTED static void branch(int n)
{
    burn(2000);
    burn(1000);
    if (n > 0)
        branch(n - 1);
    burn(500);
}

COUNTED static void tree(void)
{
    for (int i = 0; i < 5; i++)
        branch(i);
    burn(3000);
}

PLAIN static void play_tree(void)
{
    ACCOUNT(tree, 200);
    ACCOUNT(branch, 200 * 15);
    ACCOUNT(burn, 200 * 46);
    uint64_t start = TICKS();
    for (int i = 0; i < 200; i++)
        tree();
    accounts[0].ticks = TICKS() - start;
}

/* ---- callbacks ---- */

static int n_compared;

COUNTED static int compare(const void *left, const void *right)
{
    int a = *(const int *)left, b = *(const int *)right;
    n_compared++;
    return (a > b) - (a < b);
}

COUNTED static void sort(void)
{
    int numbers[1000];
    for (int i = 0; i < 1000; i++)
        numbers[i] = i * 7919 % 1000;
    qsort(numbers, 1000, sizeof *numbers, compare);
}

PLAIN static void play_qsort(void)
{
    for (int i = 0; i < 10; i++)
        sort();
    ACCOUNT(sort, 10);
    ACCOUNT(compare, (uint64_t)n_compared);
}

/* ---- frames that change ---- */

COUNTED static int leaf(int n)
{
    __asm__ volatile("" : "+r"(n));
    return n;
}

COUNTED static int with_alloca(int n)
{
    char *room = alloca((size_t)n * 100 + 16);
    room[0] = (char)leaf(n);
    __asm__ volatile("" ::"r"(room) : "memory");
    return leaf(n);
}

/* Its exit is a jump. */
COUNTED static void jumps_out(int n)
{
    leaf(n);
}

COUNTED static void around_jump(int n)
{
    jumps_out(n);
    jumps_out(n);
}

PLAIN static void play_frames(void)
{
    for (int i = 0; i < 1000; i++) {
        with_alloca(i % 50);
        around_jump(i);
    }
    ACCOUNT(leaf, 4000);
    ACCOUNT(with_alloca, 1000);
    ACCOUNT(jumps_out, 2000);
    ACCOUNT(around_jump, 1000);
}

/* ---- jumps ---- */

static jmp_buf back;

COUNTED static void third(void)
{
    longjmp(back, 1);
}

COUNTED static void second(void)
{
    third();
    __asm__ volatile("");
}

COUNTED static void first(void)
{
    second();
    __asm__ volatile("");
}

COUNTED static void tries(void)
{
    if (setjmp(back) == 0)
        first();
}

PLAIN static void play_longjmp(void)
{
    const int n = 1000000;
    for (int i = 0; i < n; i++)
        tries();
    ACCOUNT(tries, n);
    ACCOUNT(first, n);
    ACCOUNT(second, n);
    ACCOUNT(third, n);
}

/* ---- signals ---- */

static volatile int n_signals, n_handled;

COUNTED static void handled(void)
{
    __atomic_fetch_add(&n_handled, 1, __ATOMIC_RELAXED);
}

COUNTED static void on_signal(int number)
{
    (void)number;
    __atomic_fetch_add(&n_signals, 1, __ATOMIC_RELAXED);
    handled();
    handled();
}

PLAIN static void handle(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags | SA_RESTART};
    sigaction(number, &action, NULL);
}

PLAIN static void *send_signals(void *data)
{
    const volatile bool *ends = data;
    while (!*ends) {
        syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
        for (volatile int i = 0; i < 200; i++)
            ;
    }
    return NULL;
}

PLAIN static void play_signals_with(int flags)
{
    static volatile bool ends;
    const struct itimerval often = {{0, 100}, {0, 100}}, never = {{0, 0}, {0, 0}};
    pthread_t sender;
    int n_fibs = 0;
    handle(SIGUSR1, on_signal, flags);
    handle(SIGALRM, on_signal, flags);
    pthread_create(&sender, NULL, send_signals, (void *)&ends);
    setitimer(ITIMER_REAL, &often, NULL);
    for (; n_signals < 20000; n_fibs++)
        fib(15);
    setitimer(ITIMER_REAL, &never, NULL);
    ends = true;
    pthread_join(sender, NULL);
    signal(SIGALRM, SIG_IGN);
    ACCOUNT(fib, (uint64_t)n_fibs * 1973);
    ACCOUNT(on_signal, (uint64_t)n_signals);
    ACCOUNT(handled, (uint64_t)n_handled);
}

PLAIN static void play_signals(void)
{
    play_signals_with(0);
}

PLAIN static void play_signals_elsewhere(void)
{
    static char room[1 << 16];
    stack_t stack = {.ss_sp = room, .ss_size = sizeof room};
    sigaltstack(&stack, NULL);
    play_signals_with(SA_ONSTACK);
}

static sigjmp_buf escape;
static volatile int may_escape, n_escapes;

/* Leaves whatever it has interrupted, hooks as well. */
COUNTED static void on_escape(int number)
{
    (void)number;
    if (!may_escape)
        return;
    may_escape = 0;
    n_escapes++;
    siglongjmp(escape, 1);
}

PLAIN static void play_escapes(void)
{
    const struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
    handle(SIGALRM, on_escape, 0);
    setitimer(ITIMER_REAL, &often, NULL);
    sigsetjmp(escape, 1);
    while (n_escapes < 10000) {
        may_escape = 1;
        fib(10);
        may_escape = 0;
    }
    setitimer(ITIMER_REAL, &never, NULL);
    for (int i = 0; i < 1000; i++)
        around_jump(i);
    ACCOUNT(leaf, 2000);
    ACCOUNT(jumps_out, 2000);
    ACCOUNT(around_jump, 1000);
}

/* ---- threads ---- */

COUNTED static void *work(void *data)
{
    for (int i = 0; i < 20000; i++)
        leaf(i);
    fib(15);
    return data;
}

PLAIN static void play_threads(void)
{
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    ACCOUNT(work, 8);
    ACCOUNT(leaf, 8 * 20000);
    ACCOUNT(fib, 8 * 1973);
}

COUNTED static void *short_thread(void *data)
{
    leaf(1);
    return data;
}

PLAIN static void play_churn(void)
{
    for (int i = 0; i < 10000; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, short_thread, NULL);
        pthread_join(thread, NULL);
    }
    ACCOUNT(short_thread, 10000);
    ACCOUNT(leaf, 10000);
}

COUNTED static void *exits(void *data)
{
    leaf(1);
    pthread_exit(data);
}

COUNTED static void *waits(void *data)
{
    leaf(1);
    for (;;)
        pause();
    return data;
}

PLAIN static void play_thread_ends(void)
{
    for (int i = 0; i < 100; i++) {
        pthread_t one, two;
        pthread_create(&one, NULL, exits, NULL);
        pthread_create(&two, NULL, waits, NULL);
        pthread_cancel(two);
        pthread_join(one, NULL);
        pthread_join(two, NULL);
    }
    ACCOUNT(exits, 100);
}

/* ---- fork ---- */

PLAIN static void play_fork(void)
{
    leaf(1);
    for (int i = 0; i < 100; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            leaf(2);
            fib(5);
            _exit(0);
        }
        waitpid(child, &status, 0);
        if (status != 0)
            _exit(1);
        leaf(3);
    }
    ACCOUNT(leaf, 101);
    ACCOUNT(fib, 0);
}

static volatile int n_forks;

/* A child goes on with what was interrupted. */
COUNTED static void on_alarm_fork(int number)
{
    (void)number;
    if (n_forks >= 300)
        return;
    n_forks++;
    pid_t child = fork();
    if (child == 0) {
        n_forks = 1000000;
        return;
    }
    int status;
    waitpid(child, &status, 0);
    if (status != 0)
        _exit(1);
}

PLAIN static void play_fork_in_handler(void)
{
    const struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    pid_t parent = getpid();
    int n_fibs = 0;
    handle(SIGALRM, on_alarm_fork, 0);
    setitimer(ITIMER_REAL, &often, NULL);
    for (; n_forks < 300; n_fibs++)
        fib(12);
    setitimer(ITIMER_REAL, &never, NULL);
    if (getpid() != parent) {
        fib(12);
        _exit(0);
    }
    ACCOUNT(fib, (uint64_t)n_fibs * 465);
}

/* In a thread that has just begun to call. */
static void *calls_and_ends(void *data)
{
    leaf(1);
    if (n_forks >= 1000000)
        _exit(0);
    return data;
}

PLAIN static void play_fork_in_new_threads(void)
{
    const struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    pthread_attr_t attributes;
    sigset_t alarm, none;
    int n_threads = 0;
    sigemptyset(&none);
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, NULL); /* theirs alone */
    pthread_attr_init(&attributes);
    pthread_attr_setsigmask_np(&attributes, &none);
    handle(SIGALRM, on_alarm_fork, 0);
    setitimer(ITIMER_REAL, &often, NULL);
    for (; n_forks < 300; n_threads++) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, calls_and_ends, NULL) != 0)
            _exit(2);
        pthread_join(thread, NULL);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    ACCOUNT(calls_and_ends, (uint64_t)n_threads);
}

/* ---- more threads than lanes ---- */

enum { MANY_THREADS = 1100, STACK_BYTES = 64 << 10, PAGES_MAX = 100 };
static pthread_barrier_t all_are_there;
static volatile int n_handled_here;

static void *calls_and_stays(void *data)
{
    pthread_barrier_wait(&all_are_there);
    pause();
    return data;
}

COUNTED static void on_alarm_call(int number)
{
    leaf(number);
    n_handled_here++;
}

/* Of memory that is the process's own. */
PLAIN static long own_pages(void)
{
    long pages = -1;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*d %*d %*d %*d %*d %ld", &pages) != 1)
        _exit(1);
    fclose(file);
    return pages;
}

/* Those who find no lane are not given half of what they need again and again. */
PLAIN static void play_crowd(void)
{
    const struct itimerval often = {{0, 100}, {0, 100}}, never = {{0, 0}, {0, 0}};
    pthread_attr_t attributes;
    fib(12);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_barrier_init(&all_are_there, NULL, MANY_THREADS + 1);
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, NULL); /* theirs */
    for (int i = 0; i < MANY_THREADS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, calls_and_stays, NULL) != 0)
            _exit(2);
    }
    pthread_barrier_wait(&all_are_there);
    pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
    long before = own_pages();
    handle(SIGALRM, on_alarm_call, 0);
    setitimer(ITIMER_REAL, &often, NULL);
    while (n_handled_here < 2000)
        fib(12);
    setitimer(ITIMER_REAL, &never, NULL);
    if (own_pages() > before + PAGES_MAX)
        _exit(3);
    ACCOUNT(calls_and_stays, 0);
}

/* ---- libraries ---- */

/* Two libraries take turns at one place. */
PLAIN static void play_reuse(void)
{
    const char *const names[] = {"first", "second"};
    void *addresses[2] = {NULL, NULL};
    for (int i = 0; i < 40; i++) {
        char path[600], symbol[32];
        snprintf(path, sizeof path, "%s/%s-cyg.so", folder, names[i % 2]);
        snprintf(symbol, sizeof symbol, "%s_outer", names[i % 2]);
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        long (*outer)(long) = library ? (long (*)(long))dlsym(library, symbol) : NULL;
        if (!outer || outer(i) == 0)
            _exit(1);
        addresses[i % 2] = (void *)outer;
        dlclose(library);
    }
    account("first_outer", addresses[0], 20);
    account("second_outer", addresses[1], 20);
}

/* ---- cost ---- */

PLAIN static void play_speed(void)
{
    const int n = 10000000;
    uint64_t least = UINT64_MAX;
    for (int round = 0; round < 3; round++) {
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        for (int i = 0; i < n; i++)
            leaf(i);
        clock_gettime(CLOCK_MONOTONIC, &end);
        uint64_t ns = (uint64_t)(end.tv_sec - start.tv_sec) * 1000000000 +
                      (uint64_t)(end.tv_nsec - start.tv_nsec);
        least = ns < least ? ns : least;
    }
    ACCOUNT(leaf, 3 * (uint64_t)n)->ticks = least * 100 / (uint64_t)n;
}

/* ---- */

static const struct scene {
    const char *name;
    void (*play)(void);
} scenes[] = {
    {"fib", play_fib},
    {"mutual", play_mutual},
    {"deep", play_deep},
    {"nap", play_nap},
    {"three_naps", play_three_naps},
    {"nested", play_nested},
    {"tree", play_tree},
    {"qsort", play_qsort},
    {"frames", play_frames},
    {"longjmp", play_longjmp},
    {"signals", play_signals},
    {"signals_elsewhere", play_signals_elsewhere},
    {"escapes", play_escapes},
    {"threads", play_threads},
    {"churn", play_churn},
    {"thread_ends", play_thread_ends},
    {"fork", play_fork},
    {"fork_in_handler", play_fork_in_handler},
    {"fork_in_new_threads", play_fork_in_new_threads},
    {"crowd", play_crowd},
    {"reuse", play_reuse},
    {"speed", play_speed},
};

PLAIN int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    folder = dirname(strdup(argv[0]));
    int fd = open(argv[1], O_WRONLY | O_TRUNC);
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
        if (strcmp(scenes[i].name, argv[2]) == 0)
            scenes[i].play();
    size_t bytes = (size_t)n_accounts * sizeof *accounts;
    return write(fd, accounts, bytes) == (ssize_t)bytes ? 7 : 1;
}
