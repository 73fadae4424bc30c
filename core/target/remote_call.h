/*
 * Makes a thread of another process call a function in it, by ptrace, and puts everything back.
 *
 * One thread is stopped, never all. One that runs in user mode is preferred; else one that waits in
 * a system call that the kernel takes up again without notice; never one in epoll_wait, semop,
 * sigtimedwait or a read with a timeout, which would return EINTR. Its registers, with the extended
 * ones, and its signal mask are saved and restored; the red zone below its stack pointer is left
 * alone. Signals that arrive meanwhile wait until the function has returned.
 */
#ifndef PROFTOP_CORE_TARGET_REMOTE_CALL_H
#define PROFTOP_CORE_TARGET_REMOTE_CALL_H

#include <glib.h>
#include <stdint.h>

enum remote_call_outcome {
    REMOTE_CALL_DONE,    /* it has been called and has returned */
    REMOTE_CALL_LATER,   /* not called: no thread can do it right now */
    REMOTE_CALL_REFUSED, /* it cannot be done in this process, or has failed */
};

/*
 * Calls a function void (void) that is async-signal-safe.
 *
 * @timeout_ms  for all of it; a function that has not returned by then is left, and the thread goes
 *              on where it was
 * Sets `error` unless REMOTE_CALL_DONE. Context: any thread, which waits meanwhile. Another thread
 * that waits for the same process as its child must know that a stop is not its end.
 */
enum remote_call_outcome remote_call_run(int pid, uint64_t function, int timeout_ms,
                                         GError **error);

#endif
