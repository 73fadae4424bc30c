/* Scopes of C++ that are left by exceptions and by return, in templates, lambdas, constructors and
 * destructors; says into the file argv[1] what is wrong with their figures. */
#include "collectors/target/proftop.h"

#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <vector>

namespace
{

std::FILE *said;

proftop_stat row_of(const char *name)
{
    std::vector<proftop_stat> rows(proftop_stats(nullptr, 0));
    proftop_stats(rows.data(), rows.size());
    for (const auto &row : rows)
        if (std::strcmp(row.name, name) == 0)
            return row;
    return proftop_stat();
}

void is(const char *name, unsigned long calls)
{
    unsigned long got = row_of(name).calls;
    if (got != calls)
        std::fprintf(said, "%s: %lu calls, not %lu\n", name, got, calls);
}

struct object {
    object()
    {
        PROFTOP_SCOPE("constructor");
    }
    ~object()
    {
        PROFTOP_SCOPE("destructor");
    }
    object(const object &) = delete;
};

template <typename type> type templated(type value)
{
    PROFTOP_SCOPE("template");
    return value;
}

[[noreturn]] void thrower(int depth)
{
    PROFTOP_SCOPE("thrower");
    PROFTOP_ALLOC_SCOPE("thrower");
    object local;
    if (depth > 0)
        thrower(depth - 1);
    throw std::runtime_error("thrown");
}

int returns()
{
    PROFTOP_FUNCTION();
    PROFTOP_SCOPE("first");
    PROFTOP_SCOPE("second");
    return templated(1) + static_cast<int>(templated(2.0));
}

void catches()
{
    PROFTOP_SCOPE("catcher");
    try {
        PROFTOP_SCOPE("tried");
        thrower(3);
    } catch (const std::runtime_error &) {
        PROFTOP_SCOPE("caught");
    }
    PROFTOP_SCOPE("afterwards");
}

} // namespace

int main(int argc, char **argv)
{
    said = argc > 1 ? std::fopen(argv[1], "w") : stdout;
    {
        PROFTOP_SCOPE("main");
        for (int i = 0; i < 10; i++)
            catches();
        returns();
        [] { PROFTOP_SCOPE("lambda"); }();
        std::thread([] { PROFTOP_SCOPE("lambda"); }).join();
    }
    is("main", 1);
    is("catcher", 10);
    is("tried", 10);
    is("thrower", 40);
    is("constructor", 40);
    is("destructor", 40);
    is("caught", 10);
    is("afterwards", 10);
    is("returns", 1);
    is("first", 1);
    is("second", 1);
    is("template", 2);
    is("lambda", 2);
    if (proftop_stats(nullptr, 0) != 13)
        std::fprintf(said, "%zu scopes\n", proftop_stats(nullptr, 0));
    std::fclose(said);
    return 7;
}
