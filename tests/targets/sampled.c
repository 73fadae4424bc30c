/*
 * sampled FILE MODE: burns CPU time in ways that a sampler must see, and writes to FILE what there
 * is to see: a line "TID NS" for each thread with its CPU time when it ended.
 *
 *   threads  main and three others
 *   deep     in a function that is called by another; FILE begins with "0x...", where it returns to
 *   fork     main, then a child
 *   exec     main, then the same program again as `threads`
 *   both     each time in a system call with which a handler of its own gets due as well; FILE
 * begins with "0x...", where that begins unload   while two other threads are in dlclose(); FILE
 * has the CPU time before and after strict   after forbidding itself all but write and exit_group,
 * so also the return of a handler
 */
#include <dlfcn.h>
#include <link.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"

enum { THREADS = 3 };
static const double seconds = 0.4;
static FILE *seen;

static void note(void)
{
    fprintf(seen, "%d %llu\n", (int)gettid(),
            (unsigned long long)clock_ns(CLOCK_THREAD_CPUTIME_ID));
    fflush(seen);
}

static void *compute(void *argument)
{
    burn(seconds);
    note();
    return argument;
}

static void threads(void)
{
    pthread_t ids[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&ids[i], NULL, compute, NULL);
    compute(NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(ids[i], NULL);
}

static __attribute__((noipa)) void inner(void)
{
    fprintf(seen, "%p\n", __builtin_return_address(0));
    fflush(seen);
    for (int i = 0; i < 400; i++)
        spin(1000000);
}

static __attribute__((noipa)) void outer(void)
{
    inner();
    __asm__ volatile("");
}

static void on_signal(int number)
{
    (void)number;
}

static void both(void)
{
    uint64_t mask = UINT64_C(1) << 32 | UINT64_C(1) << (SIGUSR1 - 1);
    signal(SIGUSR1, on_signal);
    fprintf(seen, "%p\n", (void *)on_signal);
    fflush(seen);
    for (int i = 0; i < 30; i++) {
        syscall(SYS_rt_sigprocmask, SIG_BLOCK, &mask, NULL, sizeof mask);
        burn(0.012);
        raise(SIGUSR1);
        syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &mask, NULL, sizeof mask);
    }
}

static atomic_bool may_unload;
static atomic_int unloading[2];
static void *libraries[2];

static void *unload(void *number)
{
    while (!atomic_load(&may_unload))
        sched_yield();
    atomic_store(&unloading[(intptr_t)number], (int)gettid());
    dlclose(libraries[(intptr_t)number]);
    return NULL;
}

static void await_sleep(const atomic_int *tid)
{
    char path[64], state = 'R';
    while (atomic_load(tid) == 0)
        sched_yield();
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", atomic_load(tid));
    while (state != 'S') {
        FILE *file = fopen(path, "re");
        if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
            _exit(HOSTILE_CANNOT);
        fclose(file);
    }
}

/* The loader keeps its list of libraries meanwhile. */
static int in_loader(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)info;
    (void)size;
    (void)data;
    atomic_store(&may_unload, true);
    for (int i = 0; i < 2; i++)
        await_sleep(&unloading[i]);
    note();
    burn(0.2);
    note();
    return 1;
}

static void unload_two(const char *program)
{
    pthread_t ids[2];
    char path[4096];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%.*s/reuse_%s.so", (int)(strrchr(program, '/') - program),
                 program, i ? "second" : "first");
        if (!(libraries[i] = dlopen(path, RTLD_NOW)))
            _exit(HOSTILE_CANNOT);
    }
    for (intptr_t i = 0; i < 2; i++)
        pthread_create(&ids[i], NULL, unload, (void *)i);
    dl_iterate_phdr(in_loader, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(ids[i], NULL);
}

static void strict(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    burn(seconds);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
        _exit(HOSTILE_CANNOT);
    spin(400000000);
    _exit(HOSTILE_OK);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 2 ? argv[2] : "";
    seen = fopen(argc > 1 ? argv[1] : "/dev/null", "ae");
    if (!seen)
        return HOSTILE_CANNOT;
    if (strcmp(mode, "threads") == 0) {
        threads();
    } else if (strcmp(mode, "deep") == 0) {
        outer();
    } else if (strcmp(mode, "strict") == 0) {
        strict();
    } else if (strcmp(mode, "both") == 0) {
        both();
    } else if (strcmp(mode, "unload") == 0) {
        unload_two(argv[0]);
    } else {
        compute(NULL);
        if (strcmp(mode, "exec") == 0)
            execl("/proc/self/exe", "sampled", argv[1], "threads", (char *)NULL);
        if (fork() == 0) {
            compute(NULL);
            _exit(0);
        }
        wait(NULL);
    }
    return HOSTILE_OK;
}
