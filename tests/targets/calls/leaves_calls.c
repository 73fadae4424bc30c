/*
 * Functions that are left in unusual ways: `leaves_calls MODE FILE`, as truth_calls.
 *
 *   jumps       longjmp() out of two functions, a million times
 *   far_jumps   out of a thousand functions at once, and by siglongjmp() to one's caller
 *   handlers    signal handlers that call counted functions, also while the collector is at work
 *   jump_out    siglongjmp() out of such a handler
 *   coroutines  three contexts in turn, and one of them left behind for good
 *   wander      contexts that are begun by one thread and go on in another
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

#include "tests/targets/calls/counted.h"

/* ---- jumps ---- */

static jmp_buf back;
static sigjmp_buf signal_back;

CALLED void throws_back(int value)
{
    COUNTED;
    longjmp(back, value);
}

CALLED void leads_on(int value)
{
    COUNTED;
    throws_back(value);
}

CALLED long after_jump(long x)
{
    COUNTED;
    return x + 1;
}

CALLED long jump_once(long i)
{
    COUNTED;
    unsigned own = books_caller;
    volatile long sum = i;
    int value = setjmp(back);
    if (value == 0)
        leads_on(1 + (int)(i & 7));
    books_caller = own;
    return after_jump(sum) + value;
}

static BOOKS long jumps(void)
{
    long sum = 0;
    for (long i = 0; i < 1000000; i++)
        sum += jump_once(i);
    return sum;
}

CALLED void goes_down(int n)
{
    COUNTED;
    if (n == 0)
        siglongjmp(signal_back, 1);
    goes_down(n - 1);
    __asm__ volatile("");
}

static BOOKS long far_jumps(void)
{
    volatile long sum = 0;
    for (volatile int i = 0; i < 1000; i++) {
        if (sigsetjmp(signal_back, i & 1) == 0)
            goes_down(i);
        books_caller = 0;
        sum += after_jump(i);
    }
    return sum;
}

/* ---- signals ---- */

static volatile int handled, is_done;

CALLED long leaf_in_handler(long x)
{
    COUNTED;
    return x + 1;
}

CALLED long work_in_handler(long x)
{
    COUNTED;
    return leaf_in_handler(x) + leaf_in_handler(x);
}

/* Who is around is whoever was interrupted. */
CALLED void on_signal(int number)
{
    (void)number;
    int error = errno;
    unsigned interrupted = books_caller;
    COUNTED_ALONE;
    books_caller = books_own;
    work_in_handler(1);
    books_caller = interrupted;
    handled++;
    errno = error;
}

CALLED long interrupted_leaf(long x)
{
    COUNTED;
    return x * 3;
}

CALLED long interrupted_work(long x)
{
    COUNTED;
    return interrupted_leaf(x) - interrupted_leaf(x + 1);
}

static BOOKS void *sends_signals(void *target)
{
    for (int i = 1; i <= 5000 && !is_done; i++) {
        if (pthread_kill(*(pthread_t *)target, SIGUSR1) != 0)
            abort();
        while (handled < i && !is_done)
            sched_yield();
    }
    is_done = 1;
    return NULL;
}

static BOOKS void handle(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    if (sigaction(number, &action, NULL) != 0)
        abort();
}

static BOOKS long handlers(void)
{
    pthread_t self = pthread_self(), sender;
    long sum = 0;
    handle(SIGUSR1, on_signal, SA_RESTART);
    if (pthread_create(&sender, NULL, sends_signals, &self) != 0)
        abort();
    while (!is_done)
        sum += interrupted_work(sum);
    pthread_join(sender, NULL);
    return handled;
}

CALLED void jumps_out(int number)
{
    (void)number;
    COUNTED_ALONE;
    if (++handled % 2)
        siglongjmp(signal_back, 1);
}

static BOOKS long jump_out(void)
{
    pthread_t self = pthread_self(), sender;
    volatile long sum = 0;
    handle(SIGUSR1, jumps_out, SA_NODEFER);
    if (sigsetjmp(signal_back, 1) == 0 && pthread_create(&sender, NULL, sends_signals, &self) != 0)
        abort();
    books_caller = 0;
    while (!is_done)
        sum += interrupted_work(sum);
    handle(SIGUSR1, SIG_IGN, 0);
    pthread_join(sender, NULL);
    memset(books->edges, 0, sizeof books->edges); /* jumps have torn them */
    books->slack = 5000;
    return handled;
}

