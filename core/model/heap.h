/*
 * The heap of a profile: what was allocated where, what of it is live, and what was at the peak.
 *
 * A site is one call stack in one process, with everything that is known about the blocks that were
 * allocated there. Sites grouped by what stands at the leaf of their stacks are the rows of the
 * Memory view; weighed by a column they are a call tree (calltree_options.column).
 *
 * Bytes are as requested from the allocator. Where sites were sampled, values are estimates: see
 * heap_error().
 *
 * Context of all: as of core/model/profile.h.
 */
#ifndef PROFTOP_CORE_MODEL_HEAP_H
#define PROFTOP_CORE_MODEL_HEAP_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct profile;

enum {
    HEAP_SIZE_CLASSES = 16, /* see heap_size_bound() */
    HEAP_LIFETIMES = 8,     /* see heap_lifetime_bound_ns() */
    HEAP_MOMENTS_MAX = 600,
    HEAP_SITES_MAX = 2000000,
    HEAP_SITE_FRAMES_MAX = 160000000,
};

/* What a site counts. */
enum heap_column {
    HEAP_ALLOCS,      /* blocks allocated; realloc() of a block is one more */
    HEAP_ALLOC_BYTES, /* as requested */
    HEAP_LIVE_BLOCKS, /* not freed; of a process that has ended: leaked */
    HEAP_LIVE_BYTES,
    HEAP_PEAK_BLOCKS, /* live when the process's heap was at its peak */
    HEAP_PEAK_BYTES,
    HEAP_OWN_PEAK_BYTES, /* most that was live of this site, whenever that was */
    HEAP_TEMPORARY,      /* freed by the thread that allocated it, before its next allocation */
    HEAP_REALLOCS,       /* of HEAP_ALLOCS: by realloc() of a block */
    HEAP_REMOTE_FREES,   /* freed by another thread than the one that allocated */
    HEAP_COLUMNS,
};

/* How a column is called in snapshots and on the command line, and what it is in. */
struct heap_column_info {
    const char *name;        /* "live": for --sort and keys */
    const char *type;        /* pprof's sample type, "inuse_space" */
    const char *words;       /* "live bytes": what a number of it is, for titles */
    bool is_bytes;           /* else blocks */
    enum heap_column blocks; /* the column that counts its blocks; HEAP_COLUMNS: none does */
};

extern const struct heap_column_info heap_columns[HEAP_COLUMNS];

/* The column of that name or pprof type, or HEAP_COLUMNS. Context: any thread. */
enum heap_column heap_column_find(const char *name);

/* The largest size of a class, in bytes: 16, 32, ... 256 KiB; -1: the last has no bound. Context:
 * any thread. */
int64_t heap_size_bound(unsigned size_class);

/* What the lifetimes of a class are below, in nanoseconds: 1 us, 10 us, ... 1 s; -1: the last has
 * no bound. Context: any thread. */
int64_t heap_lifetime_bound_ns(unsigned lifetime);

enum heap_mode {
    HEAP_OFF,     /* not measured, or not any more */
    HEAP_EXACT,   /* every block */
    HEAP_SAMPLED, /* some blocks, weighted */
};

/* "off", "exact", "sampled". Context: any thread. */
const char *heap_mode_name(enum heap_mode mode);

struct heap_site {
    uint32_t stack;   /* of the profile; its leaf called the allocator */
    uint32_t process; /* of the profile */
    int64_t values[HEAP_COLUMNS];
    int64_t sampled;                   /* blocks that were recorded by sampling; 0: all exact */
    double variance_bytes2;            /* of HEAP_ALLOC_BYTES; 0: exact */
    int64_t sizes[HEAP_SIZE_CLASSES];  /* allocs by size */
    int64_t lifetimes[HEAP_LIFETIMES]; /* frees by lifetime */
    /* Of the live blocks, when they were last looked at (at the end, and when saved). */
    int64_t youngest_ns, oldest_ns; /* ages; -1: not looked at, or none live */
};

