/*
 * One live measurement: launches the target or attaches to it, lets a source sample it, and keeps
 * the profile.
 *
 * Threads: the caller's (UI or command line); the session's own sampling thread, which drains the
 * source, unwinds and fills the profile; the symbol worker; the listener's. The profile is guarded
 * by session_lock.
 *
 * Context, where nothing else is said: any thread; session_start, session_finish and
 * session_free: the thread that owns the session.
 */
#ifndef PROFTOP_CORE_SESSION_SESSION_H
#define PROFTOP_CORE_SESSION_SESSION_H

#include "core/model/heap.h"
#include "core/model/profile.h"
#include "core/session/calls_source.h"
#include "core/session/heap_source.h"
#include "core/session/source.h"
#include "core/target/inherited_state.h"
#include "core/target/memory_use.h"

enum { SESSION_HISTORY = 120 };

struct session_options {
    char **argv;                         /* NULL-terminated command; NULL: attach */
    pid_t attach_pid;                    /* a running process, when argv is NULL */
    const struct inherited_state *state; /* what the command is to start with; borrowed */
    uint32_t rate_hz;
    bool children;         /* follow forked and exec'd children */
    const char *collector; /* path of libproftop.so; NULL: launch without */
    int terminal_fd; /* pty slave that becomes the target's terminal; -1: it keeps the caller's */
    /* CPU engines in order of preference, NULL at the end: the first that can run here is taken,
     * and why the others can't is noted. */
    const struct source_ops *const *sources;
    const struct heap_source_ops *heap; /* NULL: there is none */
    enum heap_policy heap_policy;
    double heap_budget_percent;           /* of the target's CPU time, for HEAP_POLICY_AUTO */
    const struct calls_source_ops *calls; /* NULL: there is none */
    enum calls_policy calls_policy;
    const struct calls_filter *calls_filter; /* functions to be counted whatever they were compiled
                                                with; NULL: none. Borrowed */
};

enum session_state {
    SESSION_RUNNING,
    SESSION_ENDED, /* nothing of the target is left, or session_finish was called */
};

/* A moment of the session for the screen's header. */
struct session_status {
    enum session_state state;
    int pid;
    bool target_ended; /* the first process has */
    int wait_status;   /* of the first process; -1 while it runs, or unknown: it was attached to */
    bool sampling;     /* false: switched off by session_set_sampling */
    int64_t elapsed_ns;
    uint32_t n_threads, n_processes; /* alive */
    uint32_t rate_asked_hz;
    double rate_real_hz; /* per CPU second, over the last second with CPU time; 0: none yet */
    int64_t samples, lost, truncated, broken;
    double cpu_percent;  /* of one core, now: all processes of the target; < 0: not measured */
    double cost_percent; /* proftop's own CPU, as a share of the target's, so far; < 0: unknown */
    int64_t rss_bytes;   /* of all its processes; -1 unknown */
    /* The heap. */
    enum heap_policy heap_policy;
    enum heap_mode heap_mode;     /* of the processes that are measured; HEAP_OFF: none is */
    double heap_cost_percent;     /* of the hooks, of the target's CPU time, now; < 0 unknown */
    double heap_bytes_per_second; /* allocated, now */
    struct memory_use memory;     /* of all its processes; rss_bytes 0: not read yet */
    float heap_history[SESSION_HISTORY]; /* live bytes, oldest first, a value a second */
    uint32_t n_heap_history;
    /* Exact calls. */
    bool has_calls_source; /* false: calls cannot be counted in this session */
    enum calls_policy calls_policy;
    uint32_t calls_patched;    /* functions whose code is changed now, in all processes */
    uint32_t calls_refused;    /* requests that could not be granted, ever: each is one more */
    const char *calls_refusal; /* the last one, "NAME: why"; NULL: none */
    size_t symbols_pending;
    const char *start_note; /* what a person should know about how it began; NULL: nothing */
    const char *engine;     /* "perf", "perf, no kernel", ... */
    float cpu_history[SESSION_HISTORY]; /* per cent of one core, oldest first, a value a second */
    uint32_t n_history;
};

struct session;

/*
 * Starts the command and samples it from its first instruction, or samples a running process from
 * now on.
 * Errors: PROFTOP_ERROR_NOT_FOUND, _NOT_EXECUTABLE (exit 127, 126), _NOT_PERMITTED (no engine may
 * run, or the process is another user's), _USAGE, _FAILED.
 */
struct session *session_start(const struct session_options *options, GError **error);

/* Ends the sampling, leaves whatever still runs running, and frees everything, the profile
 * included. */
void session_free(struct session *session);

/* Between these two the profile may be read, and saved: profile->info is as of now. Hold it
 * briefly: sampling waits, and its rings fill meanwhile. */
void session_lock(struct session *session);
/* Ends what session_lock began. */
void session_unlock(struct session *session);

/* The profile; touch it only between session_lock and session_unlock. */
struct profile *session_profile(struct session *session);

/* The first process's pidfd, owned by the session; -1 where the kernel has none. */
int session_pidfd(const struct session *session);

/* Context: any thread, without the lock. */
void session_get_status(struct session *session, struct session_status *ret_status);

/* Switches sampling off and on again; the target runs on at full speed meanwhile. */
void session_set_sampling(struct session *session, bool on);

/* Measures the heap another way from now on. Nothing happens when there is no heap source. */
void session_set_heap_policy(struct session *session, enum heap_policy policy);

/* Counts other calls from now on. Nothing happens when there is no calls source. */
void session_set_calls_policy(struct session *session, enum calls_policy policy);

/* Counts the calls of a function of the profile from now on, or no longer; see
 * session_status.calls_refusal. */
void session_set_function_calls(struct session *session, uint32_t function, bool on);

/* Changes the rate while running, for threads that exist and for those to come. */
bool session_set_rate(struct session *session, uint32_t rate_hz, GError **error);

/* Waits until the first process ended or `timeout_ms` is over (-1: for ever). Returns whether it
 * ended. */
bool session_wait(struct session *session, int timeout_ms);

/* Sends a signal to the first process; nothing happens when it has ended. */
void session_signal(struct session *session, int signal_number);

/*
 * Stops sampling, waits for symbols (at most `symbols_timeout_ms`), and fills profile->info. The
 * target is not touched. After it the profile no longer changes and needs no lock.
 */
void session_finish(struct session *session, int symbols_timeout_ms);

#endif
