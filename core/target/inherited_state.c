/*
 * See inherited_state.h. Of dispositions only "ignored" and "default" pass through exec, so a
 * captured handler counts as default.
 */
#include "core/target/inherited_state.h"

#include <errno.h>
#include <glib.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct inherited_state {
    sigset_t mask;
    uint64_t ignored; /* bit = signal - 1 */
    struct rlimit limits[RLIM_NLIMITS];
    mode_t umask;
    int nice;
};

/*
 * The kernel's own sigaction: glibc's refuses the two signals that it keeps for itself, and its
 * thread library replaces what was inherited for one of them.
 */
struct kernel_sigaction {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

static bool kernel_sigaction(int signal, const struct kernel_sigaction *new,
                             struct kernel_sigaction *old)
{
    return syscall(SYS_rt_sigaction, signal, new, old, sizeof(uint64_t)) == 0;
}

struct inherited_state *inherited_state_capture(void)
{
    struct inherited_state *state = g_new0(struct inherited_state, 1);
    sigprocmask(SIG_SETMASK, NULL, &state->mask);
    for (int signal = 1; signal < NSIG; signal++) {
        struct kernel_sigaction action;
        if (kernel_sigaction(signal, NULL, &action) && action.handler == SIG_IGN)
            state->ignored |= UINT64_C(1) << (signal - 1);
    }
    for (int i = 0; i < RLIM_NLIMITS; i++)
        getrlimit((__rlimit_resource_t)i, &state->limits[i]);
    state->umask = umask(0);
    umask(state->umask);
    state->nice = getpriority(PRIO_PROCESS, 0);
    return state;
}

static void restore_dispositions(const struct inherited_state *state)
{
    for (int signal = 1; signal < NSIG; signal++) {
        bool is_ignored = state->ignored >> (signal - 1) & 1;
        struct kernel_sigaction action = {.handler = is_ignored ? SIG_IGN : SIG_DFL};
        kernel_sigaction(signal, &action, NULL); /* KILL and STOP stay as they are */
    }
}

static void restore_limits(const struct inherited_state *state)
{
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        struct rlimit now;
        const struct rlimit *limit = &state->limits[i];
        if (getrlimit((__rlimit_resource_t)i, &now) == 0 &&
            (now.rlim_cur != limit->rlim_cur || now.rlim_max != limit->rlim_max))
            setrlimit((__rlimit_resource_t)i, limit);
    }
}

void inherited_state_restore(const struct inherited_state *state)
{
    restore_dispositions(state);
    restore_limits(state);
    umask(state->umask);
    if (getpriority(PRIO_PROCESS, 0) != state->nice)
        setpriority(PRIO_PROCESS, 0, state->nice);
}

void inherited_state_restore_mask(const struct inherited_state *state)
{
    sigprocmask(SIG_SETMASK, &state->mask, NULL);
}

void inherited_state_free(struct inherited_state *state)
{
    g_free(state);
}
