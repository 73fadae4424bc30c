/*
 * See remote_call.h. The order of things: seize, interrupt, wait for the stop, save, run, restore,
 * detach.
 *
 * All of it is done by a thread of its own: when that ends the kernel lets go of whatever it still
 * traced, also of a thread that did not stop in time.
 *
 * The function returns to an address in the first page, where nothing is mapped; the fault is ours
 * to swallow. While it runs the thread has orig_rax -1, so that the kernel does not take the
 * interrupted system call up again too early; with the saved registers it does.
 */
#include "core/target/remote_call.h"

#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/target/proc_status.h"
#include "core/target/proc_tasks.h"
#include "core/target/remote_thread.h"

enum {
    RETURN_ADDRESS = 0x10, /* nothing is mapped there */
    RED_ZONE_BYTES = 128,
    XSTATE_BYTES = 16 << 10,
    FLAG_TRAP = 0x100,
    FLAG_DIRECTION = 0x400,
    USER_CODE_SEGMENT = 0x33,
    THREADS_MAX = 64, /* that are tried */
    STOP_MS = 200,    /* a thread that has not stopped by then waits for something in the kernel */
    PAUSE_NS = 30000,
};

/* A call on its way. */
struct call {
    int pid, tid;
    uint64_t function;
    int64_t deadline_ns;
    struct user_regs_struct saved;
    uint8_t xstate[XSTATE_BYTES];
    size_t xstate_bytes;
    uint64_t mask;     /* of blocked signals */
    siginfo_t pending; /* si_signo 0: none arrived that the function could not do without */
    enum remote_call_outcome outcome;
    GError *error;
};

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void fail(struct call *call, enum remote_call_outcome outcome, const char *message)
{
    g_clear_error(&call->error);
    proftop_error_set(&call->error, PROFTOP_ERROR_FAILED, "%s", message);
    call->outcome = outcome;
}

