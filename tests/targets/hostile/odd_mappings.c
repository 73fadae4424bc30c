/*
 * Runs code from mappings whose file is no longer what it was: `odd_mappings FOLDER`. The path
 * becomes a link to a file that nobody may look at, a named pipe that nobody writes to, a sparse
 * terabyte, or the file is overwritten in place; and code in private /dev/zero. A profiler that
 * opens the path waits on the pipe, reads what the link leads to, or takes names from a file that
 * was never mapped. Inotify tells whether the secret file was opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "tests/targets/hostile/hostile.h"

/* mov rax, rdi; again: imul rax, rdi; dec rdi; jnz again; ret */
static const unsigned char code[] = {0x48, 0x89, 0xf8, 0x48, 0x0f, 0xaf, 0xc7,
                                     0x48, 0xff, 0xcf, 0x75, 0xf7, 0xc3};

enum { PAGE = 4096 };

static char path[4096], secret[4096];
static volatile uint64_t sink;

static void to_link(int fd)
{
    (void)fd;
    unlink(path);
    if (symlink(secret, path) != 0)
        broken("symlink: %s", strerror(errno));
}

static void to_pipe(int fd)
{
    (void)fd;
    unlink(path);
    if (mkfifo(path, 0666) != 0)
        broken("mkfifo: %s", strerror(errno));
}

static void to_sparse(int fd)
{
    if (ftruncate(fd, INT64_C(1) << 40) != 0 && ftruncate(fd, INT64_C(1) << 35) != 0)
        broken("ftruncate: %s", strerror(errno));
}

/* All but the page that is mapped: the headers, symbols, unwind information. */
static void to_noise(int fd)
{
    char noise[PAGE];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)(i * i >> 3);
    if (pwrite(fd, noise, PAGE - 64, 64) < 0)
        broken("pwrite: %s", strerror(errno));
    for (off_t at = 2 * PAGE; at < 8 * PAGE; at += PAGE)
        if (pwrite(fd, noise, PAGE, at) < 0)
            broken("pwrite: %s", strerror(errno));
}

static void run_for(double seconds, void *mapped)
{
    uint64_t (*function)(uint64_t) = (uint64_t(*)(uint64_t))mapped;
    uint64_t until = clock_ns(CLOCK_THREAD_CPUTIME_ID) + (uint64_t)(seconds * 1e9);
    while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < until)
        sink += function(20000);
}

/* Maps a copy of this program with the code in its second page, changes it at once, and runs it. */
static void run_changed(void (*change)(int fd))
{
    char self[65536];
    int from = open("/proc/self/exe", O_RDONLY);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0755);
    ssize_t n = read(from, self, sizeof self);
    if (fd < 0 || n < 2 * PAGE || write(fd, self, (size_t)n) != n ||
        pwrite(fd, code, sizeof code, PAGE) < 0)
        broken("%s: %s", path, strerror(errno));
    close(from);
    void *mapped = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, PAGE);
    if (mapped == MAP_FAILED)
        cannot("no file of that folder may be executed");
    change(fd);
    run_for(.12, mapped);
    munmap(mapped, PAGE);
    close(fd);
    unlink(path);
}

static void run_zero(void)
{
    int fd = open("/dev/zero", O_RDWR);
    void *mapped = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, fd, 0);
    if (mapped == MAP_FAILED)
        return;
    memcpy(mapped, code, sizeof code);
    run_for(.12, mapped);
    close(fd);
}

int main(int argc, char **argv)
{
    char events[4096];
    if (argc < 2)
        return 2;
    snprintf(path, sizeof path, "%.4000s/mapped", argv[1]);
    snprintf(secret, sizeof secret, "%.4000s/secret", argv[1]);
    int fd = open(secret, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    close(fd);
    int watch = inotify_init1(IN_NONBLOCK);
    if (watch < 0 || inotify_add_watch(watch, secret, IN_OPEN | IN_ACCESS) < 0)
        cannot("inotify: %s", strerror(errno));
    run_changed(to_link);
    run_changed(to_pipe);
    run_changed(to_sparse);
    run_changed(to_noise);
    run_zero();
    if (read(watch, events, sizeof events) > 0)
        broken("the secret file was opened");
    puts("odd_mappings: the secret file is unread");
    return HOSTILE_OK;
}
