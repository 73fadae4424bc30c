/*
 * The session: start, the sampling thread, control from outside, end.
 *
 * The sampling thread is the only one to touch the source, the ingest and the launched process;
 * others leave a request under `lock` and wake it through `wake_fd`.
 */
#include "core/session/session.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/session/calls_watch.h"
#include "core/session/coverage.h"
#include "core/session/engine.h"
#include "core/session/existing.h"
#include "core/session/heap_watch.h"
#include "core/session/ingest.h"
#include "core/session/meter.h"
#include "core/session/vanished.h"
#include "core/target/attachment.h"
#include "core/target/launch.h"

enum { DRAIN_INTERVAL_MS = 50, WATCHED_NS = 2000000000 };

struct session {
    const struct source_ops *source_ops;
    void *source;
    struct heap_watch *heap;   /* NULL: the heap is not measured */
    struct calls_watch *calls; /* NULL: calls are not counted */
    struct profile *profile;
    struct ingest *ingest;
    struct coverage *coverage;     /* NULL: launched without the collector */
    struct launch *launch;         /* NULL: attached */
    struct attachment *attachment; /* NULL: launched */
    GArray *told;                  /* of threads, while attaching */
    struct meter meter;
    pthread_t thread;
    bool thread_runs;
    int wake_fd;  /* epoll: over event_fd and the first process's pidfd */
    int event_fd; /* written when there is a request */

    pthread_mutex_t lock; /* guards the profile and all below */
    pthread_cond_t changed;
    struct session_status status;
    int64_t start_ns, end_ns; /* CLOCK_MONOTONIC; end 0 while it runs */
    bool may_run;             /* the sampling thread: the command runs */
    bool stop;
    bool want_sampling;
    uint32_t want_rate_hz;
    bool rate_pending;
    GError *rate_error;
    enum heap_policy want_heap_policy;
    bool heap_policy_pending;
    int64_t asked_ns; /* when somebody looked at the status last */
};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void wake(struct session *s)
{
    uint64_t one = 1;
    ssize_t written = write(s->event_fd, &one, sizeof one);
    (void)written; /* it can only fail when the thread is being woken already */
}

/* ---- the sampling thread ---- */

static struct meter_reading read_sums(const struct session *s)
{
    return (struct meter_reading){.time_ns = clock_ns(CLOCK_MONOTONIC),
                                  .target_cpu_ns = ingest_cpu_ns(s->ingest),
                                  .samples = s->profile->info.samples};
}

/* Counts what is alive, and lists its pids. With the lock. */
static GArray *count_alive(struct session *s)
{
    GArray *pids = g_array_new(FALSE, FALSE, sizeof(int));
    s->status.n_threads = 0;
    for (uint32_t i = 0; i < s->profile->processes->len; i++)
        if (!profile_get_process(s->profile, i)->ended)
            g_array_append_val(pids, profile_get_process(s->profile, i)->pid);
    for (uint32_t i = 0; i < s->profile->threads->len; i++)
        s->status.n_threads += !profile_get_thread(s->profile, i)->ended;
    s->status.n_processes = pids->len;
    return pids;
}

/* Where the collector has to be inside from the start, no process has it. */
static void mark_not_covered(struct profile *p)
{
    for (uint32_t i = 0; i < p->processes->len; i++)
        if (!*profile_get_process(p, i)->coverage)
            profile_get_process(p, i)->coverage =
                profile_text(p, "proftop was attached to it while it ran");
}

static void update_status(struct session *s)
{
    pthread_mutex_lock(&s->lock);
    struct meter_reading now = read_sums(s);
    GArray *pids = NULL;
    calls_watch_update(s->calls, s->profile, &s->status);
    if (meter_update(&s->meter, &now, s->status.sampling, &s->status)) {
        if (s->coverage)
            coverage_update(s->coverage, s->profile);
        if (s->attachment)
            mark_not_covered(s->profile);
        vanished_mark(s->profile);
        heap_watch_update(s->heap, s->profile, now.time_ns, &s->status);
        pids = count_alive(s);
    }
    bool is_watched = now.time_ns - s->asked_ns < WATCHED_NS;
    pthread_mutex_unlock(&s->lock);
    if (!pids)
        return;
    struct memory_use memory;
    int64_t rss_bytes = meter_rss_bytes(pids);
    bool has_memory = is_watched && heap_watch_read_memory(s->heap, pids, now.time_ns, &memory);
    g_array_unref(pids);
    pthread_mutex_lock(&s->lock);
    s->status.rss_bytes = rss_bytes;
    if (has_memory)
        s->status.memory = memory;
    pthread_mutex_unlock(&s->lock);
}

