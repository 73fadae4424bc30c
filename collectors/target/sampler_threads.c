/*
 * See sampler_threads.h. Timers are made by system call: libc's timer_create allocates. The first
 * expiration is a random part of the period away, so that threads which start together and do the
 * same are not sampled in step.
 */
#include "collectors/target/sampler_threads.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "collectors/target/sampler_signal.h"
#include "collectors/target/sampler_stack.h"
#include "collectors/target/sigstack_hooks.h"

enum { PERIOD_MIN_NS = 50000, DIRECTORY_BYTES = 2048 };
#define PERIOD_MAX_NS UINT64_C(10000000000)
#define NS_PER_S      UINT64_C(1000000000)

/* The calling thread. The bounds are here too because fork wipes the table, not the stack. */
static __thread struct {
    struct sampler_thread *entry;
    struct stack_bounds stack;
} own;

struct sampler_thread *sampler_thread_self(void)
{
    struct sampler_thread *thread = own.entry;
    return thread && thread->tid == (int32_t)syscall(SYS_gettid) ? thread : NULL;
}

struct sampler_thread *sampler_thread_claim(struct sampler *sampler)
{
    uint32_t first = __atomic_load_n(&sampler->hint, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < sampler->n_threads; i++) {
        struct sampler_thread *thread = &sampler->threads[(first + i) % sampler->n_threads];
        uint32_t free_state = SAMPLER_THREAD_FREE;
        if (__atomic_compare_exchange_n(&thread->state, &free_state, SAMPLER_THREAD_CLAIMED, false,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            thread->timer = -1;
            __atomic_store_n(&sampler->hint, (first + i + 1) % sampler->n_threads,
                             __ATOMIC_RELAXED);
            return thread;
        }
    }
    sampler_count_unsampled(sampler, WIRE_UNSAMPLED_NO_MEMORY);
    return NULL;
}

void sampler_thread_release(struct sampler *sampler, struct sampler_thread *thread)
{
    thread->tid = 0;
    __atomic_store_n(&thread->state, SAMPLER_THREAD_FREE, __ATOMIC_RELEASE);
    __atomic_store_n(&sampler->hint, (uint32_t)(thread - sampler->threads), __ATOMIC_RELAXED);
}

/* ---- timers ---- */

static uint64_t wanted_period(const struct sampler *sampler)
{
    uint64_t period = __atomic_load_n(&sampler->wire->period_ns, __ATOMIC_RELAXED);
    if (period < PERIOD_MIN_NS)
        return PERIOD_MIN_NS;
    return period < PERIOD_MAX_NS ? period : PERIOD_MAX_NS;
}

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

/* From 1 to `period_ns`. */
static uint64_t random_part(uint64_t period_ns, int32_t tid)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t x = (uint64_t)now.tv_nsec + (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)tid;
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (x ^ x >> 31) % period_ns + 1;
}

static bool set_timer(struct sampler_thread *thread, uint64_t period_ns)
{
    struct itimerspec times = {.it_interval = timespec_of(period_ns),
                               .it_value = timespec_of(random_part(period_ns, thread->tid))};
    thread->period_ns = period_ns;
    thread->left_ns = UINT64_MAX;
    return syscall(SYS_timer_settime, thread->timer, 0, &times, NULL) == 0;
}

/* A thread's CPU clock by its tid, as the kernel numbers clocks. */
static clockid_t clock_of(int32_t tid)
{
    return (clockid_t)((~(uint32_t)tid << 3) | 6);
}

static bool make_timer(struct sampler *sampler, struct sampler_thread *thread)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID,
                             .sigev_signo = SAMPLER_SIGNAL,
                             .sigev_value.sival_ptr = thread};
    int timer;
    event._sigev_un._tid = thread->tid;
    if (syscall(SYS_timer_create, clock_of(thread->tid), &event, &timer) != 0)
        return false;
    thread->timer = timer;
    if (set_timer(thread, wanted_period(sampler)))
        return true;
    syscall(SYS_timer_delete, timer);
    thread->timer = -1;
    return false;
}

/* ---- who is not sampled ---- */

static void forget_unsampled(struct sampler *sampler, struct sampler_thread *thread)
{
    if (thread->unsampled)
        __atomic_fetch_sub(&sampler->wire->unsampled_threads[thread->unsampled - 1], 1,
                           __ATOMIC_RELAXED);
    thread->unsampled = 0;
}

