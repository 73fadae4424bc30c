/*
 * Burns CPU in burn_before_the_end(), then ends in the way asked for: `dies MODE [N]`.
 *
 *   exit N  _exit N  thread_exit N (from a thread that is not the first)  main_gone (the first
 * thread ends first) abort  segv  kill9  signal N  fork_and_go_on (the parent ends, its child burns
 * on and writes a line)
 *
 * "burnt SECONDS-OF-CPU" is written before the end, with write(2): nothing waits in a buffer.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile uint64_t sink;
static volatile int *volatile nowhere; /* NULL, unknown to the compiler */

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

__attribute__((noipa)) void burn_before_the_end(double seconds)
{
    double end = cpu_seconds() + seconds;
    while (cpu_seconds() < end) {
        uint64_t value = 3;
        for (int i = 0; i < 1000000; i++)
            value = value * 2862933555777941757u + 3037000493u;
        sink = value;
    }
}

__attribute__((noipa)) void burn_in_the_orphan(double seconds)
{
    burn_before_the_end(seconds);
    __asm__ volatile("");
}

static void say(const char *word)
{
    char line[64];
    int n = snprintf(line, sizeof(line), "%s %.3f\n", word, cpu_seconds());
    if (write(STDOUT_FILENO, line, (size_t)n) != n)
        _exit(99);
}

static void *thread_exit(void *status)
{
    burn_before_the_end(.1);
    exit(*(int *)status);
}

static void *last_thread(void *data)
{
    (void)data;
    burn_before_the_end(.4);
    say("last thread");
    exit(5);
}

static void start(void *(*run)(void *), void *data)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, data))
        _exit(98);
}

static void go_on(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        burn_in_the_orphan(.4);
        say("orphan");
        _exit(0);
    }
    _exit(pid < 0 ? 98 : 3);
}

static void end(const char *mode, int number)
{
    if (!strcmp(mode, "exit"))
        exit(number);
    if (!strcmp(mode, "_exit"))
        _exit(number);
    if (!strcmp(mode, "abort"))
        abort();
    if (!strcmp(mode, "segv"))
        *nowhere = 1;
    if (!strcmp(mode, "kill9"))
        kill(getpid(), SIGKILL);
    if (!strcmp(mode, "signal"))
        kill(getpid(), number);
    if (!strcmp(mode, "fork_and_go_on"))
        go_on();
    if (!strcmp(mode, "thread_exit")) {
        start(thread_exit, &number);
        pause();
    }
    if (!strcmp(mode, "main_gone")) {
        start(last_thread, NULL);
        pthread_exit(NULL);
    }
    _exit(97);
}

int main(int argc, char **argv)
{
    burn_before_the_end(.5);
    say("burnt");
    end(argc > 1 ? argv[1] : "exit", argc > 2 ? atoi(argv[2]) : 0);
}
