/*
 * See launch.h. Everything that allocates happens before fork: proftop has threads, so the child
 * may only make async-signal-safe calls until exec. All signals are blocked across the fork; the
 * child puts dispositions back first and the mask last, so no handler of proftop's ever runs in it.
 */
#include "core/target/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/target/command.h"
#include "core/wire/program.h"
#include "core/wire/wire.h"

#define SHELL "/bin/sh"

struct launch {
    pid_t pid;
    int pidfd;
    int go_fd;     /* a byte lets the child go, closing ends it; -1 afterwards */
    int status_fd; /* gives errno when exec fails, end of file when it succeeds; -1 afterwards */
    bool has_ended;
    int status;
    struct rusage usage;
    char *command; /* for messages */
    char *collector_reason;
    char *note;
};

/* All that the child needs, made before fork. */
struct plan {
    const struct inherited_state *state;
    int go_fd, status_fd; /* the child's ends */
    int close_fds[2];     /* the parent's ends */
    int terminal_fd;
    struct command command;
    char **argv;
    char **shell_argv;  /* for a text file, else NULL */
    char **plain_env;   /* borrowed */
    char **environment; /* with the collector's entries, or NULL */
};

/* ---- in the child ---- */

static void take_terminal(int terminal_fd)
{
    if (terminal_fd < 0)
        return;
    setsid();
    ioctl(terminal_fd, TIOCSCTTY, 0);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (isatty(fd))
            dup2(terminal_fd, fd);
}

static int execute(const struct plan *plan, char **environment)
{
    execve(plan->command.path, plan->argv, environment);
    if (errno == ENOEXEC && plan->shell_argv)
        execve(SHELL, plan->shell_argv, environment);
    return errno;
}

static void become_command(const struct plan *plan) __attribute__((noreturn));

static void become_command(const struct plan *plan)
{
    char go;
    int error = E2BIG;
    close(plan->close_fds[0]);
    close(plan->close_fds[1]);
    inherited_state_restore(plan->state);
    take_terminal(plan->terminal_fd);
    if (read(plan->go_fd, &go, 1) != 1)
        _exit(EXIT_FAILURE);
    inherited_state_restore_mask(plan->state);
    if (plan->environment)
        error = execute(plan, plan->environment);
    if (error == E2BIG) /* not tried yet, or our entries were too much */
        error = execute(plan, plan->plain_env);
    while (write(plan->status_fd, &error, sizeof error) < 0 && errno == EINTR)
        ;
    _exit(127);
}

/* ---- the environment ---- */

static bool is_reserved(const char *entry)
{
    return g_str_has_prefix(entry, WIRE_ENV_SOCKET "=") ||
           g_str_has_prefix(entry, WIRE_ENV_TOKEN "=") ||
           g_str_has_prefix(entry, WIRE_ENV_CHILDREN "=") ||
           g_str_has_prefix(entry, WIRE_ENV_SECCOMP "=");
}

/* The value that ld.so takes when there are several: the last. */
static const char *last_preload(char **environment)
{
    const char *value = NULL;
    for (char **entry = environment; entry && *entry; entry++)
        if (g_str_has_prefix(*entry, "LD_PRELOAD="))
            value = *entry + strlen("LD_PRELOAD=");
    return value && *value ? value : NULL;
}

/* The collector comes first, so that it stands in front of an allocator of the user's. */
static char *join_preload(const char *library, const char *preload)
{
    if (!preload)
        return g_strconcat("LD_PRELOAD=", library, NULL);
    bool is_last = program_has_sanitizer(preload);
    return g_strconcat("LD_PRELOAD=", is_last ? preload : library, ":", is_last ? library : preload,
                       NULL);
}

/*
 * The user's environment with the collector's entries at its end. An LD_PRELOAD of the user's stays
 * in place; ours repeats its value, and being the last it is the one that counts.
 */