/* ---- coroutines ---- */

enum { CONTEXTS = 3, STACK_BYTES = 256 << 10 };

struct coroutine {
    ucontext_t context, around;
    int turns;
    long sum;
    int is_over;
};

static struct coroutine coroutines[CONTEXTS];

CALLED long step_of_coroutine(long x)
{
    COUNTED_ALONE;
    return x + 1;
}

CALLED void yields(struct coroutine *c)
{
    COUNTED_ALONE;
    swapcontext(&c->context, &c->around);
}

CALLED void turns(struct coroutine *c, int n)
{
    COUNTED_ALONE;
    c->sum += step_of_coroutine(n);
    yields(c);
    if (n > 0 && n % 100)
        turns(c, n - 1);
    __asm__ volatile("");
}

CALLED void body_of_coroutine(unsigned low, unsigned high)
{
    COUNTED_ALONE;
    struct coroutine *c = (struct coroutine *)((uintptr_t)high << 32 | low);
    for (int i = c->turns; i > 0; i -= 100)
        turns(c, i - 1);
    c->is_over = 1;
}

CALLED void resumes(struct coroutine *c)
{
    COUNTED_ALONE;
    swapcontext(&c->around, &c->context);
}

static BOOKS void prepare(struct coroutine *c, int n)
{
    c->turns = n;
    getcontext(&c->context);
    c->context.uc_stack.ss_sp = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    c->context.uc_stack.ss_size = STACK_BYTES;
    c->context.uc_link = &c->around;
    makecontext(&c->context, (void (*)(void))body_of_coroutine, 2, (unsigned)(uintptr_t)c,
                (unsigned)((uintptr_t)c >> 32));
}

static BOOKS long in_turn(void)
{
    long sum = 0;
    for (int i = 0; i < CONTEXTS; i++)
        prepare(&coroutines[i], 10000 * (i + 1));
    for (int round = 0; round < 25000; round++)
        for (int i = 0; i < CONTEXTS; i++)
            if (!coroutines[i].is_over)
                resumes(&coroutines[i]);
    for (int i = 0; i < CONTEXTS; i++)
        sum += coroutines[i].sum;
    return sum;
}

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int turn;
} baton = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

/* Two threads resume the same contexts, one after the other. */
static BOOKS void *carries(void *argument)
{
    int own = argument != NULL, is_over = 0;
    pthread_mutex_lock(&baton.lock);
    while (!is_over) {
        while (baton.turn != own)
            pthread_cond_wait(&baton.changed, &baton.lock);
        is_over = 1;
        for (int i = 0; i < CONTEXTS; i++)
            if (!coroutines[i].is_over) {
                resumes(&coroutines[i]);
                is_over = 0;
            }
        baton.turn = !own;
        pthread_cond_signal(&baton.changed);
    }
    pthread_mutex_unlock(&baton.lock);
    return NULL;
}

static BOOKS long wander(void)
{
    pthread_t other;
    for (int i = 0; i < CONTEXTS; i++)
        prepare(&coroutines[i], 3000 + i);
    if (pthread_create(&other, NULL, carries, &baton) != 0)
        abort();
    carries(NULL);
    pthread_join(other, NULL);
    return coroutines[0].sum + coroutines[1].sum + coroutines[2].sum;
}

BOOKS int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        long (*run)(void);
        int says_result; /* it is the same in each run */
    } modes[] = {
        {"jumps", jumps, 1},       {"far_jumps", far_jumps, 1}, {"handlers", handlers, 1},
        {"jump_out", jump_out, 0}, {"coroutines", in_turn, 1},  {"wander", wander, 1},
    };
    if (argc != 3)
        return 2;
    books_open(argv[2]);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(argv[1], modes[i].name) == 0) {
            long result = modes[i].run();
            printf("%s: %ld\n", argv[1], modes[i].says_result ? result : 0L);
            return 7;
        }
    return 2;
}
