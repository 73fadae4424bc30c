/*
 * Starts all the programs that it is given at once and waits: `start_all FILE PROGRAM...`. Prints
 * what each wrote, in their order, and how it ended. Words between them say how those that follow
 * are started:
 * `-empty` with an empty environment, `-raw` so too, by system call, past anything that stands in
 * front of libc; `-libc` as at the beginning, by libc with the environment as it is.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"
#include "tests/targets/hostile/kernel_count.h"

enum { MOST = 32 };

extern char **environ;

struct started {
    const char *program;
    pid_t pid;
    int output;
};

static void execute(char *program, const char *how)
{
    char *const args[] = {program, NULL}, *const nothing[] = {NULL};
    if (strcmp(how, "-raw") == 0)
        syscall(SYS_execve, program, args, nothing);
    else
        execve(program, args, strcmp(how, "-empty") == 0 ? nothing : environ);
    _exit(126);
}

static void start(struct started *started, char *program, const char *how)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        broken("no pipe");
    started->program = program;
    started->pid = fork();
    if (started->pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execute(program, how);
    }
    close(ends[1]);
    started->output = ends[0];
}

static void finish(const struct started *started)
{
    char text[256] = "";
    int status;
    ssize_t n = read(started->output, text, sizeof text - 1);
    waitpid(started->pid, &status, 0);
    close(started->output);
    const char *slash = strrchr(started->program, '/');
    printf("%s: %.*s, status %x\n", slash ? slash + 1 : started->program, n > 1 ? (int)n - 1 : 0,
           text, status);
}

int main(int argc, char **argv)
{
    struct started started[MOST];
    const char *how = "-libc";
    int n = 0;
    for (int i = 2; i < argc && n < MOST; i++)
        if (argv[i][0] == '-')
            how = argv[i];
        else
            start(&started[n++], argv[i], how);
    for (int i = 0; i < n; i++)
        finish(&started[i]);
    tell_kernel_count(argc > 1 ? argv[1] : NULL);
    return HOSTILE_OK;
}
