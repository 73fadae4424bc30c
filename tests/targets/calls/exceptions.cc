/*
 * Throws, cancels and looks back through patched functions, and checks that all is as without.
 * Says "ok" in the end. As one program: what unwinds is linked in, or not.
 */
#include <cstdio>
#include <execinfo.h>
#include <pthread.h>
#include <stdexcept>
#include <string>

#include "tests/targets/calls/sled.h"
#include "tests/targets/calls/stand_in.h"

extern "C" {
#include "collectors/target/patch_entry.h"
#include "collectors/target/patch_returns.h"
}

static int n_destroyed;
static volatile int zero;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("line %d: %s\n", __LINE__, #condition);                                         \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

struct counted {
    ~counted()
    {
        n_destroyed++;
    }
};

SLED int thrower(int n)
{
    counted c;
    if (n == 0)
        throw std::runtime_error("down here");
    int result = thrower(n - 1) + 1;
    return result + zero;
}

SLED int rethrower(int n)
{
    counted c;
    try {
        return thrower(n) + 1;
    } catch (const std::logic_error &) {
        return -1;
    } catch (...) {
        throw;
    }
}

SLED int catcher(int n)
{
    counted c;
    try {
        return rethrower(n) + 1;
    } catch (const std::exception &e) {
        CHECK(std::string(e.what()) == "down here");
        return n;
    }
}

/* The handler's frame calls the thrower directly, and is called by a patched one. */
SLED int direct(void)
{
    try {
        throw 7;
    } catch (int i) {
        return i + zero;
    }
}

SLED int outer(int n)
{
    return catcher(n) + direct() + zero;
}

static void exceptions(void)
{
    for (int i = 0; i < 1000; i++) {
        n_destroyed = 0;
        CHECK(outer(i % 40) == i % 40 + 7);
        CHECK(n_destroyed == i % 40 + 3);
    }
}

/* ---- looking back ---- */

static void *frames[64];
static int n_frames;

SLED void looker(void)
{
    n_frames = backtrace(frames, 64);
    zero = 0;
}

SLED void around(int n)
{
    if (n > 0)
        around(n - 1);
    else
        looker();
    zero = 0;
}

NOINLINE static int without_leaves(void)
{
    int n = 0;
    around(5);
    for (int i = 0; i < n_frames; i++)
        n += (uintptr_t)frames[i] != patch_entry_trampoline();
    return n;
}

/* ---- the end of threads ---- */

static int n_cleaned;

static void clean(void *data)
{
    n_cleaned += *(int *)data;
}

SLED void leaver(int by_exit)
{
    counted c;
    int one = 1;
    pthread_cleanup_push(clean, &one);
    if (by_exit)
        pthread_exit(nullptr);
    for (;;)
        pthread_testcancel();
    pthread_cleanup_pop(0);
}

SLED void *thread(void *data)
{
    counted c;
    leaver(data != nullptr);
    zero = 0;
    return nullptr;
}

static void thread_ends(int by_exit)
{
    pthread_t id;
    n_cleaned = n_destroyed = 0;
    CHECK(pthread_create(&id, nullptr, thread, by_exit ? &id : nullptr) == 0);
    if (!by_exit)
        CHECK(pthread_cancel(id) == 0);
    void *result;
    CHECK(pthread_join(id, &result) == 0);
    CHECK(result == (by_exit ? nullptr : PTHREAD_CANCELED));
    if (by_exit || n_cleaned)
        CHECK(n_cleaned == 1 && n_destroyed == 2);
}

int main(void)
{
    CHECK(patch_returns_start(patch_entry_trampoline()));
    struct wire_calls wire = {};
    patch_entry_describe(&wire);
    uintptr_t stub = sled_stub((uintptr_t)main, wire.enter_sled);
    exceptions();
    int depth = without_leaves();
    SLED_ARM(thrower, stub);
    SLED_ARM(rethrower, stub);
    SLED_ARM(catcher, stub);
    SLED_ARM(outer, stub);
    SLED_ARM(direct, stub);
    SLED_ARM(looker, stub);
    SLED_ARM(around, stub);
    SLED_ARM(leaver, stub);
    SLED_ARM(thread, stub);
    exceptions();
    CHECK(stand_in.n_entered > 1000);
    CHECK(without_leaves() == depth);
    CHECK(n_frames == depth + 7);
    for (int i = 0; i < 20; i++) {
        thread_ends(0);
        thread_ends(1);
    }
    puts("ok");
    return 0;
}
