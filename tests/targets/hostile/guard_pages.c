/*
 * Lives on SIGSEGV, as garbage collectors do: protected pages are opened by a handler on an
 * alternate stack, which touches a protected page itself and is entered again; and a stack that
 * overflows is left by siglongjmp(). A profiler that owns SIGSEGV, or nests in that handler on its
 * small stack, breaks it. Checks every address and the exact number of faults.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/targets/hostile/hostile.h"

enum { PAGES = 2000, OVERFLOWS = 20, PAGE = 4096, ALTSTACK = 32768 };

static unsigned char *heap, *tables; /* PAGES each; handling a page of one touches the other */
static volatile int faults, nested, depth, overflows;
static volatile uintptr_t expected;
static __thread sigjmp_buf before_overflow;
static __thread volatile int overflowing;

static void open_page(unsigned char *page)
{
    if (mprotect(page, PAGE, PROT_READ | PROT_WRITE) != 0)
        broken("mprotect failed");
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    unsigned char *address = info->si_addr;
    (void)number, (void)context;
    if (overflowing) {
        overflowing = 0;
        siglongjmp(before_overflow, 1);
    }
    if (info->si_code != SEGV_ACCERR)
        broken("a fault that is none of the program's, code %d", info->si_code);
    if (address >= tables && address < tables + PAGES * PAGE) {
        nested += depth == 1;
        open_page(tables + (size_t)(address - tables) / PAGE * PAGE);
        return;
    }
    if ((uintptr_t)address != expected)
        broken("a fault at another address than was touched");
    depth++;
    size_t page = (size_t)(address - heap) / PAGE;
    tables[page * PAGE] = (unsigned char)page;
    open_page(heap + page * PAGE);
    spin(20000);
    faults++;
    depth--;
}

static unsigned char *protected_pages(void)
{
    unsigned char *pages = mmap(NULL, PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        broken("no memory");
    return pages;
}

__attribute__((noipa)) static int overflow(int level)
{
    volatile char frame[512];
    frame[0] = (char)level;
    return level < 1000000 ? overflow(level + 1) + frame[0] : 0;
}

static void *overflows_its_stack(void *arg)
{
    stack_t stack = {.ss_sp = malloc(ALTSTACK), .ss_size = ALTSTACK};
    sigaltstack(&stack, NULL);
    for (int i = 0; i < OVERFLOWS; i++) {
        if (sigsetjmp(before_overflow, 1) == 0) {
            overflowing = 1;
            overflow(0);
        }
        overflows++;
        burn(0.002);
    }
    return arg;
}

int main(void)
{
    stack_t stack = {.ss_sp = malloc(ALTSTACK), .ss_size = ALTSTACK};
    struct sigaction action = {.sa_sigaction = on_fault,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    pthread_t thread;
    heap = protected_pages();
    tables = protected_pages();
    sigaltstack(&stack, NULL);
    sigaction(SIGSEGV, &action, NULL);
    for (int page = 0; page < PAGES; page++) {
        expected = (uintptr_t)heap + (size_t)page * PAGE + 123;
        *(volatile unsigned char *)expected = (unsigned char)page;
        spin(50000);
    }
    for (int page = 0; page < PAGES; page++)
        if (heap[page * PAGE + 123] != (unsigned char)page ||
            tables[page * PAGE] != (unsigned char)page)
            broken("page %d lost what was written", page);
    pthread_create(&thread, NULL, overflows_its_stack, NULL);
    pthread_join(thread, NULL);
    printf("%d faults, %d nested, %d overflows\n", faults, nested, overflows);
    return faults == PAGES && nested == PAGES && overflows == OVERFLOWS ? HOSTILE_OK
                                                                        : HOSTILE_BROKEN;
}
