/*
 * Becomes a daemon the old way: `daemonize FILE`. Work, fork, setsid, fork again, chdir to /, every
 * descriptor closed, null opened on the first three; the first process ends while the daemon has
 * just begun. A profiler may take the first end for the end of all, lose its channel to closed
 * descriptors, or write into the daemon's files, which now have the numbers that it used. The
 * daemon writes 1 MB through the lowest descriptors, reads it back and says in FILE how it went.
 */
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"
#include "tests/targets/hostile/kernel_count.h"

enum { FILES = 8, BLOCK = 4096, BLOCKS = 32 };

__attribute__((noipa)) void work_of_the_first(void)
{
    burn(.3);
    __asm__ volatile("");
}

__attribute__((noipa)) void work_of_the_daemon(void)
{
    burn(.1);
    __asm__ volatile("");
}

/* Opens files on the lowest numbers, fills them while working, and looks whether they are whole. */
static int files_are_whole(const char *folder)
{
    char path[4096], block[BLOCK], back[BLOCK];
    int fds[FILES], whole = 1;
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s.%d", folder, i);
        fds[i] = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        unlink(path);
        whole = whole && fds[i] == 3 + i;
    }
    for (int n = 0; n < BLOCKS; n++)
        for (int i = 0; i < FILES; i++) {
            memset(block, n * FILES + i, sizeof block);
            whole = whole && write(fds[i], block, sizeof block) == (ssize_t)sizeof block;
            if (n % 8 == 0 && i == 0)
                work_of_the_daemon();
        }
    for (int i = 0; i < FILES; i++)
        for (int n = 0; n < BLOCKS; n++) {
            memset(block, n * FILES + i, sizeof block);
            whole = whole && pread(fds[i], back, BLOCK, (off_t)n * BLOCK) == BLOCK &&
                    memcmp(block, back, BLOCK) == 0;
        }
    for (int i = 0; i < FILES; i++)
        whole = whole && lseek(fds[i], 0, SEEK_END) == (off_t)BLOCK * BLOCKS;
    return whole;
}

static void daemon_main(const char *path)
{
    char part[4096];
    if (chdir("/") != 0 || syscall(SYS_close_range, 0, ~0U, 0) != 0 ||
        open("/dev/null", O_RDWR) != 0 || dup(0) != 1 || dup(0) != 2)
        _exit(HOSTILE_BROKEN);
    umask(027);
    int whole = files_are_whole(path);
    snprintf(part, sizeof part, "%s.part", path);
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dprintf(fd, "%s\n", whole ? "daemon: all whole" : "daemon: its files were changed");
    close(fd);
    rename(part, path);
    _exit(0);
}

int main(int argc, char **argv)
{
    if (argc < 2 || argv[1][0] != '/')
        return 2;
    work_of_the_first();
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        if (fork() == 0)
            daemon_main(argv[1]);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    printf("daemonize: started, status %d\n", status);
    return HOSTILE_OK;
}
