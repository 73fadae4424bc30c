/*
 * Which thread of the profile a sample of a file belongs to, by its labels.
 *
 * Context: the thread that reads the file.
 */
#ifndef PROFTOP_CORE_FORMATS_SNAPSHOT_THREADS_H
#define PROFTOP_CORE_FORMATS_SNAPSHOT_THREADS_H

#include "core/model/profile.h"

/* What a sample's labels say; -1 and NULL: nothing. */
struct thread_labels {
    int64_t pid, pid_use, tid;
    const char *process, *thread;
};

struct snapshot_threads;

/* Begins with the processes and threads that the profile has already. The profile is borrowed, and
 * so is `default_name`, for a process without a name. Context: one thread. */
struct snapshot_threads *snapshot_threads_new(struct profile *profile, const char *default_name);

/* NULL is allowed. The threads stay in the profile. */
void snapshot_threads_free(struct snapshot_threads *threads);

/*
 * The thread those labels mean, made on demand. Threads that have only a name get numbers from 1
 * on, samples without any label share one thread. Numbers out of range count as missing.
 */
uint32_t snapshot_threads_find(struct snapshot_threads *threads,
                               const struct thread_labels *labels);

/* The process those labels mean, made on demand. */
uint32_t snapshot_threads_process(struct snapshot_threads *threads,
                                  const struct thread_labels *labels);

#endif
