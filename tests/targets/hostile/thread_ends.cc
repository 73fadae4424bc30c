/*
 * Threads end in every way there is, while they compute and while signals are sent to them: by
 * return, by pthread_exit() below objects with destructors, cancelled at a cancellation point,
 * cancelled anywhere (asynchronously), detached; all with thread-local objects and with keys whose
 * destructors set them again and compute. In the end main leaves by pthread_exit(), and the last
 * thread ends the process. A profiler whose state goes with the thread crashes in a late signal;
 * one that brings its own unwinder skips destructors. Checks that each destructor ran once.
 */
#include <atomic>
#include <csignal>
#include <ctime>
#include <pthread.h>

#include "tests/targets/hostile/hostile.h"

enum { THREADS = 40, WAYS = 5, ROUNDS = 4 /* as often as libc calls a key's destructor again */ };

static std::atomic<int> locals, objects, keyed, detached, started;
static std::atomic<bool> done;
static pthread_key_t key;

static void work_late()
{
    spin(100000);
}

struct local {
    int value = 0;
    ~local()
    {
        work_late();
        locals++;
    }
};
static thread_local local of_thread;

struct object {
    ~object()
    {
        work_late();
        objects++;
    }
};

static void on_key(void *rounds)
{
    work_late();
    keyed++;
    long left = reinterpret_cast<long>(rounds) - 1;
    if (left > 0)
        pthread_setspecific(key, reinterpret_cast<void *>(left));
}

static void exit_below()
{
    object two;
    pthread_exit(nullptr);
}

/*
 * Cancelled at any instruction: here are no destructors, and the caller does not know that this
 * throws nothing.
 */
static void spin_endlessly()
{
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, nullptr);
    spin(~0ull);
}
static void (*volatile endlessly)() = spin_endlessly;

static void end_by(long way)
{
    object one;
    switch (way) {
    case 0:
        return;
    case 1:
        exit_below();
        break;
    case 2:
        for (;;) {
            burn(0.0005);
            pthread_testcancel();
        }
    case 3:
        endlessly();
        break;
    default:
        detached++;
    }
}

static void *run(void *way)
{
    of_thread.value = 1;
    pthread_setspecific(key, reinterpret_cast<void *>(static_cast<long>(ROUNDS)));
    burn(0.002);
    started++;
    end_by(reinterpret_cast<long>(way));
    return nullptr;
}

static void on_signal(int)
{
}

static void *sender(void *)
{
    timespec pause = {0, 200000};
    while (!done) {
        kill(getpid(), SIGUSR1); /* to any thread that is there */
        nanosleep(&pause, nullptr);
    }
    return nullptr;
}

static void *last_thread(void *main_thread)
{
    pthread_join(*static_cast<pthread_t *>(main_thread), nullptr);
    burn(0.1);
    int wanted = THREADS * WAYS;
    if (locals != wanted || keyed != wanted * ROUNDS || objects != wanted + THREADS)
        broken("%d locals, %d keys, %d objects of %d threads", locals.load(), keyed.load(),
               objects.load(), wanted);
    printf("%d threads ended, all destructors ran\n", wanted);
    exit(HOSTILE_OK);
}

int main()
{
    static pthread_t self = pthread_self();
    pthread_t sends, threads[WAYS], last;
    struct sigaction action = {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, nullptr);
    pthread_key_create(&key, on_key);
    pthread_create(&sends, nullptr, sender, nullptr);
    for (int i = 0; i < THREADS; i++) {
        for (long way = 0; way < WAYS; way++) {
            pthread_create(&threads[way], nullptr, run, reinterpret_cast<void *>(way));
            if (way == 4)
                pthread_detach(threads[way]);
        }
        while (started < (i + 1) * WAYS)
            burn(0.0002);
        pthread_cancel(threads[2]);
        pthread_cancel(threads[3]);
        for (int way = 0; way < 4; way++)
            pthread_join(threads[way], nullptr);
    }
    while (detached < THREADS || keyed < THREADS * WAYS * ROUNDS)
        burn(0.001);
    done = true;
    pthread_join(sends, nullptr);
    pthread_create(&last, nullptr, last_thread, &self);
    pthread_exit(nullptr);
}