void sampler_thread_count_unsampled(struct sampler *sampler, struct sampler_thread *thread,
                                    enum wire_unsampled reason)
{
    forget_unsampled(sampler, thread);
    thread->unsampled = reason + 1;
    sampler_count_unsampled(sampler, reason);
}

/* ---- arming ---- */

static struct sampler_thread *self_with_timer(void)
{
    struct sampler *sampler = sampler_get();
    struct sampler_thread *thread =
        sampler && sampler_may_arm(sampler) ? sampler_thread_self() : NULL;
    return thread && thread->timer >= 0 ? thread : NULL;
}

/* Adds the whole periods whose signals were lost by stopping the timer; the first call begins to
 * watch. With the timer stopped. */
static void add_lost_periods(struct sampler_thread *thread)
{
    struct timespec clock;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &clock) != 0)
        return;
    uint64_t now_ns = (uint64_t)clock.tv_sec * NS_PER_S + (uint64_t)clock.tv_nsec;
    if (thread->clock_zero_ns == 0)
        thread->clock_zero_ns = now_ns - thread->cpu_ns;
    uint64_t cpu_ns = now_ns - thread->clock_zero_ns;
    if (cpu_ns > thread->cpu_ns)
        thread->cpu_ns += (cpu_ns - thread->cpu_ns) / thread->period_ns * thread->period_ns;
}

/*
 * A CPU timer fires at the kernel's tick. One that has expired since the last tick tells only when
 * it expires next, and its signal is lost when it is stopped: then there is more left than before,
 * and it is started to fire at once.
 */
bool sampler_thread_pause(void)
{
    static const struct itimerspec stopped;
    struct itimerspec times;
    struct sampler_thread *thread = self_with_timer();
    if (!thread || syscall(SYS_timer_settime, thread->timer, 0, &stopped, &times) != 0)
        return false;
    uint64_t left_ns =
        (uint64_t)times.it_value.tv_sec * NS_PER_S + (uint64_t)times.it_value.tv_nsec;
    if (left_ns == 0) /* stopped already, and left so by longjmp */
        left_ns = thread->period_ns;
    thread->left_ns = left_ns > thread->left_ns ? 1 : left_ns;
    add_lost_periods(thread);
    return true;
}

void sampler_thread_resume(void)
{
    struct sampler_thread *thread = self_with_timer();
    if (!thread)
        return;
    struct itimerspec times = {.it_interval = timespec_of(thread->period_ns),
                               .it_value = timespec_of(thread->left_ns)};
    syscall(SYS_timer_settime, thread->timer, 0, &times, NULL);
}

bool sampler_thread_arm(struct sampler *sampler, struct sampler_thread *thread)
{
    if (__atomic_add_fetch(&sampler->n_timers, 1, __ATOMIC_RELAXED) <= sampler->timers_max &&
        make_timer(sampler, thread)) {
        __atomic_fetch_add(&sampler->wire->armed_threads, 1, __ATOMIC_RELAXED);
        forget_unsampled(sampler, thread);
        return true;
    }
    __atomic_fetch_sub(&sampler->n_timers, 1, __ATOMIC_RELAXED);
    sampler_thread_count_unsampled(sampler, thread, WIRE_UNSAMPLED_NO_TIMER);
    return false;
}

void sampler_thread_disarm(struct sampler *sampler, struct sampler_thread *thread)
{
    if (thread->timer < 0)
        return;
    syscall(SYS_timer_delete, thread->timer);
    thread->timer = -1;
    __atomic_fetch_sub(&sampler->n_timers, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&sampler->wire->armed_threads, 1, __ATOMIC_RELAXED);
}

void sampler_threads_disarm_all(struct sampler *sampler, enum wire_unsampled reason)
{
    for (uint32_t i = 0; i < sampler->n_threads; i++) {
        struct sampler_thread *thread = &sampler->threads[i];
        if (__atomic_load_n(&thread->state, __ATOMIC_ACQUIRE) != SAMPLER_THREAD_RUNS ||
            thread->timer < 0)
            continue;
        sampler_thread_disarm(sampler, thread);
        sampler_count_unsampled(sampler, reason);
    }
}

