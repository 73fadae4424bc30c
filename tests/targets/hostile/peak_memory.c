/*
 * The largest resident memory of a command, in KB, on stdout: `peak_memory COMMAND...`. What the
 * command itself writes to stdout is thrown away.
 */
#include <fcntl.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"
#include "tests/targets/hostile/kernel_count.h"

int main(int argc, char **argv)
{
    struct rusage usage;
    int status;
    if (argc < 2)
        return 2;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    waitpid(pid, &status, 0);
    getrusage(RUSAGE_CHILDREN, &usage);
    printf("%ld\n", usage.ru_maxrss);
    return 0;
}