static void follow_rate(struct session *s, uint32_t rate_hz)
{
    GError *error = NULL;
    bool ok = s->source_ops->set_rate(s->source, rate_hz, &error);
    pthread_mutex_lock(&s->lock);
    if (ok)
        s->status.rate_asked_hz = s->profile->info.rate_asked_hz = rate_hz;
    s->rate_error = error;
    s->rate_pending = false;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* Carries out what others asked for. Returns whether to go on. */
static bool follow_requests(struct session *s)
{
    uint64_t count;
    ssize_t got = read(s->event_fd, &count, sizeof count);
    (void)got; /* nothing to read is the usual case */
    pthread_mutex_lock(&s->lock);
    bool stop = s->stop, toggle = s->want_sampling != s->status.sampling;
    bool sampling = s->status.sampling = s->want_sampling;
    bool rate_pending = s->rate_pending;
    uint32_t rate_hz = s->want_rate_hz;
    if (s->heap_policy_pending)
        heap_watch_set_policy(s->heap, s->profile, s->want_heap_policy);
    s->heap_policy_pending = false;
    pthread_mutex_unlock(&s->lock);
    if (toggle)
        s->source_ops->set_enabled(s->source, sampling);
    if (rate_pending)
        follow_rate(s, rate_hz);
    return !stop;
}

/* Whether the first process has ended; `ret_status` is left alone when nobody tells us how. */
static bool has_ended(const struct session *s, int *ret_status)
{
    return s->launch ? launch_reap(s->launch, ret_status, NULL)
                     : attachment_has_ended(s->attachment);
}

static void reap(struct session *s)
{
    int wait_status = -1;
    if (s->status.target_ended || !has_ended(s, &wait_status))
        return;
    int pidfd = session_pidfd(s);
    if (pidfd >= 0)
        epoll_ctl(s->wake_fd, EPOLL_CTL_DEL, pidfd, NULL);
    pthread_mutex_lock(&s->lock);
    s->status.target_ended = true;
    s->status.wait_status = s->profile->info.wait_status = wait_status;
    g_array_unref(count_alive(s));
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* The target is gone when its first process is, and all that came from it. Of threads that were
 * ending when proftop attached to their process nobody tells the end. */
static void note_end(struct session *s)
{
    pthread_mutex_lock(&s->lock);
    if (s->status.target_ended && s->end_ns == 0) {
        if (s->attachment)
            vanished_mark_process(s->profile, 0);
        g_array_unref(count_alive(s));
        if (s->status.n_processes == 0) {
            s->end_ns = clock_ns(CLOCK_MONOTONIC);
            s->status.state = SESSION_ENDED;
        }
    }
    pthread_mutex_unlock(&s->lock);
}

/* The thread is made before the command runs, so that a failure to make it harms nothing; it begins
 * once the command does. False when that failed. */
static bool await_permission(struct session *s)
{
    pthread_mutex_lock(&s->lock);
    while (!s->may_run && !s->stop)
        pthread_cond_wait(&s->changed, &s->lock);
    bool may_run = s->may_run;
    pthread_mutex_unlock(&s->lock);
    return may_run;
}

static void drain(struct session *s, bool last)
{
    calls_watch_fetch(s->calls);
    heap_watch_fetch(s->heap);
    s->source_ops->drain(s->source, s->ingest, last);
    if (last) { /* it may have waited for those that come late */
        calls_watch_fetch(s->calls);
        heap_watch_fetch(s->heap);
    }
    heap_watch_drain(s->heap, s->ingest, last);
    calls_watch_drain(s->calls, s->ingest, last);
}

static void *sampling_thread(void *arg)
{
    struct session *s = arg;
    bool runs = await_permission(s);
    while (runs && follow_requests(s)) {
        s->source_ops->wait(s->source, s->wake_fd, DRAIN_INTERVAL_MS);
        drain(s, false);
        reap(s);
        update_status(s);
        note_end(s);
    }
    if (runs)
        drain(s, true);
    return NULL;
}

/* ---- start ---- */

static void describe(struct session *s, const struct session_options *options)
{
    struct profile *p = s->profile;
    p->info.host = profile_text(p, g_get_host_name());
    p->info.rate_asked_hz = options->rate_hz;
    p->count_metric = profile_add_metric(p, "samples", "count");
    p->main_metric = profile_add_metric(p, "cpu", "nanoseconds");
    s->status = (struct session_status){.state = SESSION_RUNNING,
                                        .wait_status = -1,
                                        .sampling = true,
                                        .n_threads = 1,
                                        .n_processes = 1,
                                        .rate_asked_hz = options->rate_hz,
                                        .cpu_percent = -1,
                                        .cost_percent = -1,
                                        .rss_bytes = -1,
                                        .heap_policy = options->heap_policy,
                                        .calls_policy = options->calls_policy,
                                        .heap_cost_percent = -1};
    s->want_sampling = true;
}

static bool choose_source(struct session *s, const struct session_options *options, GError **error)
{
    const struct source_options asked = {
        .attached = !options->argv, .rate_hz = options->rate_hz, .children = options->children};
    const GPtrArray *notes = s->profile->notes;
    s->source_ops = engine_choose(options->sources, &asked, s->profile, error);
    if (s->source_ops && s->source_ops != options->sources[0])
        s->status.start_note = g_ptr_array_index(notes, notes->len - 1);
    return s->source_ops != NULL;
}

static struct launch *prepare(struct session *s, const struct session_options *options,
                              GError **error)
{
    struct launch_options launch = {.argv = options->argv,
                                    .state = options->state,
                                    .follow_children = options->children,
                                    .terminal_fd = options->terminal_fd};
    if (s->coverage) {
        launch.collector = true;
        launch.collector_path = options->collector;
        launch.socket_path = listener_socket_path(coverage_listener(s->coverage));
        launch.token_hex = listener_token_hex(coverage_listener(s->coverage));
    }
    return launch_prepare(&launch, error);
}

/* The first process's place in the profile, and what is known about it before it runs. */
static void introduce_launched(struct session *s, char **argv)
{
    struct profile *p = s->profile;
    uint32_t process = profile_process(p, launch_pid(s->launch));
    const char *reason = launch_collector_reason(s->launch);
    char *command = text_command_line(argv);
    if (reason)
        profile_get_process(p, process)->coverage = profile_text(p, reason);
    if (launch_note(s->launch))
        s->status.start_note = profile_note(p, launch_note(s->launch));
    p->info.command = profile_text(p, command);
    s->status.pid = launch_pid(s->launch);
    const char *not_sampled = engine_note_command(s->source_ops, reason, p);
    if (not_sampled)
        s->status.start_note = not_sampled;
    g_free(command);
}

/* Takes hold of the target, which does not run on its own account yet when it is launched. */
static bool take_target(struct session *s, const struct session_options *options, GError **error)
{
    if (options->argv) {
        s->launch = prepare(s, options, error);
        if (s->launch)
            introduce_launched(s, options->argv);
        return s->launch;
    }
    s->attachment = attachment_open(options->attach_pid, error);
    if (!s->attachment)
        return false;
    s->status.pid = s->profile->info.attached_pid = attachment_pid(s->attachment);
    profile_process(s->profile, s->status.pid);
    mark_not_covered(s->profile);
    s->profile->info.command = profile_text(s->profile, attachment_command(s->attachment));
    return true;
}

static void watch(struct session *s, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    if (fd >= 0)
        epoll_ctl(s->wake_fd, EPOLL_CTL_ADD, fd, &event);
}

static bool start_sampling(struct session *s, const struct session_options *options, GError **error)
{
    struct source_options source = {.pid = s->status.pid,
                                    .attached = s->attachment,
                                    .rate_hz = options->rate_hz,
                                    .children = options->children,
                                    .coverage = s->coverage};
    s->source = s->source_ops->start(&source, error);
    if (!s->source)
        return false;
    s->status.engine = s->source_ops->describe(s->source);
    s->profile->info.engine = profile_text(s->profile, s->status.engine);
    s->profile->info.start_time_ns = clock_ns(CLOCK_REALTIME);
    s->start_ns = clock_ns(CLOCK_MONOTONIC);
    s->heap = heap_watch_new(&(struct heap_watch_options){.session = options,
                                                          .coverage = s->coverage,
                                                          .pid = s->status.pid,
                                                          .start_ns = s->start_ns},
                             s->profile);
    s->calls = calls_watch_new(&(struct calls_watch_options){.session = options,
                                                             .coverage = s->coverage,
                                                             .pid = s->status.pid,
                                                             .wake_fd = s->event_fd,
                                                             .start_ns = s->start_ns},
                               s->profile);
    ingest_set_hijack(s->ingest, calls_watch_get_hijack, s->calls);
    return true;
}

/* Signals belong to the caller's threads. */
static bool start_thread(struct session *s, GError **error)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    int code = pthread_create(&s->thread, NULL, sampling_thread, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    s->thread_runs = code == 0;
    if (code)
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED, "cannot start a thread: %s",
                    g_strerror(code));
    return code == 0;
}

static bool fail_ended(const struct session *s, GError **error)
{
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED,
                "process %d ended while proftop was attaching to it", s->status.pid);
    return false;
}

