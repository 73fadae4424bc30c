/*
 * own_timers MODE: has timers of its own for CPU time.
 *
 *   count    counts the ticks of ITIMER_PROF, ITIMER_VIRTUAL and of timers for the CPU time of the
 *            thread and the process while it computes: there are as many as its CPU time says
 *   default, ignore   sets SIGPROF, SIGVTALRM and SIGALRM so after the start
 *   thread   lets libc call back in a thread for each tick (SIGEV_THREAD)
 *   ids      creates timers until there are no more, then starts threads that compute
 *
 * A profiler that uses one of these for itself steals or doubles ticks, dies, or takes the last
 * one. Checks too that no interval timer runs at the start.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "tests/targets/hostile/hostile.h"

enum { PERIOD_MS = 10, TIMERS = 60, THREADS = 3 };

static volatile int profiled, virtual;
static volatile int by_thread, by_process;
static atomic_int called_back;

static void on_interval(int number)
{
    *(number == SIGPROF ? &profiled : &virtual) += 1;
}

static void on_timer(int number, siginfo_t *info, void *context)
{
    volatile int *ticks = info->si_value.sival_ptr;
    (void)number, (void)context;
    if (info->si_code != SI_TIMER || (ticks != &by_thread && ticks != &by_process))
        broken("a tick of a timer that is none of the program's");
    *ticks += 1 + info->si_overrun;
}

static void check_ticks(const char *what, int ticks, double seconds)
{
    double wanted = seconds * 1000 / PERIOD_MS;
    if (ticks < wanted * 0.8 || ticks > wanted * 1.2)
        broken("%s: %d ticks, CPU time is worth %.1f", what, ticks, wanted);
}

static void start_timer(clockid_t clock, int number, volatile int *ticks)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = number};
    struct itimerspec period = {{0, PERIOD_MS * 1000000}, {0, PERIOD_MS * 1000000}};
    timer_t timer;
    event.sigev_value.sival_ptr = (void *)ticks;
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    if (timer_create(clock, &event, &timer) != 0 || timer_settime(timer, 0, &period, NULL) != 0)
        broken("no timer: %d", errno);
}

static void count(void)
{
    struct sigaction action = {.sa_handler = on_interval, .sa_flags = SA_RESTART};
    struct itimerval period = {{0, PERIOD_MS * 1000}, {0, PERIOD_MS * 1000}};
    sigaction(SIGPROF, &action, NULL);
    sigaction(SIGVTALRM, &action, NULL);
    action.sa_sigaction = on_timer;
    action.sa_flags = SA_RESTART | SA_SIGINFO;
    sigaction(SIGRTMIN + 1, &action, NULL);
    sigaction(SIGRTMAX - 1, &action, NULL);
    uint64_t thread_start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    uint64_t process_start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    setitimer(ITIMER_PROF, &period, NULL);
    setitimer(ITIMER_VIRTUAL, &period, NULL);
    start_timer(CLOCK_THREAD_CPUTIME_ID, SIGRTMIN + 1, &by_thread);
    start_timer(CLOCK_PROCESS_CPUTIME_ID, SIGRTMAX - 1, &by_process);
    burn(0.5);
    double process = (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - process_start) / 1e9;
    double thread = (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - thread_start) / 1e9;
    int got[] = {profiled, virtual, by_process, by_thread};
    struct itimerval left;
    getitimer(ITIMER_PROF, &left);
    if (left.it_interval.tv_usec != PERIOD_MS * 1000)
        broken("ITIMER_PROF has another period: %ld us", left.it_interval.tv_usec);
    check_ticks("ITIMER_PROF", got[0], process);
    check_ticks("timer of the process", got[2], process);
    check_ticks("timer of the thread", got[3], thread);
    /* The kernel's split into user and system time is rough. */
    if (got[1] < got[0] / 2 || got[1] > got[0] + 5)
        broken("ITIMER_VIRTUAL: %d ticks, ITIMER_PROF %d", got[1], got[0]);
}

static void set_and_burn(void (*action)(int))
{
    signal(SIGPROF, action);
    signal(SIGVTALRM, action);
    signal(SIGALRM, action);
    burn(0.25);
}

static void on_callback(union sigval value)
{
    if (value.sival_int != 4711)
        broken("a call back with another value");
    atomic_fetch_add(&called_back, 1);
}

static void call_back(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_value.sival_int = 4711};
    struct itimerspec period = {{0, 5000000}, {0, 5000000}};
    event.sigev_notify_function = on_callback;
    timer_t timer;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 ||
        timer_settime(timer, 0, &period, NULL) != 0)
        broken("no timer: %d", errno);
    burn(0.25);
    timer_delete(timer);
    if (atomic_load(&called_back) < 10 || atomic_load(&called_back) > 2000)
        broken("called back %d times in 0.25 s, each 5 ms", atomic_load(&called_back));
}

static void *computes(void *arg)
{
    burn(0.1);
    return arg;
}

/* How many signals the user has queued or reserved: the limit counts timers too. */
static long queued_signals(void)
{
    char line[256];
    long queued = -1;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "SigQ: %ld/", &queued) == 1)
            break;
    fclose(status);
    return queued;
}

static void use_up(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2};
    struct rlimit limit;
    pthread_t threads[THREADS];
    timer_t timer;
    int timers = 0;
    getrlimit(RLIMIT_SIGPENDING, &limit);
    limit.rlim_cur = (rlim_t)queued_signals() + TIMERS;
    setrlimit(RLIMIT_SIGPENDING, &limit);
    while (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0)
        timers++;
    if (errno != EAGAIN || timers < TIMERS - 10)
        broken("%d timers of %d, then %d", timers, TIMERS, errno);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, computes, NULL) != 0)
            broken("no thread");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void check_no_interval_timer(void)
{
    for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++) {
        struct itimerval value;
        getitimer((__itimer_which_t)which, &value);
        if (value.it_value.tv_sec || value.it_value.tv_usec || value.it_interval.tv_usec)
            broken("interval timer %d runs at the start", which);
    }
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "count";
    check_no_interval_timer();
    if (strcmp(mode, "count") == 0)
        count();
    else if (strcmp(mode, "thread") == 0)
        call_back();
    else if (strcmp(mode, "ids") == 0)
        use_up();
    else
        set_and_burn(strcmp(mode, "ignore") == 0 ? SIG_IGN : SIG_DFL);
    printf("%s: as it should be\n", mode);
    return HOSTILE_OK;
}
