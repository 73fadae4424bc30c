// Exceptions through functions compiled with -finstrument-functions, some of them in C, which have
// no provision for exceptions (throws_part.c). As scenes.c: `unwinds FILE SCENE`.
#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

#include "tests/targets/calls/account.h"

#define PLAIN   __attribute__((no_instrument_function))
#define COUNTED __attribute__((noinline, noclone))

extern "C" long c_outer(long (*callback)(long), long x);
extern "C" long c_inner(long (*callback)(long), long x);

static account accounts[ACCOUNTS];
static int n_accounts;

PLAIN static void add(const char *name, uintptr_t function, uint64_t calls)
{
    account &added = accounts[n_accounts++];
    strncpy(added.name, name, sizeof added.name - 1);
    added.address = function;
    added.calls = calls;
}

#define ACCOUNT(function, calls) add(#function, reinterpret_cast<uintptr_t>(&(function)), calls)

COUNTED static long throws(long x)
{
    if (x >= 0)
        throw x;
    return x;
}

struct Guard {
    PLAIN Guard() = default;
    PLAIN ~Guard()
    {
        __asm__ volatile("");
    }
};

COUNTED static long cleans_up(long x)
{
    Guard guard;
    return throws(x) + 1;
}

COUNTED static long catches(long x)
{
    try {
        return c_outer(cleans_up, x);
    } catch (long) {
        return 1;
    }
}

COUNTED static long around(long x)
{
    return catches(x) + 1;
}

PLAIN static void play_throws()
{
    const int n = 20000;
    for (int i = 0; i < n; i++)
        around(i);
    ACCOUNT(around, n);
    ACCOUNT(catches, n);
    ACCOUNT(c_outer, n);
    ACCOUNT(c_inner, n);
    ACCOUNT(cleans_up, n);
    ACCOUNT(throws, n);
}

// Catches again and again in a loop, so that nothing that returns would tell what has been left.
COUNTED static void loops(int n)
{
    for (int i = 0; i < n; i++) {
        try {
            c_outer(throws, i);
        } catch (long) {
        }
    }
}

PLAIN static void play_loops()
{
    const int n = 20000;
    loops(n);
    ACCOUNT(loops, 1);
    ACCOUNT(c_outer, n);
    ACCOUNT(c_inner, n);
    ACCOUNT(throws, n);
}

PLAIN int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    int fd = open(argv[1], O_WRONLY | O_TRUNC);
    if (strcmp(argv[2], "throws") == 0)
        play_throws();
    else
        play_loops();
    size_t bytes = static_cast<size_t>(n_accounts) * sizeof *accounts;
    return write(fd, accounts, bytes) == static_cast<ssize_t>(bytes) ? 7 : 1;
}