static char **extend_environment(const struct launch_options *options, const char *library)
{
    GPtrArray *array = g_ptr_array_new();
    const char *preload = last_preload(environ);
    for (char **entry = environ; entry && *entry; entry++)
        if (!is_reserved(*entry))
            g_ptr_array_add(array, g_strdup(*entry));
    g_ptr_array_add(array, g_strconcat(WIRE_ENV_SOCKET, "=", options->socket_path, NULL));
    g_ptr_array_add(array, g_strconcat(WIRE_ENV_TOKEN, "=", options->token_hex, NULL));
    g_ptr_array_add(array,
                    g_strdup_printf(WIRE_ENV_CHILDREN "=%d", options->follow_children ? 1 : 0));
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) > 0)
        g_ptr_array_add(array, g_strdup(WIRE_ENV_SECCOMP "=1"));
    g_ptr_array_add(array, join_preload(library, preload));
    g_ptr_array_add(array, NULL);
    return (char **)g_ptr_array_free(array, FALSE);
}

/* ---- whether the collector fits ---- */

/* Why the library itself cannot be preloaded, or NULL. */
static char *library_reason(const char *library)
{
    struct stat status;
    if (!library || stat(library, &status) != 0)
        return g_strdup_printf("the collector %s is missing", library ? library : "libproftop.so");
    if (access(library, R_OK) != 0)
        return g_strdup_printf("the collector %s cannot be read", library);
    if (status.st_mode & S_IWOTH)
        return g_strdup_printf("the collector %s can be written by every user", library);
    if (strpbrk(library, ": $"))
        return g_strdup_printf("the collector's path %s holds a blank, ':' or '$', which the "
                               "loader cannot preload",
                               library);
    return NULL;
}

static void decide_collector(struct launch *launch, struct plan *plan,
                             const struct launch_options *options)
{
    const char *verdict = program_verdict_text(plan->command.program.verdict);
    if (plan->command.program.verdict == PROGRAM_PRIVILEGED)
        launch->note = g_strdup_printf("%s changes its privileges: the kernel may hide it from a "
                                       "profiler without root",
                                       launch->command);
    if (!options->collector)
        return;
    char *library = options->collector_path ? realpath(options->collector_path, NULL) : NULL;
    if (verdict)
        launch->collector_reason = g_strdup(verdict);
    else
        launch->collector_reason = library_reason(library ? library : options->collector_path);
    if (!launch->collector_reason)
        plan->environment = extend_environment(options, library);
    free(library);
}

/* ---- forking ---- */

static bool make_pipes(struct launch *launch, struct plan *plan, GError **error)
{
    int go[2], status[2];
    if (pipe2(go, O_CLOEXEC) != 0)
        return proftop_error_set_errno(error, "cannot make a pipe");
    if (pipe2(status, O_CLOEXEC) != 0) {
        proftop_error_set_errno(error, "cannot make a pipe");
        close(go[0]);
        close(go[1]);
        return false;
    }
    plan->go_fd = go[0];
    plan->close_fds[0] = launch->go_fd = go[1];
    plan->close_fds[1] = launch->status_fd = status[0];
    plan->status_fd = status[1];
    return true;
}

static bool fork_child(struct launch *launch, struct plan *plan, GError **error)
{
    sigset_t all, before;
    if (!make_pipes(launch, plan, error))
        return false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    launch->pid = fork();
    if (launch->pid == 0)
        become_command(plan);
    int fork_errno = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(plan->go_fd);
    close(plan->status_fd);
    if (launch->pid > 0) {
        launch->pidfd = (int)syscall(SYS_pidfd_open, launch->pid, 0);
        return true;
    }
    errno = fork_errno;
    return proftop_error_set_errno(error, "cannot start a process");
}

static char **shell_arguments(const char *path, char **argv)
{
    guint n = g_strv_length(argv);
    char **arguments = g_new0(char *, n + 2);
    arguments[0] = (char *)SHELL;
    arguments[1] = (char *)path;
    for (guint i = 1; i < n; i++)
        arguments[i + 1] = argv[i];
    return arguments;
}

