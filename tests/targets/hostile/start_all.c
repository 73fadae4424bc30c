/*
 * Starts all the programs that it is given at once and waits: `start_all PROGRAM...`. Prints what
 * each wrote, in their order, and how it ended. `-raw` before them: by system call, with an empty
 * environment, past anything that stands in front of libc; `-empty`: with an empty environment.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"

enum { MOST = 32 };

extern char **environ;

struct started {
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
    started->pid = fork();
    if (started->pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execute(program, how);
    }
    close(ends[1]);
    started->output = ends[0];
}

static void finish(struct started *started, const char *program)
{
    char text[256] = "";
    int status;
    ssize_t n = read(started->output, text, sizeof text - 1);
    waitpid(started->pid, &status, 0);
    close(started->output);
    const char *slash = strrchr(program, '/');
    printf("%s: %.*s, status %x\n", slash ? slash + 1 : program, n > 1 ? (int)n - 1 : 0, text,
           status);
}

int main(int argc, char **argv)
{
    struct started started[MOST];
    const char *how = argc > 1 && argv[1][0] == '-' ? argv[1] : "";
    int first = *how ? 2 : 1;
    for (int i = first; i < argc && i < MOST; i++)
        start(&started[i], argv[i], how);
    for (int i = first; i < argc && i < MOST; i++)
        finish(&started[i], argv[i]);
    return HOSTILE_OK;
}
