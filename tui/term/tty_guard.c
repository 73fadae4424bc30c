/*
 * Terminal guard: signal handlers that only write a byte, or, in a crash, put the terminal back
 * with calls that are allowed there (write, tcsetattr) and then let the crash happen.
 */
#include "tui/term/tty_guard.h"

#include "core/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const int told_signals[] = {SIGHUP, SIGTERM, SIGWINCH};
static const int fatal_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT};

/* Mutable file-scope data: signal handlers have no argument to carry it. */
static struct {
    volatile sig_atomic_t active;
    int fd;
    int pipe[2];
    const char *reset;
    size_t reset_length;
    struct termios modes;
    struct sigaction told_before[G_N_ELEMENTS(told_signals)];
    struct sigaction fatal_before[G_N_ELEMENTS(fatal_signals)];
} guard = {.fd = -1, .pipe = {-1, -1}};

static void on_told(int signal_number)
{
    int saved = errno;
    char byte = (char)signal_number;
    ssize_t ignored = write(guard.pipe[1], &byte, 1);
    (void)ignored; /* a full pipe already holds news */
    errno = saved;
}

static void on_fatal(int signal_number)
{
    if (guard.active) {
        guard.active = 0;
        ssize_t ignored = write(guard.fd, guard.reset, guard.reset_length);
        (void)ignored;
        tcsetattr(guard.fd, TCSANOW, &guard.modes);
    }
    /* SA_RESETHAND has restored the default action. */
    raise(signal_number);
}

static void install(const int *signals, struct sigaction *before, size_t n,
                    const struct sigaction *action)
{
    for (size_t i = 0; i < n; i++)
        sigaction(signals[i], action, &before[i]);
}

int tty_guard_begin(int fd, const char *reset, GError **error)
{
    if (tcgetattr(fd, &guard.modes) != 0 || pipe2(guard.pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED,
                    "cannot take over the terminal: %s; use 'proftop record' without one",
                    g_strerror(errno));
        return -1;
    }
    guard.fd = fd;
    guard.reset = reset;
    guard.reset_length = strlen(reset);
    guard.active = 1;
    struct sigaction told = {.sa_handler = on_told, .sa_flags = SA_RESTART};
    struct sigaction fatal = {.sa_handler = on_fatal, .sa_flags = SA_RESETHAND | SA_NODEFER};
    install(told_signals, guard.told_before, G_N_ELEMENTS(told_signals), &told);
    install(fatal_signals, guard.fatal_before, G_N_ELEMENTS(fatal_signals), &fatal);
    return guard.pipe[0];
}

void tty_guard_end(void)
{
    if (guard.pipe[0] < 0)
        return;
    guard.active = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(told_signals); i++)
        sigaction(told_signals[i], &guard.told_before[i], NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(fatal_signals); i++)
        sigaction(fatal_signals[i], &guard.fatal_before[i], NULL);
    close(guard.pipe[0]);
    close(guard.pipe[1]);
    guard.pipe[0] = guard.pipe[1] = -1;
}
