/*
 * Whether a thread of another process may be interrupted, and made to run something, without its
 * noticing.
 */
#ifndef PROFTOP_CORE_TARGET_REMOTE_THREAD_H
#define PROFTOP_CORE_TARGET_REMOTE_THREAD_H

#include <stdbool.h>
#include <stdint.h>

enum remote_thread_look {
    REMOTE_THREAD_NO,      /* it is stopped, has ended, or waits in what an interrupt would end */
    REMOTE_THREAD_WAITING, /* in a system call that the kernel takes up again by itself */
    REMOTE_THREAD_RUNNING,
};

/* What a thread does now; it may do something else a moment later. Context: any thread. */
enum remote_thread_look remote_thread_look(int pid, int tid);

/* Whether a system call that was ended by an interrupt, without having done anything, can be begun
 * again in place. Context: any thread. */
bool remote_thread_can_repeat(uint64_t system_call);

/* Whether a signal waits for the thread that it does not block. Context: any thread. */
bool remote_thread_has_signal(int pid, int tid);

/* Whether the process ignores SIGSEGV. Context: any thread. */
bool remote_thread_ignores_faults(int pid);

/* Whether there are some KiB of stack below `sp`. Context: any thread. */
bool remote_thread_has_stack(int pid, uint64_t sp);

/* Whether a thread, stopped by the caller with ptrace, is within a restartable sequence (rseq),
 * which must not be left for a while. Context: the thread that traces. */
bool remote_thread_is_in_sequence(int tid);

#endif
