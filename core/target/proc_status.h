/*
 * What /proc/PID/status says about a process.
 */
#ifndef PROFTOP_CORE_TARGET_PROC_STATUS_H
#define PROFTOP_CORE_TARGET_PROC_STATUS_H

#include <stdbool.h>
#include <sys/types.h>

struct proc_status {
    int tgid; /* of the process; another number than asked for when that is one of its threads */
    int parent_pid;
    uid_t uid;        /* real user */
    int n_threads;    /* those that have ended and not gone included */
    bool is_zombie;   /* its first thread has ended; with n_threads 1, all of it */
    bool has_seccomp; /* its first thread is under a seccomp filter */
};

/* Reads it. False: the process is gone. Context: any thread. */
bool proc_status_read(pid_t pid, struct proc_status *ret_status);

#endif