/* Waits for the thread's next stop. False: it is gone, or there was none until then. */
static bool wait_stop(const struct call *call, int64_t until_ns, int *ret_status)
{
    for (;;) {
        pid_t tid = waitpid(call->tid, ret_status, __WALL | WNOHANG);
        if (tid == call->tid)
            return WIFSTOPPED(*ret_status);
        if ((tid < 0 && errno != EINTR) || now_ns() > until_ns)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
}

static bool is_event_stop(int status)
{
    return status >> 16 == PTRACE_EVENT_STOP;
}

/* Lets the thread run until it stops for us: signals that come first are delivered. */
static bool stop_thread(struct call *call)
{
    int status;
    int64_t until_ns = MIN(call->deadline_ns, now_ns() + (int64_t)STOP_MS * 1000000);
    if (ptrace(PTRACE_INTERRUPT, call->tid, NULL, NULL) != 0)
        return false;
    while (wait_stop(call, until_ns, &status)) {
        if (is_event_stop(status) && WSTOPSIG(status) == SIGTRAP)
            return true;
        if (is_event_stop(status)) {
            fail(call, REMOTE_CALL_LATER, "the process is stopped: continue it (kill -CONT)");
            return false;
        }
        ptrace(PTRACE_CONT, call->tid, NULL, (void *)(intptr_t)WSTOPSIG(status));
    }
    return false;
}

/* ---- save and restore ---- */

static bool save(struct call *call)
{
    struct iovec xstate = {call->xstate, sizeof call->xstate};
    if (ptrace(PTRACE_GETREGS, call->tid, NULL, &call->saved) != 0 ||
        ptrace(PTRACE_GETREGSET, call->tid, (void *)NT_X86_XSTATE, &xstate) != 0 ||
        ptrace(PTRACE_GETSIGMASK, call->tid, (void *)sizeof call->mask, &call->mask) != 0)
        return false;
    call->xstate_bytes = xstate.iov_len;
    return xstate.iov_len < sizeof call->xstate; /* else it may have been cut */
}

static void restore(struct call *call)
{
    struct iovec xstate = {call->xstate, call->xstate_bytes};
    ptrace(PTRACE_SETREGSET, call->tid, (void *)NT_X86_XSTATE, &xstate);
    ptrace(PTRACE_SETSIGMASK, call->tid, (void *)sizeof call->mask, &call->mask);
    ptrace(PTRACE_SETREGS, call->tid, NULL, &call->saved);
}

/*
 * A system call that ended with EINTR because of us, since the thread began it between our look and
 * the stop, is begun again. Not when a signal is there for the thread: that is what ended it then.
 */
static void take_up_again(struct call *call)
{
    struct user_regs_struct *regs = &call->saved;
    if ((int64_t)regs->orig_rax < 0 || (int64_t)regs->rax != -EINTR ||
        !remote_thread_can_repeat(regs->orig_rax) || remote_thread_has_signal(call->pid, call->tid))
        return;
    regs->rip -= 2; /* bytes of the instruction */
    regs->rax = regs->orig_rax;
    regs->orig_rax = UINT64_MAX;
}

/* All signals but those that instructions raise. */
static uint64_t run_mask(void)
{
    static const int synchronous[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
    uint64_t mask = UINT64_MAX;
    for (size_t i = 0; i < G_N_ELEMENTS(synchronous); i++)
        mask &= ~(UINT64_C(1) << (synchronous[i] - 1));
    return mask;
}

/* ---- the run ---- */

static bool begin_run(struct call *call)
{
    struct user_regs_struct regs = call->saved;
    uint64_t mask = run_mask();
    regs.rsp = ((regs.rsp - RED_ZONE_BYTES) & ~UINT64_C(63)) - sizeof(uint64_t);
    regs.rip = call->function;
    regs.rax = 0;
    regs.orig_rax = UINT64_MAX;
    regs.eflags &= ~(uint64_t)(FLAG_TRAP | FLAG_DIRECTION);
    return ptrace(PTRACE_POKEDATA, call->tid, (void *)regs.rsp, (void *)RETURN_ADDRESS) == 0 &&
           ptrace(PTRACE_SETSIGMASK, call->tid, (void *)sizeof mask, &mask) == 0 &&
           ptrace(PTRACE_SETREGS, call->tid, NULL, &regs) == 0 &&
           ptrace(PTRACE_CONT, call->tid, NULL, NULL) == 0;
}

enum run_stop { RUN_GOES_ON, RUN_RETURNED, RUN_FAULT };

/* What a stop during the run means. */
static enum run_stop judge_stop(struct call *call, int status)
{
    struct user_regs_struct regs;
    siginfo_t info;
    if (is_event_stop(status) || ptrace(PTRACE_GETSIGINFO, call->tid, NULL, &info) != 0)
        return RUN_GOES_ON;
    if (info.si_code <= 0 || info.si_signo == SIGSTOP) { /* somebody has sent it */
        call->pending = info;
        return RUN_GOES_ON;
    }
    if (info.si_signo == SIGSEGV && ptrace(PTRACE_GETREGS, call->tid, NULL, &regs) == 0 &&
        regs.rip == RETURN_ADDRESS)
        return RUN_RETURNED;
    return RUN_FAULT;
}

/* Takes a thread that does not come back out of the function. */
static bool stop_run(struct call *call)
{
    int status;
    fail(call, REMOTE_CALL_REFUSED, "the process did not carry out an order in time");
    return ptrace(PTRACE_INTERRUPT, call->tid, NULL, NULL) == 0 &&
           wait_stop(call, now_ns() + 1000000000, &status);
}

/* Runs the function. False: the thread is gone. */
static bool run(struct call *call)
{
    int status;
    if (!begin_run(call)) {
        fail(call, REMOTE_CALL_LATER, "a thread ended while it was to carry out an order");
        return true;
    }
    for (;;) {
        if (!wait_stop(call, call->deadline_ns, &status))
            return stop_run(call);
        enum run_stop stop = judge_stop(call, status);
        if (stop == RUN_FAULT)
            fail(call, REMOTE_CALL_REFUSED, "an order failed in the process");
        else if (stop == RUN_RETURNED)
            call->outcome = REMOTE_CALL_DONE;
        if (stop != RUN_GOES_ON)
            return true;
        ptrace(PTRACE_CONT, call->tid, NULL, NULL);
    }
}

/* Lets go of a stopped thread. A signal that came meanwhile takes the place of the fault. */
static void let_go(struct call *call)
{
    if (call->pending.si_signo)
        ptrace(PTRACE_SETSIGINFO, call->tid, NULL, &call->pending);
    ptrace(PTRACE_DETACH, call->tid, NULL, (void *)(intptr_t)call->pending.si_signo);
}

static bool can_run(const struct call *call)
{
    return call->saved.cs == USER_CODE_SEGMENT && !remote_thread_is_in_sequence(call->tid) &&
           remote_thread_has_stack(call->pid, call->saved.rsp);
}

/* With the thread stopped. */
static void call_there(struct call *call)
{
    bool is_there = save(call);
    if (is_there)
        take_up_again(call);
    if (is_there && can_run(call)) {
        if (!run(call))
            return;
        restore(call);
    } else if (is_there) {
        ptrace(PTRACE_SETREGS, call->tid, NULL, &call->saved);
    }
    let_go(call);
}

/* Tries one thread. It is let go when it has stopped, else when this thread of ours ends. */
static void try_thread(struct call *call, int tid)
{
    call->tid = tid;
    memset(&call->pending, 0, sizeof call->pending);
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) == 0) {
        if (stop_thread(call))
            call_there(call);
    } else if (errno == EPERM) {
        fail(call, REMOTE_CALL_REFUSED,
             "the process may not be traced: a debugger holds it, or permission is missing");
    }
}

