// A C++ program as they are: a pool of std::thread, templates, lambdas, virtual calls and
// exceptions. Prints a checksum that no scheduling changes; `threads_cxx [JOBS]`.
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace work
{

class pool
{
  public:
    explicit pool(unsigned n)
    {
        for (unsigned i = 0; i < n; i++)
            threads.emplace_back([this] { serve(); });
    }

    ~pool()
    {
        {
            std::lock_guard<std::mutex> hold(lock);
            closed = true;
        }
        wake.notify_all();
        for (auto &thread : threads)
            thread.join();
    }

    void submit(std::function<void()> job)
    {
        {
            std::lock_guard<std::mutex> hold(lock);
            jobs.push_back(std::move(job));
        }
        wake.notify_one();
    }

  private:
    void serve()
    {
        for (;;) {
            std::function<void()> job;
            {
                std::unique_lock<std::mutex> hold(lock);
                wake.wait(hold, [this] { return closed || !jobs.empty(); });
                if (jobs.empty())
                    return;
                job = std::move(jobs.front());
                jobs.pop_front();
            }
            job();
        }
    }

    std::vector<std::thread> threads;
    std::deque<std::function<void()>> jobs;
    std::mutex lock;
    std::condition_variable wake;
    bool closed = false;
};

template <typename T> class mixer
{
  public:
    __attribute__((noinline)) T mix(T value, int rounds) const
    {
        for (int i = 0; i < rounds; i++)
            value = value * T(2862933555777941757ull) + T(i);
        return value;
    }
};

struct shape {
    virtual ~shape() = default;
    virtual uint64_t area(uint64_t seed) const = 0;
};

struct square final : shape {
    uint64_t area(uint64_t seed) const override
    {
        return mixer<uint64_t>().mix(seed, 60000);
    }
};

struct disc final : shape {
    uint64_t area(uint64_t seed) const override
    {
        return mixer<uint32_t>().mix(static_cast<uint32_t>(seed), 60000);
    }
};

__attribute__((noinline)) uint64_t thrower(uint64_t seed)
{
    if (seed % 2 == 0)
        throw std::runtime_error(std::to_string(seed));
    return seed;
}

// Every second call unwinds through here.
__attribute__((noinline)) uint64_t catcher(uint64_t seed)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < 50; i++) {
        try {
            sum += thrower(seed + i);
        } catch (const std::runtime_error &error) {
            sum += std::string(error.what()).size();
        }
    }
    return sum;
}

uint64_t one_job(uint64_t number)
{
    std::unique_ptr<shape> form;
    if (number % 2)
        form = std::make_unique<square>();
    else
        form = std::make_unique<disc>();
    return form->area(number) + catcher(number);
}

} // namespace work

int main(int argc, char **argv)
{
    const unsigned n = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 20000;
    std::vector<uint64_t> results(n);
    {
        work::pool pool(4);
        for (unsigned i = 0; i < n; i++)
            pool.submit([&results, i] { results[i] = work::one_job(i); });
    }
    uint64_t sum = 0;
    for (uint64_t result : results)
        sum ^= result + (sum << 1);
    std::printf("jobs %u sum %016llx\n", n, static_cast<unsigned long long>(sum));
    return 0;
}
