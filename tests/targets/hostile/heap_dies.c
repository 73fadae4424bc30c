/*
 * Ends in every way that runs no destructor: `heap_dies MODE`. Before that, 500 blocks in
 * take_and_keep() of which 200 stay, 12800 bytes, and a line on stdout. Modes: kill, abort, _exit,
 * quick_exit, segv, exec, exit, hang (until it is killed), oom (allocates until there is no more,
 * then is killed), touch (uses all that it allocates, until the system ends it), thread (by a
 * thread while others allocate).
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "tests/targets/hostile/hostile.h"

__attribute__((noipa)) void *take_and_keep(void)
{
    void *block = malloc(64);
    return memset(block, 1, 64);
}

__attribute__((noipa)) void *take_all(size_t size)
{
    void *block = malloc(size);
    __asm__ volatile("" ::: "memory");
    return block;
}

static void say(const char *line)
{
    if (write(STDOUT_FILENO, line, strlen(line)) < 0)
        _exit(HOSTILE_BROKEN);
}

static void *busy_thread(void *arg)
{
    for (;;) {
        void *volatile block = malloc(200);
        free(block);
    }
    return arg;
}

static void *ending_thread(void *arg)
{
    burn(.01);
    kill(getpid(), SIGKILL);
    return arg;
}

static void by_a_thread(void)
{
    pthread_t thread;
    for (int i = 0; i < 4; i++)
        pthread_create(&thread, NULL, i < 3 ? busy_thread : ending_thread, NULL);
    busy_thread(NULL);
}

static void use_all(int touch)
{
    char *block;
    while ((block = take_all(1 << 16)))
        if (touch)
            memset(block, 1, 1 << 16);
    say("no more\n");
    kill(getpid(), SIGKILL);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "exit";
    for (int i = 0; i < 500; i++) {
        void *volatile block = take_and_keep();
        if (i % 5 >= 2)
            free(block);
    }
    say("ready\n");
    if (strcmp(mode, "kill") == 0)
        kill(getpid(), SIGKILL);
    else if (strcmp(mode, "abort") == 0)
        abort();
    else if (strcmp(mode, "_exit") == 0)
        _exit(HOSTILE_OK);
    else if (strcmp(mode, "quick_exit") == 0)
        quick_exit(HOSTILE_OK);
    else if (strcmp(mode, "segv") == 0)
        raise(SIGSEGV);
    else if (strcmp(mode, "exec") == 0)
        execl("/bin/true", "true", (char *)NULL);
    else if (strcmp(mode, "hang") == 0)
        pause();
    else if (strcmp(mode, "thread") == 0)
        by_a_thread();
    else if (strcmp(mode, "oom") == 0 || strcmp(mode, "touch") == 0)
        use_all(mode[0] == 't');
    return HOSTILE_OK;
}