/* Tries the threads that look like this, until one has done it or none can. */
static void try_threads(struct call *call, const GArray *tids, enum remote_thread_look look)
{
    guint tried = 0;
    for (guint i = 0; i < tids->len && tried < THREADS_MAX; i++) {
        int tid = g_array_index(tids, int, i);
        if (call->outcome != REMOTE_CALL_LATER || now_ns() > call->deadline_ns)
            return;
        if (remote_thread_look(call->pid, tid) != look)
            continue;
        try_thread(call, tid);
        tried++;
    }
}

static void *run_call(void *data)
{
    struct call *call = data;
    GArray *tids = proc_tasks_list(call->pid);
    try_threads(call, tids, REMOTE_THREAD_RUNNING);
    try_threads(call, tids, REMOTE_THREAD_WAITING);
    g_array_unref(tids);
    return NULL;
}

/* What speaks against it, in words; NULL: nothing. */
static const char *obstacle(int pid)
{
    struct proc_status status;
    if (!proc_status_read(pid, &status))
        return "the process has ended";
    if (status.has_seccomp)
        return "the process has forbidden itself system calls (seccomp)";
    return remote_thread_ignores_faults(pid) ? "the process ignores SIGSEGV" : NULL;
}

enum remote_call_outcome remote_call_run(int pid, uint64_t function, int timeout_ms, GError **error)
{
    struct call call = {.pid = pid, .function = function};
    const char *trouble = obstacle(pid);
    pthread_t thread;
    call.deadline_ns = now_ns() + (int64_t)timeout_ms * 1000000;
    fail(&call, trouble ? REMOTE_CALL_REFUSED : REMOTE_CALL_LATER,
         trouble ? trouble : "no thread of the process can be interrupted right now");
    if (!trouble && pthread_create(&thread, NULL, run_call, &call) == 0)
        pthread_join(thread, NULL);
    if (call.outcome == REMOTE_CALL_DONE)
        g_clear_error(&call.error);
    else
        g_propagate_error(error, call.error);
    return call.outcome;
}