/* The heap of one process. */
struct heap_process {
    uint32_t process;    /* of the profile */
    enum heap_mode mode; /* now, or when it ended */
    bool was_sampled;    /* was in HEAP_SAMPLED for a time: sites hold estimates */
    bool ended;
    const char *trouble; /* why nothing, or not all, of its heap is seen; "" when all is */
    /* Exact in every mode, from all calls: */
    int64_t allocs, alloc_bytes, frees;
    int64_t unknown_frees; /* of blocks that were not seen allocated */
    int64_t failed;        /* calls that gave no block */
    int64_t unrecorded;    /* allocations that no site holds, though one should */
    int64_t early_allocs;  /* likewise, by libraries that were set up before the collector */
    int64_t merged_stacks; /* that had to share one site, [other] */
    /* Of the recorded blocks (estimates where sampled): */
    int64_t live_bytes, live_blocks, peak_bytes;
    int64_t peak_time_ns; /* of the peak, since the start of the run; -1 unknown */
};

/* The heap at one moment of the run, all processes. */
struct heap_moment {
    int64_t time_ns; /* since the start of the run */
    int64_t live_bytes;
    int64_t rss_bytes; /* -1 unknown */
};

struct heap {
    GArray *sites;     /* struct heap_site */
    GArray *processes; /* struct heap_process */
    GArray *moments;   /* struct heap_moment, oldest first, evenly spaced, at most
                          HEAP_MOMENTS_MAX */
    int64_t moment_step_ns;
    uint64_t generation; /* grows with each change of a site */
    uint64_t n_frames;   /* of the stacks of all sites, counted by who measures them */
    const char *why_not; /* why there is no heap data at all; "" when there may be some */
    /* Private. */
    GHashTable *index;         /* of sites by (stack, process) */
    GHashTable *process_index; /* of processes */
};

/* Sums over processes; what was not measured is not in it. */
struct heap_totals {
    int64_t allocs, alloc_bytes, frees, unknown_frees, failed, unrecorded, early_allocs,
        merged_stacks;
    int64_t live_bytes, live_blocks;
    int64_t peak_bytes;  /* with several processes: the sum of their peaks, which need not have been
                            at the same time */
    unsigned n_measured; /* processes with data */
    unsigned n_troubled; /* processes with a trouble */
    bool is_estimate;    /* a site of it was sampled */
};

/* Empty; part of each profile. */
struct heap *heap_new(void);

/* NULL is allowed. */
void heap_free(struct heap *heap);

/* Whether anything of a heap was measured: there is a heap_process with data. */
bool heap_is_measured(const struct heap *heap);

/* Whether its figures mean anything: calls were seen, or all would have been. */
bool heap_process_is_measured(const struct heap_process *process);

/* The site of that stack and process, made on demand, all zero at first (ages -1). Valid until the
 * next one is made. The caller changes it and then calls heap_touch(). */
struct heap_site *heap_site_get(struct heap *heap, uint32_t stack, uint32_t process);

/*
 * Whether a heap that is being measured may have one more site: of HEAP_SITES_MAX, with
 * HEAP_SITE_FRAMES_MAX frames in their stacks. More would take some 2 GiB, and a snapshot of it
 * could not be read any more. What comes then goes to the site [other] of its process.
 */
bool heap_has_room(const struct heap *heap);

/* Says that sites have changed. */
void heap_touch(struct heap *heap);

/* The record of a process, made on demand, all zero and "" at first (peak_time_ns -1). Valid until
 * the next is made. */
struct heap_process *heap_process_get(struct heap *heap, uint32_t process);

/* That of a process, NULL when there is none. */
const struct heap_process *heap_process_find(const struct heap *heap, uint32_t process);

/* Sums over the processes that are accepted: `process` alone, or all (PROFILE_NONE). */
void heap_get_totals(const struct heap *heap, uint32_t process, struct heap_totals *ret_totals);

/*
 * Notes the heap's size. Of several moments in one step of time the largest stays; when there are
 * too many, steps become twice as long. Moments older than the last one are left out.
 */
void heap_add_moment(struct heap *heap, const struct heap_moment *moment);

/*
 * Standard error of a number of bytes that comes from sites with this variance: its square root.
 * Allocations of size Z are recorded with probability p = 1 - exp(-Z/R) and weight w = 1/p, so that
 * the variance of a sum of w Z is the sum of (1-p)/p Z^2 over all allocations, whose unbiased
 * estimate is the sum of w (w-1) Z^2 over those recorded (Horvitz-Thompson).
 */
double heap_error(double variance_bytes2);

/* Adds `more` to `sum`, column by column; own peaks are added too, which makes the sum an upper
 * bound. Stack and process of `sum` stay; ages widen. */
void heap_site_add(struct heap_site *sum, const struct heap_site *more);

#endif
