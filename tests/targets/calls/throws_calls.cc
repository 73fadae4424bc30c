// Exceptions, and what runs when objects end: `throws_calls MODE FILE`, as truth_calls.
//
//   throws    caught in the function around, further up, thrown again, out of a catch, by
//   destructors' side through   out of C's qsort() and bsearch(), and through C functions that know
//   nothing of exceptions objects   constructors and destructors of static and thread-local objects
//   exits     pthread_exit() and cancellation, which unwind too
#include <pthread.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>

#include "tests/targets/calls/counted.h"

extern "C" long c_outer(long (*callback)(long), long x); // throws_part.c
extern "C" unsigned c_calls_outer, c_calls_inner;

// Members cannot be told by __func__ from others of their name: free functions count.
CALLED void ends_object()
{
    COUNTED;
}

struct Guard {
    Guard() = default;
    Guard(const Guard &) = delete;
    BOOKS ~Guard()
    {
        ends_object();
    }
};

// ---- throws ----

CALLED long throws_third(long x)
{
    COUNTED;
    if (x % 3 == 0)
        throw std::runtime_error("third");
    if (x % 3 == 1)
        throw x;
    return x;
}

CALLED long throws_second(long x)
{
    COUNTED;
    Guard guard;
    return throws_third(x) + 1;
}

CALLED long throws_first(long x)
{
    COUNTED;
    try {
        return throws_second(x) + 1;
    } catch (const std::exception &e) {
        ends_object();
        throw;
    }
}

CALLED long recovers(long x)
{
    COUNTED;
    return x + 1;
}

CALLED long catches(long x)
{
    COUNTED;
    try {
        return throws_first(x);
    } catch (long value) {
        return recovers(value);
    } catch (...) {
        return recovers(x) + 1;
    }
}

static BOOKS long run_throws()
{
    long sum = 0;
    for (int i = 0; i < 30000; i++)
        sum += catches(i);
    return sum;
}

// ---- through C ----

CALLED int throwing_compare(const void *a, const void *b)
{
    COUNTED;
    int x = *static_cast<const int *>(a), y = *static_cast<const int *>(b);
    if (x == 13 || y == 13)
        throw x;
    return x - y;
}

CALLED long throwing_callback(long x)
{
    COUNTED_ALONE;
    if (x & 1)
        throw x;
    return x;
}

CALLED long sorts(int n)
{
    COUNTED;
    int values[32];
    for (int i = 0; i < 32; i++)
        values[i] = (i * 7 + n) % 32;
    try {
        qsort(values, 32, sizeof values[0], throwing_compare);
    } catch (int value) {
        return recovers(value);
    }
    return 0;
}

CALLED long goes_through_c(long x)
{
    COUNTED_ALONE;
    try {
        return c_outer(throwing_callback, x);
    } catch (long value) {
        return recovers(value);
    }
}

static BOOKS long run_through()
{
    long sum = 0;
    for (int i = 0; i < 3000; i++)
        sum += sorts(i);
    for (int i = 0; i < 20000; i++)
        sum += goes_through_c(i);
    books->calls[books_number("c_outer")] = c_calls_outer;
    books->calls[books_number("c_inner")] = c_calls_inner;
    books->edges[books_number("c_outer")][books_number("c_inner")] = c_calls_inner;
    return sum;
}

// ---- objects ----

CALLED void begins_static()
{
    COUNTED;
}

CALLED void ends_static()
{
    COUNTED;
    ends_object();
}

CALLED void begins_local()
{
    COUNTED;
}

CALLED void ends_local()
{
    COUNTED;
    ends_object();
}

struct Static {
    BOOKS Static()
    {
        begins_static();
    }
    BOOKS ~Static()
    {
        ends_static();
    }
};

struct Local {
    long value = 1;
    BOOKS Local()
    {
        begins_local();
    }
    BOOKS ~Local()
    {
        ends_local();
    }
};

static Static one_object;
static thread_local Local local_object;

CALLED void uses_local()
{
    COUNTED_ALONE;
    local_object.value++;
}

static BOOKS long run_objects()
{
    static Static in_function;
    for (int i = 0; i < 100; i++)
        std::thread(uses_local).join();
    uses_local();
    return local_object.value;
}

// ---- exits ----

static int ready[2];

CALLED void exits_inner(bool waits)
{
    COUNTED;
    Guard guard;
    if (!waits)
        pthread_exit(nullptr);
    if (write(ready[1], "", 1) != 1)
        abort();
    for (;;)
        pause();
}

CALLED void exits_outer(bool waits)
{
    COUNTED;
    Guard guard;
    exits_inner(waits);
}

CALLED void *exits_thread(void *argument)
{
    COUNTED;
    exits_outer(argument != nullptr);
    return nullptr;
}

static BOOKS long run_exits()
{
    if (pipe(ready) != 0)
        abort();
    for (int i = 0; i < 300; i++) {
        pthread_t id;
        char byte;
        if (pthread_create(&id, nullptr, exits_thread, i & 1 ? &ready : nullptr) != 0)
            abort();
        if (i & 1) {
            if (read(ready[0], &byte, 1) != 1)
                abort();
            pthread_cancel(id);
        }
        pthread_join(id, nullptr);
    }
    return 300;
}

BOOKS int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    std::string mode = argv[1];
    books_open(argv[2]);
    books->without_roots = 1; // the compiler's own functions are counted too
    long result = mode == "throws"    ? run_throws()
                  : mode == "through" ? run_through()
                  : mode == "objects" ? run_objects()
                                      : run_exits();
    printf("%s: %ld\n", argv[1], result);
    return 7;
}
