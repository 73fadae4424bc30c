/*
 * What a thread is doing, from /proc.
 */
#ifndef PROFTOP_CORE_TARGET_THREAD_STATE_H
#define PROFTOP_CORE_TARGET_THREAD_STATE_H

#include <sys/types.h>

/*
 * The state letter of a thread as proc(5) has it: R running, S sleeping, D waiting for a disk, T
 * stopped, t traced, Z zombie; 0 when it is gone or hidden. Context: any thread; reads one small
 * file.
 */
char thread_state(pid_t pid, pid_t tid);

#endif
