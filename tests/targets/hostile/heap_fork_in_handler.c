/*
 * Forks in a signal handler, also in one that has interrupted a call of the allocator:
 * `heap_fork_in_handler MODE`. Each child goes on where the handler has interrupted its parent, in
 * the midst of that call, and uses the heap for a while.
 *
 *   return   the handler returns in the child
 *   again    it forks once more first; both go on
 *
 * With tests/targets/heap/bump.c preloaded, whose functions may be interrupted anywhere:
 *
 *   jump     the handler leaves by siglongjmp() in the child
 *   threads  other threads use the heap all the time
 *   blocks   the handler itself allocates in the child
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"

enum { CHILDREN = 300, CHILDREN_OF_THREADS = 60, BUSY = 2, BLOCKS = 64, ROUNDS = 2000 };

static volatile sig_atomic_t n_children, is_child, is_over;
static int n_wanted = CHILDREN;
static const char *mode;
static sigjmp_buf back;

static int is_mode(const char *name)
{
    return strcmp(mode, name) == 0;
}

static void become_child(void)
{
    is_child = 1;
    alarm(20);
    signal(SIGALRM, SIG_DFL);
    if (is_mode("again")) {
        int status;
        pid_t pid = fork();
        if (pid > 0 && (waitpid(pid, &status, 0) != pid || status != HOSTILE_OK << 8))
            _exit(HOSTILE_BROKEN);
    } else if (is_mode("jump")) {
        siglongjmp(back, 1);
    } else if (is_mode("blocks")) {
        for (int i = 0; i < 100; i++)
            free(realloc(malloc(10), 5000));
    }
}

static void handler(int number)
{
    int saved_errno = errno;
    (void)number;
    if (!is_child && n_children < n_wanted) {
        pid_t pid = fork();
        if (pid == 0)
            become_child();
        else if (pid > 0)
            n_children++;
    }
    errno = saved_errno;
}

static void *blocks[BLOCKS];
static unsigned seed = 1;

static __attribute__((noipa)) void use_heap(void)
{
    seed = seed * 1103515245 + 12345;
    size_t size = seed >> 16 & 2047;
    void **block = &blocks[seed % BLOCKS];
    free(*block);
    *block = size % 3 ? malloc(size + 1) : calloc(1, size + 1);
    *block = realloc(*block, 2 * size + 1);
    if (!*block)
        _exit(HOSTILE_BROKEN);
    memset(*block, 1, 2 * size + 1);
}

static void *busy_thread(void *arg)
{
    while (!is_over) {
        void *volatile block = malloc(128);
        free(block);
    }
    return arg;
}

static void collect(int options)
{
    int status;
    while (waitpid(-1, &status, options) > 0)
        if (status != HOSTILE_OK << 8)
            broken("a child ended with status %x", status);
}

static void start_timer(void)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    struct itimerval timer = {{0, 1000}, {0, 1000}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void start_threads(void)
{
    pthread_t thread;
    sigset_t alarms;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarms, NULL);
    for (int i = 0; i < BUSY; i++)
        if (pthread_create(&thread, NULL, busy_thread, NULL) != 0)
            cannot("no threads");
    pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
}

int main(int argc, char **argv)
{
    mode = argc > 1 ? argv[1] : "return";
    if (is_mode("threads")) {
        n_wanted = CHILDREN_OF_THREADS; /* whose memory grows */
        start_threads();
    }
    sigsetjmp(back, 1);
    if (!is_child)
        start_timer();
    while (!is_child && n_children < n_wanted) {
        use_heap();
        collect(WNOHANG);
    }
    if (is_child) {
        for (int i = 0; i < ROUNDS; i++)
            use_heap();
        _exit(HOSTILE_OK);
    }
    collect(0);
    is_over = 1;
    printf("heap_fork_in_handler: done\n");
    return HOSTILE_OK;
}
