/*
 * The threads of a running process, from /proc/PID/task.
 */
#ifndef PROFTOP_CORE_TARGET_PROC_TASKS_H
#define PROFTOP_CORE_TARGET_PROC_TASKS_H

#include <glib.h>
#include <stdint.h>
#include <sys/types.h>

/* Thread ids of the process (int), in the kernel's order; empty when it is gone. Free with
 * g_array_unref. Context: any thread. */
GArray *proc_tasks_list(pid_t pid);

/* A thread of the process that has not ended: the first one unless that has; 0 when none is left.
 * What the files of /proc say of a first thread that has ended is nothing, while others go on.
 * Context: any thread. */
pid_t proc_tasks_living(pid_t pid);

/* Name of a thread (comm), at most 15 bytes of anything but NUL. NULL: it is gone. Free with
 * g_free. Context: any thread. */
char *proc_task_name(pid_t pid, pid_t tid);

/*
 * CPU time that a thread has used, ns, user and kernel, from its schedstat; exact. -1: it is gone,
 * or the kernel keeps none (CONFIG_SCHED_INFO). Context: any thread.
 */
int64_t proc_task_cpu_ns(pid_t pid, pid_t tid);

/* Likewise of a whole process, ended threads included, until it is reaped; by its CPU clock, which
 * needs no permission. -1: it is gone. Context: any thread. */
int64_t proc_process_cpu_ns(pid_t pid);

/*
 * Child processes of a process (int); empty when there are none or it is gone. Each of its threads
 * has to be asked: beyond `threads_max`, only the first is. Free with g_array_unref. Context: any
 * thread.
 */
GArray *proc_children(pid_t pid, guint threads_max);

#endif
