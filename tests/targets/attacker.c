/*
 * Programs that attack the profiler: `attacker MODE [N]`. Each ends with a line that says what
 * it did; the last word of `forks` and `threads` is the CPU time in milliseconds that the kernel
 * counted for it.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile uint64_t sink;

__attribute__((noipa)) void burn_ms(double ms)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    double end = (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6 + ms;
    do {
        for (int i = 0; i < 10000; i++)
            sink += (uint64_t)i;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    } while ((double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6 < end);
}

static double used_ms(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

/* Children that end while others work on the other CPU, 20 at a time. */
static void forks(int n)
{
    for (int i = 0; i < n;) {
        int running = 0;
        for (; running < 20 && i < n; running++, i++) {
            if (fork() == 0) {
                burn_ms(.5);
                _exit(0);
            }
        }
        while (running--)
            wait(NULL);
    }
    printf("forks %d %.0f\n", n, used_ms(RUSAGE_SELF) + used_ms(RUSAGE_CHILDREN));
}

static void *thread_main(void *arg)
{
    (void)arg;
    burn_ms(.3);
    return NULL;
}

static void threads(int n)
{
    pthread_t running[100];
    for (int i = 0; i < n;) {
        int m = 0;
        for (; m < 100 && i < n; m++, i++)
            pthread_create(&running[m], NULL, thread_main, NULL);
        while (m--)
            pthread_join(running[m], NULL);
    }
    printf("threads %d %.0f\n", n, used_ms(RUSAGE_SELF));
}

/* Names that take over a terminal; code in files that are strange, replaced or gone. */
static void names(const char *folder)
{
    static const unsigned char count_down[] = {0xb9, 0xff, 0xff, 0xff, 0x02,
                                               0xff, 0xc9, 0x75, 0xfc, 0xc3};
    char path[4096];
    prctl(PR_SET_NAME, "\033]0;evil\007\n");
    snprintf(path, sizeof path, "%s/\033[2J\nsparse\xff", folder);
    int fd = open(path, O_RDWR | O_CREAT, 0755);
    if (ftruncate(fd, 1L << 40) != 0 || pwrite(fd, count_down, sizeof count_down, 1L << 39) < 0)
        exit(2);
    void *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 1L << 39);
    unlink(path);
    if (code == MAP_FAILED || mkfifo(path, 0700) != 0)
        exit(2);
    for (int i = 0; i < 20; i++)
        ((void (*)(void))code)();
    unlink(path);
    puts("names");
}

/* A stack pointer and a frame pointer that lead nowhere. */
static void wild_stack(void)
{
    static const uint64_t wild[] = {
        0, 1, 8, 4096, 0x7fffffffffff, 0xffff800000000000, UINT64_MAX - 7, UINT64_MAX};
    for (size_t i = 0; i < sizeof wild / sizeof *wild; i++)
        __asm__ volatile("mov %%rsp, %%r12; mov %%rbp, %%r13; mov %0, %%rsp; mov %0, %%rbp; mov "
                         "$40000000, %%ecx;"
                         "1: dec %%ecx; jnz 1b; mov %%r12, %%rsp; mov %%r13, %%rbp"
                         :
                         : "r"(wild[i])
                         : "rcx", "r12", "r13", "memory", "cc");
    puts("wild_stack");
}

/* Noise over all that proftop shares with us. */
static void scribble(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096], rights[8];
    unsigned long start, end;
    int n = 0;
    while (fgets(line, sizeof line, maps)) {
        if (!strstr(line, "proftop-segment") ||
            sscanf(line, "%lx-%lx %7s", &start, &end, rights) != 3 || rights[1] != 'w')
            continue;
        for (uint64_t *at = (uint64_t *)start; at < (uint64_t *)end; at++)
            *at = ((uint64_t)rand() << 33) ^ (uint64_t)rand();
        n++;
    }
    fclose(maps);
    burn_ms(300);
    printf("scribble %d\n", n);
}

/* Noise to proftop's socket: some of it in full, some not at all, some connections left open. */
static void noise(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char bytes[4096];
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int n = 0;
    for (int i = 0; i < 300; i++) {
        int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
            n++;
        for (size_t k = 0; k < sizeof bytes; k++)
            bytes[k] = (char)rand();
        if (i % 3)
            send(fd, bytes, (size_t)(rand() % (int)sizeof bytes), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (i % 2)
            close(fd);
    }
    burn_ms(300);
    printf("noise %d\n", n);
}

/* proftop stands still while we work. */
static void stop_parent(void)
{
    pid_t parent = getppid();
    kill(parent, SIGSTOP);
    burn_ms(4000);
    for (int i = 0; i < 20; i++) {
        if (fork() == 0)
            _exit(0);
        wait(NULL);
    }
    kill(parent, SIGCONT);
    puts("stop_parent");
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "", *arg = argc > 2 ? argv[2] : "";
    if (!strcmp(mode, "forks"))
        forks(atoi(arg));
    else if (!strcmp(mode, "threads"))
        threads(atoi(arg));
    else if (!strcmp(mode, "names"))
        names(arg);
    else if (!strcmp(mode, "wild_stack"))
        wild_stack();
    else if (!strcmp(mode, "scribble"))
        scribble();
    else if (!strcmp(mode, "noise"))
        noise(arg);
    else if (!strcmp(mode, "stop_parent"))
        stop_parent();
    else
        return 2;
    return 5;
}
