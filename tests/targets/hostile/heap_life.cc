/*
 * Uses the heap before and after anybody else: in functions that run before all constructors, in
 * the earliest constructor and the latest destructor, in destructors of thread-local objects and in
 * four rounds of thread-specific keys, which hooks whose state was taken down do not survive.
 */
#include <cstring>
#include <pthread.h>

#include "tests/targets/hostile/hostile.h"

static void *early[3];
static int rounds, ended;

static void *filled(size_t size)
{
    return memset(malloc(size), 0x3c, size);
}

static void take_first(int, char **, char **)
{
    early[0] = filled(1000);
}

__attribute__((section(".preinit_array"), used)) static void (*before_all)(int, char **,
                                                                           char **) = take_first;

__attribute__((constructor(101))) static void take_second()
{
    early[1] = realloc(early[0], 2000);
    early[2] = new char[300];
}

__attribute__((destructor(101))) static void give_last()
{
    char *as_bytes = (char *)early[1];
    if (as_bytes[0] != 0x3c || as_bytes[999] != 0x3c)
        broken("the first block was changed");
    free(early[1]);
    delete[](char *) early[2];
    free(filled(50));
}

struct Late {
    char *block = (char *)filled(64);
    ~Late()
    {
        free(block);
        for (int i = 0; i < 10; i++)
            delete[] new char[100 + i];
        ended++;
    }
};

static thread_local Late late;
static pthread_key_t key;

/* Sets itself again, as often as there are rounds. */
static void end_of_key(void *block)
{
    free(block);
    rounds++;
    pthread_setspecific(key, filled(32));
}

static void *thread_main(void *arg)
{
    late.block[0] = 1;
    pthread_setspecific(key, filled(16));
    return arg;
}

int main()
{
    pthread_key_create(&key, end_of_key);
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        if (pthread_create(&thread, nullptr, thread_main, nullptr) != 0)
            cannot("no threads");
        pthread_join(thread, nullptr);
    }
    if (ended != 100 || rounds != 400)
        broken("%d ends, %d rounds", ended, rounds);
    printf("heap_life: done\n");
    return HOSTILE_OK;
}