/* Prepares for events of a process that runs already. */
static bool introduce(struct session *s, GError **error)
{
    if (s->attachment)
        s->told = existing_introduce(s->ingest, s->status.pid);
    return s->launch || s->told || fail_ended(s, error);
}

/* Lets the command run; what has changed in a process that ran already is taken note of. */
static bool go(struct session *s, GError **error)
{
    if (s->launch)
        return launch_go(s->launch, error);
    return existing_settle(s->ingest, s->status.pid, g_steal_pointer(&s->told)) ||
           fail_ended(s, error);
}

static bool start(struct session *s, const struct session_options *options, GError **error)
{
    if (!choose_source(s, options, error))
        return false;
    if (options->argv && options->collector && !(s->coverage = coverage_new(error)))
        return false;
    if (!take_target(s, options, error))
        return false;
    s->ingest = ingest_new(s->profile, &s->lock);
    if (!introduce(s, error) || !start_sampling(s, options, error) || !start_thread(s, error) ||
        !go(s, error))
        return false;
    struct meter_reading now = read_sums(s);
    meter_init(&s->meter, &now);
    watch(s, s->event_fd);
    watch(s, session_pidfd(s));
    pthread_mutex_lock(&s->lock);
    s->may_run = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return true;
}

struct session *session_start(const struct session_options *options, GError **error)
{
    struct session *s = g_new0(struct session, 1);
    s->profile = profile_new();
    s->wake_fd = epoll_create1(EPOLL_CLOEXEC);
    s->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &attr);
    pthread_condattr_destroy(&attr);
    describe(s, options);
    if (start(s, options, error))
        return s;
    session_free(s);
    return NULL;
}

