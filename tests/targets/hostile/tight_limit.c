/*
 * tight_limit LIMIT: sets a resource limit to next to nothing, computes in new threads, then
 * executes itself under the limit and does so again.
 *
 *   sigpending  no signal can be queued, no timer made        files      3 to 6 descriptors
 *   memory      64 MB of address space more than it has       file_size  files of 4096 bytes
 *   processes   no new process or thread for this user        stack      64 KB for main
 *
 * A profiler that needs a little of it fails in the program, or takes what the program had left.
 * Checks that the program gets all that its limit leaves it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"

enum { THREADS = 2, MEGABYTES = 48 };

static void *computes(void *arg)
{
    burn(0.05);
    return arg;
}

static void compute_in_threads(void)
{
    pthread_attr_t attr;
    pthread_t threads[THREADS];
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256 * 1024);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], &attr, computes, NULL) != 0)
            broken("no thread");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void set_limit(__rlimit_resource_t which, rlim_t value)
{
    struct rlimit limit = {value, value};
    if (setrlimit(which, &limit) != 0)
        cannot("the limit cannot be set");
}

static void check_no_timers(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    timer_t timer;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 || errno != EAGAIN)
        broken("a timer in spite of the limit");
}

/* As many as the limit says, but for the three that are there. */
static void check_files(void)
{
    struct rlimit limit;
    int fds[64], n = 0;
    getrlimit(RLIMIT_NOFILE, &limit);
    while (n < 64 && (fds[n] = open("/dev/null", O_RDONLY)) >= 0)
        n++;
    if (errno != EMFILE || n != (int)limit.rlim_cur - 3)
        broken("%d files of %d, then %d", n, (int)limit.rlim_cur - 3, errno);
    for (int i = 0; i < n; i++)
        close(fds[i]);
}

static void check_memory(void)
{
    unsigned char *blocks[MEGABYTES];
    for (int i = 0; i < MEGABYTES; i++) {
        blocks[i] = malloc(1 << 20);
        if (!blocks[i])
            broken("megabyte %d of %d is refused", i, MEGABYTES);
        memset(blocks[i], i, 1 << 20);
    }
    for (int i = 0; i < MEGABYTES; i++)
        free(blocks[i]);
}

static void check_file_size(void)
{
    char name[] = "/tmp/tight_limit.XXXXXX", data[4096] = {1};
    int fd = mkstemp(name);
    unlink(name);
    if (write(fd, data, sizeof data) != sizeof data)
        broken("no file of 4096 bytes");
    close(fd);
}

static void check_stack(void)
{
    volatile char frame[32 * 1024];
    for (size_t i = 0; i < sizeof frame; i += 512)
        frame[i] = (char)i;
    burn(0.02);
}

static rlim_t address_space(void)
{
    unsigned long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (!statm || fscanf(statm, "%lu", &pages) != 1)
        broken("no /proc/self/statm");
    fclose(statm);
    return pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void limit_files(bool again)
{
    if (again) {
        check_files();
        return;
    }
    for (rlim_t n = 6; n >= 3; n--) { /* three are in use */
        pid_t pid = fork();
        if (pid == 0) {
            set_limit(RLIMIT_NOFILE, n);
            check_files();
            burn(0.02);
            compute_in_threads();
            check_files();
            if (n == 3) /* not even the loader can open a library then */
                _exit(HOSTILE_OK);
            execl("/proc/self/exe", "tight_limit", "files", "again", (char *)NULL);
            broken("exec: %d", errno);
        }
        int status;
        waitpid(pid, &status, 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != HOSTILE_OK)
            broken("%d files: %x", (int)n, status);
    }
}

static void signal_is_no_reason_to_die(int number)
{
    broken("signal %d", number);
}

/* Sets the limit unless it is there, and checks what it leaves. */
static void check_limit(const char *what, bool again)
{
    if (strcmp(what, "sigpending") == 0) {
        if (!again)
            set_limit(RLIMIT_SIGPENDING, 0);
        signal(SIGIO, signal_is_no_reason_to_die);
        check_no_timers();
    } else if (strcmp(what, "files") == 0) {
        limit_files(again);
    } else if (strcmp(what, "memory") == 0) {
        if (!again)
            set_limit(RLIMIT_AS, address_space() + (64u << 20));
        check_memory();
    } else if (strcmp(what, "file_size") == 0) {
        if (!again)
            set_limit(RLIMIT_FSIZE, 4096);
        check_file_size();
    } else if (strcmp(what, "processes") == 0) {
        if (!again && setuid(65534) == 0)
            set_limit(RLIMIT_NPROC, 0);
        if (fork() != -1 || errno != EAGAIN)
            cannot("the limit does not hold here");
    } else if (strcmp(what, "stack") == 0) {
        if (!again)
            set_limit(RLIMIT_STACK, 64 * 1024);
        check_stack();
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "sigpending";
    bool again = argc > 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    check_limit(what, again);
    if (!again && strcmp(what, "files") == 0) /* its children have done all */
        return HOSTILE_OK;
    burn(0.05);
    if (strcmp(what, "processes") != 0)
        compute_in_threads();
    check_limit(what, true);
    if (!again) {
        execl("/proc/self/exe", "tight_limit", what, "again", (char *)NULL);
        broken("exec: %d", errno);
    }
    printf("%s: all that was left is the program's\n", what);
    return HOSTILE_OK;
}
