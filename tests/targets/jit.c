/*
 * Code made at run time: two functions in one anonymous mapping, jit_hot with three quarters of the
 * work and jit_cool with one, named in /tmp/perf-PID.map (removed at the end unless a second
 * argument is given). They keep frame pointers and have no unwind information: `jit [SECONDS]
 * [keep]`. Exit status 77 on other processors than x86-64.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { CODE_SIZE = 4096, SECOND = 256 };

typedef uint64_t made(uint64_t rounds);

static volatile uint64_t sink;

/* push rbp; mov rbp,rsp; mov rcx,rdi; again: imul rax,rcx; dec rcx; jnz again; pop rbp; ret */
static const unsigned char loop[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x89, 0xf9, 0x48, 0x0f,
                                     0xaf, 0xc1, 0x48, 0xff, 0xc9, 0x75, 0xf7, 0x5d, 0xc3};

static unsigned char *make_code(void)
{
    unsigned char *code =
        mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (code == MAP_FAILED)
        return NULL;
    memcpy(code, loop, sizeof(loop));
    memcpy(code + SECOND, loop, sizeof(loop));
    return mprotect(code, CODE_SIZE, PROT_READ | PROT_EXEC) == 0 ? code : NULL;
}

static void write_map(const char *path, const unsigned char *code)
{
    FILE *map = fopen(path, "w");
    if (!map)
        exit(1);
    fprintf(map, "%lx %zx jit_hot\n", (unsigned long)code, sizeof(loop));
    fprintf(map, "%lx %zx jit_cool\n", (unsigned long)(code + SECOND), sizeof(loop));
    fclose(map);
}

int main(int argc, char **argv)
{
    char path[64];
    double seconds = argc > 1 ? atof(argv[1]) : 1;
#if !defined(__x86_64__)
    return 77;
#endif
    unsigned char *code = make_code();
    if (!code)
        return 1;
    snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
    write_map(path, code);
    made *hot = (made *)(void *)code, *cool = (made *)(void *)(code + SECOND);
    while ((double)clock() / CLOCKS_PER_SEC < seconds)
        sink += hot(3000000) + cool(1000000);
    if (argc <= 2)
        unlink(path);
    puts("jit done");
    return 0;
}
