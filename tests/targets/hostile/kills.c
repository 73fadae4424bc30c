/*
 * Children that compute are sent every real-time signal, and a few others, by their parent: with
 * the default action they must die of it, with SIG_IGN go on, with a handler see just that signal,
 * whether it was sent by kill(), queued, or claims to come from a timer. A profiler whose handler
 * takes a signal from outside for its own tick keeps a program alive that was killed.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"

enum action { KILLED, IGNORED, HANDLED };
enum way { BY_KILL, BY_QUEUE, BY_FORGED_TIMER, WAYS };

static volatile sig_atomic_t got;
static volatile pid_t got_from;

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    got = number;
    got_from = info->si_code == SI_TIMER ? getppid() : info->si_pid;
}

static void send(pid_t child, int number, enum way way)
{
    siginfo_t forged = {.si_signo = number, .si_code = SI_TIMER};
    forged.si_value.sival_int = 4711;
    forged.si_timerid = 0;
    if (way == BY_KILL    ? kill(child, number)
        : way == BY_QUEUE ? sigqueue(child, number, (union sigval){.sival_int = 4711})
                          : (int)syscall(SYS_rt_sigqueueinfo, child, number, &forged))
        broken("cannot send %d: %d", number, errno);
}

/* Says that it is there, then computes until the signal came or the parent closes the pipe. */
static void child(int number, enum action wanted, int ready, int end)
{
    struct sigaction action = {.sa_handler = wanted == IGNORED ? SIG_IGN : SIG_DFL};
    if (wanted == HANDLED) {
        action.sa_sigaction = on_signal;
        action.sa_flags = SA_SIGINFO;
    }
    if (wanted != KILLED || number % 2) /* the default needs no setting */
        sigaction(number, &action, NULL);
    burn(0.002);
    if (write(ready, "r", 1) != 1)
        _exit(90);
    char byte;
    while (!got && read(end, &byte, 1) < 0)
        burn(0.001);
    _exit(wanted == IGNORED ? 50 : got == number && got_from == getppid() ? 51 : 52);
}

/* The wait status of a child that was sent `number`. */
static int fate(int number, enum action wanted, enum way way)
{
    int ready[2], end[2], status;
    char byte;
    if (pipe2(ready, 0) != 0 || pipe2(end, 04000 /* O_NONBLOCK */) != 0)
        broken("no pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(end[1]);
        child(number, wanted, ready[1], end[0]);
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1)
        broken("the child for %d ended early", number);
    send(pid, number, way);
    if (wanted == IGNORED)
        close(end[1]);
    waitpid(pid, &status, 0);
    if (wanted != IGNORED)
        close(end[1]);
    close(ready[0]);
    close(end[0]);
    return status;
}

int main(void)
{
    static const int others[] = {SIGPROF, SIGVTALRM, SIGALRM, SIGIO, SIGUSR1, SIGPWR};
    int numbers[40], n = 0, children = 0;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        numbers[n++] = others[i];
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        numbers[n++] = number;
    for (int i = 0; i < n; i++) {
        for (enum way way = BY_KILL; way < WAYS; way++, children++) {
            int status = fate(numbers[i], KILLED, way);
            if (!WIFSIGNALED(status) || WTERMSIG(status) != numbers[i])
                broken("signal %d, way %d: did not kill: %x", numbers[i], way, status);
        }
        int status = fate(numbers[i], IGNORED, (enum way)(i % WAYS));
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 50)
            broken("signal %d was not ignored: %x", numbers[i], status);
        status = fate(numbers[i], HANDLED, (enum way)(i % WAYS));
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 51)
            broken("signal %d was not handled: %x", numbers[i], status);
        children += 2;
    }
    /* libc's own two; whether they were ignored from the start is not up to this program. */
    for (int number = 32; number < SIGRTMIN; number++)
        for (enum way way = BY_KILL; way < WAYS; way++, children++)
            printf("%d, way %d: %x\n", number, way, fate(number, IGNORED, way));
    printf("%d children had the fate that was sent\n", children);
    return HOSTILE_OK;
}
