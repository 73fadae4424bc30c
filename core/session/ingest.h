/*
 * From a source's events to the profile: keeps each process's address map, unwinds, interns, asks
 * for symbols.
 *
 * Context: the sampling thread. The profile is locked only while it is changed, never while a stack
 * is unwound.
 */
#ifndef PROFTOP_CORE_SESSION_INGEST_H
#define PROFTOP_CORE_SESSION_INGEST_H

#include <pthread.h>

#include "core/model/profile.h"
#include "core/unwind/unwinder.h"

struct ingest;

/* A range of code was mapped. */
struct ingest_mmap {
    int pid;
    uint64_t start, size, file_offset;
    uint64_t device, inode; /* both 0: no file */
    const char *path;       /* as the kernel names it: a path, "[vdso]", "//anon" */
};

struct ingest_sample {
    int pid, tid;
    int64_t time_ns;              /* CLOCK_MONOTONIC */
    int64_t weight_ns;            /* CPU time this sample stands for */
    const uint64_t *kernel_chain; /* return addresses in the kernel, leaf first */
    size_t n_kernel;
    bool has_user; /* false: a kernel thread, or registers that cannot be unwound */
    struct unwind_input user;
    /* NULL, or: when the walk ends in code that no mapping holds, its address is put here, and the
     * sample is not taken. */
    uint64_t *ret_unmapped;
};

/* CPU time of a thread. */
struct ingest_time {
    int pid, tid;    /* 0: unknown; the tid alone: of threads that have ended */
    int64_t time_ns; /* CLOCK_MONOTONIC */
    int64_t cpu_ns;
};

/* Tells what a thread's changed return addresses were; leaves the answer alone when there are none.
 * Context: sampling thread. */
typedef void ingest_get_hijack(void *data, int pid, int tid, struct unwind_hijack *ret_hijack);

/* `profile` and `lock` are borrowed and must outlive it. */
struct ingest *ingest_new(struct profile *profile, pthread_mutex_t *lock);

/* From now on stacks are unwound through changed return addresses. `data` is borrowed. */
void ingest_set_hijack(struct ingest *ingest, ingest_get_hijack *get, void *data);

/* Also stops the symbol worker: what it has not resolved stays unresolved. */
void ingest_free(struct ingest *ingest);

/* Events, in order of time: a new thread (pid is parent_pid; one that is known already is fine) or
 * process. */
void ingest_fork(struct ingest *ingest, int pid, int parent_pid, int tid);
/* A thread has ended, and with the last of them its process. */
void ingest_exit(struct ingest *ingest, int pid, int tid);
/* A thread has a new name; `exec`: its process also has a new image, and its maps are gone. */
void ingest_name(struct ingest *ingest, int pid, int tid, const char *name, bool exec);
/* Code was mapped, over whatever was there. */
void ingest_map(struct ingest *ingest, const struct ingest_mmap *map);
/* Nothing is mapped any more, as far as is known: what is will be told afresh. */
void ingest_unmap_all(struct ingest *ingest, int pid);
/*
 * For a source that fills the profile by itself: the module of a file that a process has, or had,
 * mapped, opened while that can be; one that is known already when it is the same file. Without the
 * profile's lock.
 */
uint32_t ingest_file(struct ingest *ingest, const struct ingest_mmap *map);
/* The build-id of that module's file, at most `size` bytes of it; 0: it has none, or could not be
 * opened. */
size_t ingest_build_id(const struct ingest *ingest, uint32_t module, uint8_t *ret_id, size_t size);
/* The frame of an address as linked, in a module; or, with PROFILE_NONE, of an address in memory of
 * that process that is in no file. Asks for its symbols. With the profile's lock. */
uint32_t ingest_frame(struct ingest *ingest, int pid, uint32_t module, uint64_t address);
/* The frame that stands for a whole function, by the address of its entry; otherwise like
 * ingest_frame(). It never shows what was inlined there. */
uint32_t ingest_entry_frame(struct ingest *ingest, int pid, uint32_t module, uint64_t address);
/* Whether a frame is of libproftop.so, which is no part of the program. With the profile's lock. */
bool ingest_is_collector(const struct profile *profile, uint32_t frame);
/* The profile, to be changed between these two. */
struct profile *ingest_lock(struct ingest *ingest);
/* Ends what ingest_lock began. */
void ingest_unlock(struct ingest *ingest);
/* A thread was sampled. */
void ingest_sample(struct ingest *ingest, const struct ingest_sample *sample);
/*
 * CPU time that no sample stands for: what threads used after their last one, or all when they had
 * none. With pid 0, when nobody knows whose it was, it goes to the first process if there was no
 * other, else to a process of its own.
 */
void ingest_unsampled(struct ingest *ingest, const struct ingest_time *unsampled);
/* Something that a person should know about the measurement, one line. */
void ingest_note(struct ingest *ingest, const char *note);
/* The source could not deliver so many records. */
void ingest_lost(struct ingest *ingest, int64_t records);

/* Symbols that are still being looked up. Context: any thread. */
size_t ingest_symbols_pending(const struct ingest *ingest);

/* Waits until none is, or the time is over. Context: any thread. */
void ingest_wait_symbols(struct ingest *ingest, int timeout_ms);

/* The part of ingest_cpu_ns that no sample stands for. Context: likewise. */
int64_t ingest_unsampled_ns(const struct ingest *ingest);

/* Of the samples' CPU time, what the collector has used itself in the program. Context: any thread,
 * with the profile's lock. */
int64_t ingest_collector_ns(const struct ingest *ingest);

/* CPU time of all samples so far, and of what was not sampled. Context: any thread, with the
 * profile's lock. */
int64_t ingest_cpu_ns(const struct ingest *ingest);

#endif
