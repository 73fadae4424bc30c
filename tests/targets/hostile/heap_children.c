/*
 * Makes children while it uses the heap: `heap_children MODE`. What the parent allocates is the
 * same each time, 1000 blocks in parent_take(), of which 100 stay; each child takes 50 in
 * child_take().
 *
 *   fork     a hundred children, one after the other, that leave by _exit()
 *   threads  children of a process whose eight threads allocate all the time
 *   raw      children by system call, past all that libc does for a fork
 *   vfork    vfork() and exec
 *   spawn    posix_spawn()
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"

enum { CHILDREN = 100, BUSY = 8 };

extern char **environ;
static volatile int busy = 1;

__attribute__((noipa)) void *parent_take(void)
{
    void *block = malloc(40);
    return memset(block, 1, 40);
}

__attribute__((noipa)) void *child_take(void)
{
    void *block = malloc(90);
    return memset(block, 2, 90);
}

static void work_of_parent(void)
{
    for (int i = 0; i < 10; i++) {
        void *volatile block = parent_take();
        if (i)
            free(block);
    }
}

static void work_of_child(void)
{
    alarm(10);
    for (int i = 0; i < 50; i++) {
        char *block = child_take();
        if (block[89] != 2)
            _exit(HOSTILE_BROKEN);
        if (i % 2)
            free(block);
    }
    _exit(HOSTILE_OK);
}

__attribute__((noipa)) void *busy_thread(void *arg)
{
    while (busy) {
        void *volatile block = malloc(128);
        free(block);
    }
    return arg;
}

/* A child as the mode has it; how it ends. */
static pid_t make_child(const char *mode)
{
    static char *argv[] = {"true", NULL};
    pid_t pid = -1;
    if (strcmp(mode, "spawn") == 0) {
        return posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) == 0 ? pid : -1;
    } else if (strcmp(mode, "vfork") == 0) {
        pid = vfork();
        if (pid == 0) {
            execv("/bin/true", argv);
            _exit(1);
        }
    } else {
        pid = strcmp(mode, "raw") == 0 ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : fork();
        if (pid == 0)
            work_of_child();
    }
    return pid;
}

static void check_child(const char *mode)
{
    int status,
        wanted = strcmp(mode, "spawn") == 0 || strcmp(mode, "vfork") == 0 ? 0 : HOSTILE_OK << 8;
    pid_t pid = make_child(mode);
    if (pid < 0)
        cannot("no child");
    if (waitpid(pid, &status, 0) != pid || status != wanted)
        broken("a child ended with status %x", status);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "fork";
    pthread_t threads[BUSY];
    int n_threads = strcmp(mode, "threads") == 0 ? BUSY : 0;
    for (int i = 0; i < n_threads; i++)
        if (pthread_create(&threads[i], NULL, busy_thread, NULL) != 0)
            cannot("no threads");
    for (int i = 0; i < CHILDREN; i++) {
        work_of_parent();
        check_child(mode);
    }
    busy = 0;
    for (int i = 0; i < n_threads; i++)
        pthread_join(threads[i], NULL);
    printf("heap_children: done\n");
    return HOSTILE_OK;
}