/* ---- from other threads ---- */

/* What a snapshot made now has to say of the run. With the lock, or alone. */
static void fill_info(struct session *s)
{
    struct profile_info *info = &s->profile->info;
    int64_t cpu_ns = ingest_cpu_ns(s->ingest);
    int64_t now = s->end_ns ? s->end_ns : clock_ns(CLOCK_MONOTONIC);
    info->duration_ns = now - s->start_ns;
    info->rate_real_hz = cpu_ns > 0 ? (double)info->samples * 1e9 / (double)cpu_ns : 0;
    info->front_end_cpu_ns = meter_own_cpu_ns(&s->meter);
}

void session_lock(struct session *s)
{
    pthread_mutex_lock(&s->lock);
    if (s->thread_runs)
        fill_info(s);
}

void session_unlock(struct session *s)
{
    pthread_mutex_unlock(&s->lock);
}

struct profile *session_profile(struct session *s)
{
    return s->profile;
}

int session_pidfd(const struct session *s)
{
    return s->launch ? launch_pidfd(s->launch) : attachment_pidfd(s->attachment);
}

void session_get_status(struct session *s, struct session_status *ret_status)
{
    pthread_mutex_lock(&s->lock);
    struct session_status *status = &s->status;
    const struct profile_info *info = &s->profile->info;
    int64_t now = s->end_ns ? s->end_ns : clock_ns(CLOCK_MONOTONIC);
    status->elapsed_ns = now - s->start_ns;
    status->samples = info->samples;
    status->lost = info->lost;
    status->truncated = info->truncated;
    status->broken = info->broken;
    status->symbols_pending = ingest_symbols_pending(s->ingest);
    s->asked_ns = now;
    *ret_status = *status;
    pthread_mutex_unlock(&s->lock);
}