void sampler_thread_follow_period(struct sampler *sampler, struct sampler_thread *thread)
{
    uint64_t wanted = wanted_period(sampler);
    if (wanted == thread->period_ns || thread->timer < 0 || !sampler_may_call(sampler))
        return;
    set_timer(thread, wanted);
}

/* ---- threads ---- */

static void begin(struct sampler *sampler, struct sampler_thread *thread, int32_t tid,
                  struct stack_bounds stack)
{
    thread->tid = tid;
    thread->cpu_ns = 0;
    thread->unsampled = 0;
    thread->clock_zero_ns = 0;
    thread->stack_low = stack.low;
    thread->stack_top = stack.top;
    thread->serial = __atomic_add_fetch(&sampler->last_serial, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&thread->state, SAMPLER_THREAD_RUNS, __ATOMIC_RELEASE);
}

/* Raw system calls may have blocked even this signal; then it would stay pending, for all to see.
 */
static bool is_blocked(void)
{
    uint64_t mask = 0;
    return syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof mask) == 0 &&
           (mask & SAMPLER_SIGNAL_BIT);
}

bool sampler_threads_before_first(void)
{
    return __libc_single_threaded && sampler_get() && sampler_thread_pause();
}

void sampler_threads_after_first(bool is_paused)
{
    if (!is_paused)
        return;
    sampler_signal_take();
    sampler_thread_resume();
}

static void begin_own(struct sampler *sampler, struct sampler_thread *thread)
{
    own.entry = thread;
    begin(sampler, thread, (int32_t)syscall(SYS_gettid), own.stack);
    if (!sampler_signal_take())
        return;
    if (is_blocked())
        sampler_thread_count_unsampled(sampler, thread, WIRE_UNSAMPLED_BLOCKED);
    else if (sigstack_give(sampler, thread))
        sampler_thread_arm(sampler, thread);
}

void sampler_thread_enter(struct sampler_thread *thread, uintptr_t frame)
{
    int saved_errno = errno;
    struct sampler *sampler = sampler_get();
    own.stack = sampler_stack_of_thread(thread, frame);
    if (sampler && sampler_may_arm(sampler)) {
        begin_own(sampler, thread);
    } else if (sampler) {
        sampler_count_unsampled(sampler, WIRE_UNSAMPLED_SECCOMP);
        sampler_thread_release(sampler, thread);
    }
    errno = saved_errno;
}

void sampler_thread_leave(void)
{
    int saved_errno = errno;
    struct sampler *sampler = sampler_get();
    struct sampler_thread *thread = own.entry;
    if (sampler && sampler_may_arm(sampler) && sampler_thread_self()) {
        own.entry = NULL;
        sampler_thread_disarm(sampler, thread);
        sigstack_take_back(thread);
        sampler_thread_release(sampler, thread);
    }
    errno = saved_errno;
}

static void arm_other(struct sampler *sampler, int32_t tid)
{
    struct sampler_thread *thread = sampler_thread_claim(sampler);
    if (!thread)
        return;
    begin(sampler, thread, tid, (struct stack_bounds){0});
    sampler_thread_arm(sampler, thread);
}

struct directory_entry { /* as the kernel writes it */
    uint64_t inode;
    int64_t offset;
    uint16_t bytes;
    uint8_t type;
    char name[];
};

/* Threads that other libraries' constructors have started. Nothing is known of their stacks, and
 * they are not given one for signals. */
static void arm_others(struct sampler *sampler)
{
    _Alignas(8) char room[DIRECTORY_BYTES];
    int32_t self = (int32_t)syscall(SYS_gettid);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/task", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    for (long n; (n = syscall(SYS_getdents64, fd, room, sizeof room)) > 0;)
        for (long i = 0; i < n;) {
            const struct directory_entry *entry = (const struct directory_entry *)(room + i);
            int32_t tid = (int32_t)strtol(entry->name, NULL, 10);
            if (tid > 0 && tid != self)
                arm_other(sampler, tid);
            i += entry->bytes;
        }
    syscall(SYS_close, fd);
}

void sampler_threads_arm_existing(struct sampler *sampler)
{
    struct sampler_thread *thread = sampler_thread_claim(sampler);
    if (own.stack.top == 0 && getpid() == (pid_t)syscall(SYS_gettid))
        own.stack = sampler_stack_of_main();
    if (thread)
        begin_own(sampler, thread);
    if (!__libc_single_threaded)
        arm_others(sampler);
}
