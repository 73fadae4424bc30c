/*
 * Limits its own address space once it runs, and uses it up: `heap_limit MODE`.
 *
 *   large     blocks of a mebibyte until there are no more: as many as without a profiler, but for
 *             the little that one may need
 *   small     blocks of 100 bytes, so many that a profiler's own records need room too
 *   threads   the same by four threads
 *   no_calls  all system calls that give memory fail, what is there must do
 *
 * Each time malloc() must fail with ENOMEM, and work again once something was freed.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "tests/targets/hostile/hostile.h"

enum { MIB = 1 << 20, ROOM_MIB = 128, ALLOWED_MIB = 48 };

struct chained {
    struct chained *next;
};

static size_t address_space(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file || fscanf(file, "%zu", &pages) != 1)
        cannot("no /proc");
    fclose(file);
    return pages * 4096;
}

static void limit_room(void)
{
    size_t bytes = address_space() + (size_t)ROOM_MIB * MIB;
    struct rlimit limit = {bytes, bytes};
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        cannot("no limits");
}

/* Allocates until there is no more; how many there were. */
static size_t use_up(size_t size)
{
    struct chained *first = NULL, *block;
    size_t n = 0;
    errno = 0;
    while ((block = malloc(size))) {
        block->next = first, first = block;
        n++;
    }
    if (errno != ENOMEM || realloc(first, (size_t)1 << 40) || calloc(1 << 20, 1 << 20))
        broken("malloc() fails with errno %d", errno);
    for (; first; first = block) {
        block = first->next;
        free(first);
    }
    void *volatile again = malloc(size);
    if (!again)
        broken("nothing can be allocated after blocks were freed");
    free(again);
    return n;
}

static void large(void)
{
    limit_room();
    size_t n = use_up(MIB);
    if (n < ROOM_MIB - ALLOWED_MIB || n > ROOM_MIB)
        broken("%zu blocks of a mebibyte in %d MiB", n, ROOM_MIB);
    if (n + ALLOWED_MIB < ROOM_MIB)
        broken("only %zu blocks", n);
}

static void small(void)
{
    limit_room();
    for (int i = 0; i < 3; i++)
        if (use_up(100) < 300000) /* of 112 bytes, with a third of the room */
            broken("too few small blocks");
}

static void *thread_main(void *arg)
{
    use_up(2000);
    return arg;
}

static void four_threads(void)
{
    pthread_t threads[4];
    pthread_attr_t attr;
    limit_room();
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 1 << 18);
    for (int i = 0; i < 4; i++)
        if (pthread_create(&threads[i], &attr, thread_main, NULL) != 0)
            broken("no thread");
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

static void no_calls(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mremap, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    free(malloc(30 * MIB / 32));
    void *volatile before[2000];
    for (size_t i = 0; i < 2000; i++)
        before[i] = malloc(60000); /* below the size that is mapped */
    for (size_t i = 0; i < 2000; i++)
        if (i % 2 || i < 1998)
            free(before[i]); /* the last one keeps them from going back */
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_DATA, &none) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        cannot("no seccomp");
    if (use_up(100) < 100000)
        broken("too few small blocks");
}

int main(int argc, char **argv)
{
    static char buffer[4096];
    const char *mode = argc > 1 ? argv[1] : "large";
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    if (strcmp(mode, "large") == 0)
        large();
    else if (strcmp(mode, "small") == 0)
        small();
    else if (strcmp(mode, "threads") == 0)
        four_threads();
    else
        no_calls();
    printf("heap_limit: done\n");
    return HOSTILE_OK;
}
