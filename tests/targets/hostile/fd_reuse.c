/*
 * fd_reuse MODE: closes every descriptor from 3 on, by libc's `closefrom`, by the `raw` system call
 * or `each` one by close(), then takes the same numbers for files, a pipe and sockets of its own,
 * and recurses deep onto stack that was never touched, over and over, while it writes. A profiler
 * that keeps a descriptor in the process reads, writes or closes the program's. Checks all the
 * data, the offsets and that each descriptor is what it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tests/targets/hostile/hostile.h"

enum { FILES = 12, ROUNDS = 40, BLOCK = 512, DEPTH = 3000 };

static int files[FILES], pair[2], channel[2];
static struct stat stats[64];

static void close_all(const char *mode)
{
    if (strcmp(mode, "closefrom") == 0)
        closefrom(3);
    else if (strcmp(mode, "raw") == 0)
        syscall(SYS_close_range, 3, ~0u, 0);
    else
        for (int fd = 3; fd < 1024; fd++)
            close(fd);
}

static void open_all(void)
{
    for (int i = 0; i < FILES; i++) {
        char name[] = "/tmp/fd_reuse.XXXXXX";
        files[i] = mkstemp(name);
        unlink(name);
        if (files[i] != 3 + i)
            broken("file %d has descriptor %d", i, files[i]);
    }
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || pipe(channel) != 0)
        broken("no sockets");
    for (int fd = 3; fd <= channel[1]; fd++)
        fstat(fd, &stats[fd]);
}

/* New pages of stack, computing at the bottom. */
__attribute__((noipa)) static int deep(int level)
{
    volatile char frame[256];
    frame[0] = (char)level;
    if (level == 0)
        burn(0.002);
    int below = level > 0 ? deep(level - 1) : 0;
    return below + frame[0];
}

static void *on_fresh_stack(void *arg)
{
    deep(DEPTH);
    return arg;
}

static void fill(unsigned char *block, int file, int round)
{
    for (int i = 0; i < BLOCK; i++)
        block[i] = (unsigned char)(file * 31 + round * 7 + i);
}

static void pass(int from, int to, const unsigned char *block)
{
    unsigned char back[BLOCK];
    if (write(from, block, BLOCK) != BLOCK || read(to, back, BLOCK) != BLOCK ||
        memcmp(block, back, BLOCK) != 0)
        broken("what went through %d to %d changed", from, to);
}

static void use(int round)
{
    unsigned char block[BLOCK];
    pthread_t thread;
    for (int i = 0; i < FILES; i++) {
        fill(block, i, round);
        if (write(files[i], block, BLOCK) != BLOCK)
            broken("write to file %d: %d", i, errno);
    }
    pass(pair[0], pair[1], block);
    pass(pair[1], pair[0], block);
    pass(channel[1], channel[0], block);
    if (pthread_create(&thread, NULL, on_fresh_stack, NULL) == 0)
        pthread_join(thread, NULL);
}

static void check_files(void)
{
    unsigned char block[BLOCK], wanted[BLOCK];
    for (int i = 0; i < FILES; i++) {
        if (lseek(files[i], 0, SEEK_CUR) != ROUNDS * BLOCK)
            broken("file %d: offset %ld", i, (long)lseek(files[i], 0, SEEK_CUR));
        for (int round = 0; round < ROUNDS; round++) {
            fill(wanted, i, round);
            if (pread(files[i], block, BLOCK, round * BLOCK) != BLOCK ||
                memcmp(block, wanted, BLOCK) != 0)
                broken("file %d: block %d changed", i, round);
        }
    }
    for (int fd = 3; fd <= channel[1]; fd++) {
        struct stat now;
        if (fstat(fd, &now) != 0 || now.st_ino != stats[fd].st_ino ||
            now.st_dev != stats[fd].st_dev)
            broken("descriptor %d is something else", fd);
    }
    for (int fd = channel[1] + 1; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            broken("descriptor %d is open", fd);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "closefrom";
    burn(0.01);
    close_all(mode);
    open_all();
    for (int round = 0; round < ROUNDS; round++) {
        use(round);
        deep(round * 100);
    }
    check_files();
    printf("%s: all is where it was written to\n", mode);
    return HOSTILE_OK;
}