void session_set_sampling(struct session *s, bool on)
{
    pthread_mutex_lock(&s->lock);
    s->want_sampling = on;
    pthread_mutex_unlock(&s->lock);
    wake(s);
}

void session_set_heap_policy(struct session *s, enum heap_policy policy)
{
    pthread_mutex_lock(&s->lock);
    s->want_heap_policy = policy;
    s->heap_policy_pending = true;
    if (s->heap)
        s->status.heap_policy = policy;
    pthread_mutex_unlock(&s->lock);
    wake(s);
}

void session_set_calls_policy(struct session *s, enum calls_policy policy)
{
    pthread_mutex_lock(&s->lock);
    calls_watch_ask_policy(s->calls, policy);
    if (s->calls)
        s->status.calls_policy = policy;
    pthread_mutex_unlock(&s->lock);
    wake(s);
}

void session_set_function_calls(struct session *s, uint32_t function, bool on)
{
    pthread_mutex_lock(&s->lock);
    calls_watch_ask_function(s->calls, function, on);
    pthread_mutex_unlock(&s->lock);
    wake(s);
}

bool session_set_rate(struct session *s, uint32_t rate_hz, GError **error)
{
    pthread_mutex_lock(&s->lock);
    bool runs = s->thread_runs && !s->stop;
    s->want_rate_hz = rate_hz;
    s->rate_pending = runs;
    wake(s);
    while (s->rate_pending)
        pthread_cond_wait(&s->changed, &s->lock);
    GError *failed = s->rate_error;
    s->rate_error = NULL;
    pthread_mutex_unlock(&s->lock);
    if (failed)
        g_propagate_error(error, failed);
    return !failed;
}

bool session_wait(struct session *s, int timeout_ms)
{
    int64_t until_ns = clock_ns(CLOCK_MONOTONIC) + (int64_t)timeout_ms * 1000000;
    struct timespec until = {.tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000};
    int code = 0;
    pthread_mutex_lock(&s->lock);
    while (!s->status.target_ended && code == 0)
        code = timeout_ms < 0 ? pthread_cond_wait(&s->changed, &s->lock)
                              : pthread_cond_timedwait(&s->changed, &s->lock, &until);
    bool ended = s->status.target_ended;
    pthread_mutex_unlock(&s->lock);
    return ended;
}

void session_signal(struct session *s, int signal_number)
{
    pthread_mutex_lock(&s->lock);
    if (s->attachment)
        attachment_signal(s->attachment, signal_number);
    else if (!s->status.target_ended)
        kill(s->status.pid, signal_number);
    pthread_mutex_unlock(&s->lock);
}

/* ---- end ---- */

static void stop_thread(struct session *s)
{
    if (!s->thread_runs)
        return;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    wake(s);
    pthread_join(s->thread, NULL);
    s->thread_runs = false;
}

void session_finish(struct session *s, int symbols_timeout_ms)
{
    if (!s->thread_runs)
        return;
    stop_thread(s);
    ingest_set_hijack(s->ingest, NULL, NULL);
    g_clear_pointer(&s->calls, calls_watch_free);
    g_clear_pointer(&s->heap, heap_watch_free);
    s->source_ops->stop(s->source);
    s->source = NULL;
    vanished_mark(s->profile);
    ingest_wait_symbols(s->ingest, symbols_timeout_ms);
    if (s->end_ns == 0)
        s->end_ns = clock_ns(CLOCK_MONOTONIC);
    s->status.state = SESSION_ENDED;
    fill_info(s);
    engine_note_unsampled(s->source_ops, ingest_unsampled_ns(s->ingest), ingest_cpu_ns(s->ingest),
                          s->profile);
}

void session_free(struct session *s)
{
    if (!s)
        return;
    stop_thread(s);
    calls_watch_free(s->calls);
    heap_watch_free(s->heap);
    if (s->source)
        s->source_ops->stop(s->source);
    ingest_free(s->ingest);
    launch_free(s->launch);
    attachment_free(s->attachment);
    g_clear_pointer(&s->told, g_array_unref);
    coverage_free(s->coverage);
    profile_free(s->profile);
    close(s->wake_fd);
    close(s->event_fd);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    g_clear_error(&s->rate_error);
    g_free(s);
}
