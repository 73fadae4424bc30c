/*
 * Starting the command to be profiled, in two steps: launch_prepare() forks a child that waits, the
 * caller opens its perf events on that pid (enable_on_exec), launch_go() lets it become the
 * command.
 *
 * The command starts as whoever started proftop would have started it: same descriptors, signal
 * mask and dispositions, limits, directory, umask, niceness, process group, and environment but for
 * the collector's entries, which the collector takes out again. Its parent is proftop.
 */
#ifndef PROFTOP_CORE_TARGET_LAUNCH_H
#define PROFTOP_CORE_TARGET_LAUNCH_H

#include <glib.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "core/target/inherited_state.h"

struct launch_options {
    char **argv;                         /* the command, NULL-terminated, at least one */
    const struct inherited_state *state; /* as captured at the start of main; NULL: as it is now */
    bool collector;                      /* preload the collector where the program can take it */
    const char *collector_path;          /* of libproftop.so; need not be absolute */
    const char *socket_path;             /* the listener's; required with `collector` */
    const char *token_hex;               /* the listener's */
    bool follow_children;
    int terminal_fd; /* -1, or a terminal (a pty's slave): the command gets a new session with it as
                        controlling terminal, and it replaces those of stdin, stdout and stderr that
                        are terminals */
};

struct launch;

/*
 * Finds the command and forks the child, which waits for launch_go() and goes away silently when
 * proftop ends before. The strings of `options` need not outlive the call. NULL on error:
 * PROFTOP_ERROR_NOT_FOUND (exit status 127), PROFTOP_ERROR_NOT_EXECUTABLE (126),
 * PROFTOP_ERROR_FAILED. Context: the thread that will reap it.
 */
struct launch *launch_prepare(const struct launch_options *options, GError **error);

/* The child's process id; the command's once it runs. Context: any thread. */
pid_t launch_pid(const struct launch *launch);

/* A pidfd, readable once the process has ended; the launch owns it. -1 on kernels before 5.3.
 * Context: any thread. */
int launch_pidfd(const struct launch *launch);

/*
 * Lets the child execute the command and waits until it has. False when exec failed, with the
 * errors of launch_prepare(); the child is gone then. Context: the thread that prepared it.
 */
bool launch_go(struct launch *launch, GError **error);

/*
 * Takes the exit status without waiting. True once the process has ended: `ret_status` as from
 * waitpid, `ret_usage` (may be NULL) with the resources of it and its reaped children; the same
 * answer at every later call. Context: the thread that prepared it.
 */
bool launch_reap(struct launch *launch, int *ret_status, struct rusage *ret_usage);

/* Waits for the end. Context: the thread that prepared it. */
void launch_wait(struct launch *launch, int *ret_status, struct rusage *ret_usage);

/* The exit status a shell would report: the code, or 128 + signal. Context: any. */
int launch_exit_code(int status);

/* Why the collector is not in the command, as the end of a sentence ("it is statically linked");
 * NULL when it is, or was not asked for. Borrowed. Context: any thread. */
const char *launch_collector_reason(const struct launch *launch);

/* A remark about the command that a person should see, one sentence, or NULL. Borrowed. Context:
 * any thread. */
const char *launch_note(const struct launch *launch);

/* Frees the object. A child that was not let go ends; a running command runs on. NULL is allowed.
 * Context: the thread that prepared it. */
void launch_free(struct launch *launch);

#endif