static struct launch *prepare(const struct launch_options *options,
                              const struct inherited_state *state, GError **error)
{
    struct plan plan = {.state = state,
                        .terminal_fd = options->terminal_fd,
                        .argv = options->argv,
                        .plain_env = environ};
    if (!command_find(options->argv[0], &plan.command, error))
        return NULL;
    struct launch *launch = g_new0(struct launch, 1);
    launch->pidfd = launch->go_fd = launch->status_fd = -1;
    launch->command = g_strdup(options->argv[0]);
    decide_collector(launch, &plan, options);
    if (plan.command.is_shell_text)
        plan.shell_argv = shell_arguments(plan.command.path, options->argv);
    bool is_forked = fork_child(launch, &plan, error);
    g_free(plan.shell_argv);
    g_strfreev(plan.environment);
    command_clear(&plan.command);
    if (is_forked)
        return launch;
    launch_free(launch);
    return NULL;
}

struct launch *launch_prepare(const struct launch_options *options, GError **error)
{
    struct inherited_state *now = options->state ? NULL : inherited_state_capture();
    struct launch *launch = prepare(options, options->state ? options->state : now, error);
    inherited_state_free(now);
    return launch;
}

pid_t launch_pid(const struct launch *launch)
{
    return launch->pid;
}

int launch_pidfd(const struct launch *launch)
{
    return launch->pidfd;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* errno of the failed exec; 0 when it succeeded, or a signal ended the child first (reaping tells).
 */
static int await_exec(struct launch *launch)
{
    int error = 0;
    ssize_t n;
    do
        n = read(launch->status_fd, &error, sizeof error);
    while (n < 0 && errno == EINTR);
    close_fd(&launch->status_fd);
    return n == (ssize_t)sizeof error ? error : 0;
}

bool launch_go(struct launch *launch, GError **error)
{
    char go = 1;
    ssize_t n;
    do
        n = write(launch->go_fd, &go, 1);
    while (n < 0 && errno == EINTR);
    close_fd(&launch->go_fd);
    int number = await_exec(launch);
    if (number == 0)
        return true;
    launch_wait(launch, &launch->status, NULL);
    g_set_error(error, PROFTOP_ERROR,
                number == ENOENT ? PROFTOP_ERROR_NOT_FOUND : PROFTOP_ERROR_NOT_EXECUTABLE,
                "%s cannot be run: %s", launch->command, g_strerror(number));
    return false;
}

/* Whether it has ended: one that is stopped by a tracer, which may be a thread of ours, has not. */
static bool is_over(const struct launch *launch)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)launch->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED);
}

bool launch_reap(struct launch *launch, int *ret_status, struct rusage *ret_usage)
{
    if (!launch->has_ended && is_over(launch) &&
        wait4(launch->pid, &launch->status, WNOHANG, &launch->usage) == launch->pid)
        launch->has_ended = true;
    if (!launch->has_ended)
        return false;
    *ret_status = launch->status;
    if (ret_usage)
        *ret_usage = launch->usage;
    return true;
}

void launch_wait(struct launch *launch, int *ret_status, struct rusage *ret_usage)
{
    int status;
    while (!launch->has_ended) {
        pid_t pid = wait4(launch->pid, &status, 0, &launch->usage);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid == launch->pid && WIFSTOPPED(status))
            continue;
        launch->status = pid == launch->pid ? status : 0;
        launch->has_ended = true;
    }
    launch_reap(launch, ret_status, ret_usage);
}

int launch_exit_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

const char *launch_collector_reason(const struct launch *launch)
{
    return launch->collector_reason;
}

const char *launch_note(const struct launch *launch)
{
    return launch->note;
}

void launch_free(struct launch *launch)
{
    int status;
    if (!launch)
        return;
    bool is_waiting = launch->go_fd >= 0 && launch->pid > 0;
    close_fd(&launch->go_fd);
    if (is_waiting)
        launch_wait(launch, &status, NULL);
    close_fd(&launch->status_fd);
    close_fd(&launch->pidfd);
    g_free(launch->command);
    g_free(launch->collector_reason);
    g_free(launch->note);
    g_free(launch);
}
