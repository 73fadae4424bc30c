/*
 * full_stack MODE: computes at the very end of its stack, a kilobyte before the last byte, where no
 * signal frame fits any more: `main`, whose stack may not grow by its limit; `thread`, with 16 KB;
 * `amx`, as thread, with the processor's tile registers in use, which makes a signal frame 11 KB. A
 * profiler whose handler needs room on the interrupted stack kills it there. Checks the bytes
 * below.
 */
#include <alloca.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "tests/targets/hostile/hostile.h"

enum { LEFT = 1000, CANARY = 16384, MAIN_STACK = 512 * 1024 };

/* Leaves LEFT bytes of the stack that ends at `end` and computes. */
static __attribute__((noipa)) void compute_at_the_end(const char *end)
{
    char here;
    size_t room = (size_t)(&here - end) - LEFT;
    volatile char *all = alloca(room);
    for (size_t i = room; i > 0; i--) /* from the top: the kernel grows the stack so */
        all[i - 1] = 1;
    __asm__ volatile("" ::"r"(all) : "memory");
    burn(0.25);
    __asm__ volatile("" ::"r"(all) : "memory");
}

static void on_main_stack(void)
{
    struct rlimit limit;
    char line[256];
    uintptr_t start, end = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    getrlimit(RLIMIT_STACK, &limit);
    limit.rlim_cur = MAIN_STACK;
    setrlimit(RLIMIT_STACK, &limit);
    while (maps && fgets(line, sizeof line, maps))
        if (strstr(line, "[stack]") && sscanf(line, "%lx-%lx", &start, &end) == 2)
            break;
    fclose(maps);
    if (!end || end - start > MAIN_STACK)
        cannot("the stack of main is larger than %d bytes at the start", MAIN_STACK);
    compute_at_the_end((char *)end - MAIN_STACK);
}

#ifdef __x86_64__
/* Asks the kernel for the tile registers and loads one. Whether there are any. */
static int use_tiles(void)
{
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t columns[16];
        uint8_t rows[16];
    } config = {.palette = 1, .columns = {64, 64}, .rows = {16, 16}};
    if (!__builtin_cpu_supports("x86-64-v4") ||
        syscall(SYS_arch_prctl, 0x1023 /* ARCH_REQ_XCOMP_PERM */, 18 /* tile data */) != 0)
        return 0;
    __asm__ volatile("ldtilecfg %0\n\ttilezero %%tmm0" ::"m"(config));
    return 1;
}
#else
static int use_tiles(void)
{
    return 0;
}
#endif

struct thread {
    const char *stack;
    int tiles;
};

static void *on_thread_stack(void *arg)
{
    struct thread *thread = arg;
    burn(0.001); /* binds what it calls */
    if (thread->tiles && !(thread->tiles = use_tiles()))
        return NULL;
    compute_at_the_end(thread->stack);
    return arg;
}

static void on_small_thread(int tiles)
{
    size_t size = (size_t)sysconf(_SC_THREAD_STACK_MIN);
    size = size > 16384 ? size : 16384;
    char *memory = aligned_alloc(4096, CANARY + size);
    memset(memory, 0x5a, CANARY);
    struct thread data = {memory + CANARY, tiles};
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    if (pthread_attr_setstack(&attr, memory + CANARY, size) != 0 ||
        pthread_create(&thread, &attr, on_thread_stack, &data) != 0)
        broken("no thread with a stack of %zu bytes", size);
    pthread_join(thread, NULL);
    if (tiles && !data.tiles)
        cannot("no tile registers");
    for (int i = 0; i < CANARY; i++)
        if (memory[i] != 0x5a)
            broken("byte %d below the stack was written to", CANARY - i);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "main";
    burn(0.001);
    if (strcmp(mode, "main") == 0)
        on_main_stack();
    else
        on_small_thread(strcmp(mode, "amx") == 0);
    printf("%s: nothing was overrun\n", mode);
    return HOSTILE_OK;
}
