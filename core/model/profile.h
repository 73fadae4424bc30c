/*
 * The profile: what was measured, on what, and how. The root of the model.
 *
 * Frame (module + address, resolved lazily to functions and lines) -> interned stack -> weights per
 * metric and thread. Ids are indexes that never change or get reused; PROFILE_NONE means none. All
 * text in a profile has been cleaned (core/base/text.h) when it came in, so it can be shown,
 * written and compared as it is.
 *
 * A profile has no lock of its own: a live one belongs to its session (session_lock), one read from
 * a file to its reader.
 */
#ifndef PROFTOP_CORE_MODEL_PROFILE_H
#define PROFTOP_CORE_MODEL_PROFILE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define PROFILE_NONE UINT32_MAX

enum {
    PROFILE_METRICS_MAX = 8,
    PROFILE_CHANGES_MAX = 1 << 20, /* changes remembered: 17 minutes of one thread at 1 kHz */
    PROFILE_DEPTH_MAX = 1100,      /* frames of one stack, kernel and inlined ones included */
};

/* pprof's ValueType: ("samples", "count"), ("cpu", "nanoseconds"), ... */
struct metric {
    const char *type;
    const char *unit;
};

enum module_kind {
    MODULE_FILE,    /* an ELF file, or any file that was mapped */
    MODULE_KERNEL,  /* the kernel and its modules */
    MODULE_VDSO,    /* code the kernel maps into each process */
    MODULE_JIT,     /* anonymous memory with code in it */
    MODULE_SPECIAL, /* no code at all: marks such as [truncated] */
};

struct module {
    const char *path;
    const char *name;     /* the last part of the path */
    const char *build_id; /* hex; "" when there is none */
    enum module_kind kind;
};

struct function {
    const char *linkage; /* as in the symbol table */
    const char *name;    /* demangled, whole */
    const char *brief;   /* for tables: without parameters and template arguments */
    const char *file;    /* source file; "" unknown */
    uint32_t decl_line;  /* 0 unknown */
    uint32_t module;
    bool unresolved; /* the name is only module+0xaddress */
};

/* One logical frame of a physical one: an inlined function or the function itself. */
struct line {
    uint32_t function;
    uint32_t line; /* source line; 0 unknown */
};

enum frame_state {
    FRAME_NEW,      /* nobody has looked for a symbol: shown as module+0xaddress */
    FRAME_RESOLVED, /* lines are final */
};

struct frame {
    uint32_t module;
    uint64_t address;    /* virtual address as linked; in the kernel and JIT code the real one */
    uint32_t first_line; /* into lines: innermost inlined function first */
    uint16_t n_lines;    /* at least 1 */
    uint8_t state;       /* enum frame_state */
};

/* Frames of a stack, leaf first: stack_frames[first_frame .. first_frame + n_frames). */
struct stack {
    uint32_t first_frame;
    uint32_t n_frames;
};

struct process {
    int pid;
    uint32_t parent;      /* process id in this profile; PROFILE_NONE: not one of ours */
    const char *name;     /* comm of its main thread */
    const char *coverage; /* why the collector is not inside; "" when it is or was not wanted */
    bool ended;
};

struct thread {
    int tid;
    uint32_t process;
    const char *name;
    bool ended;
    int64_t samples; /* sum over all stacks */
    int64_t value;   /* likewise, of the profile's main metric */
};

/* What one thread spent in one stack. */
struct entry {
    uint32_t stack;
    uint32_t thread;
    int64_t values[PROFILE_METRICS_MAX];
};

/* One addition to an entry, kept for a while so that views can follow and windows can slide. */
struct change {
    int64_t time_ns; /* CLOCK_MONOTONIC */
    uint32_t entry;
    int64_t count; /* of count_metric */
    int64_t value; /* of main_metric */
};

/* How the measurement went: the header of every screen and report, the comments of a snapshot. */
struct profile_info {
    const char *command;
    const char *host;
    const char *engine;
    int64_t start_time_ns; /* CLOCK_REALTIME */
    int64_t duration_ns;
    uint32_t rate_asked_hz;
    double rate_real_hz; /* samples per second of CPU time */
    int64_t samples;     /* as the source delivered them */
    int64_t lost;        /* records the kernel dropped */
    int64_t truncated;   /* stacks longer than the copy of the stack */
    int64_t broken;      /* stacks that ended where no unwind information was */
    int64_t front_end_cpu_ns;
    int wait_status; /* of the first process; -1 while it runs or when unknown */
};

struct profile {
    struct metric metrics[PROFILE_METRICS_MAX];
    uint32_t n_metrics;
    uint32_t count_metric; /* which one counts samples; PROFILE_NONE */
    uint32_t main_metric;  /* which one the shares are of */
    struct profile_info info;
    GPtrArray *notes;    /* const char *: what could not be seen, and how to mend it */
    GPtrArray *comments; /* const char *: of a file, not ours */

    GArray *modules;      /* struct module */
    GArray *functions;    /* struct function */
    GArray *lines;        /* struct line */
    GArray *frames;       /* struct frame */
    GArray *stack_frames; /* uint32_t frame ids */
    GArray *stacks;       /* struct stack */
    GArray *processes;    /* struct process */
    GArray *threads;      /* struct thread */
    GArray *entries;      /* struct entry */

    /* Ring of the latest changes; change i is at changes[i % changes_size], for first_change <= i <
     * n_changes. */
    struct change *changes;
    uint64_t changes_size, first_change, n_changes;
    uint32_t resolved_generation; /* grows whenever a frame gets its names */

    struct profile_index *index; /* hash tables behind the interning functions */
};

/* An empty profile without metrics. Never NULL. Context: any thread. */
struct profile *profile_new(void);

void profile_free(struct profile *profile);

/* Adds a metric and returns its index. At most PROFILE_METRICS_MAX. The texts are copied. */
uint32_t profile_add_metric(struct profile *profile, const char *type, const char *unit);

/* The metric of that type, or PROFILE_NONE. */
uint32_t profile_find_metric(const struct profile *profile, const char *type);

/* Copies a text that may be hostile: cleaned and interned, valid as long as the profile. NULL gives
 * "". */
const char *profile_text(struct profile *profile, const char *text);

/* Interns a module by path and build-id. */
uint32_t profile_module(struct profile *profile, const char *path, const char *build_id,
                        enum module_kind kind);

/* What is known about a function when it is interned; texts are copied, NULL = unknown. */
struct function_spec {
    uint32_t module;
    const char *linkage;
    const char *name;
    const char *brief;
    const char *file;
    uint32_t decl_line;
    bool unresolved;
};

/* Interns a function by (module, linkage, file). */
uint32_t profile_function(struct profile *profile, const struct function_spec *spec);

/* Interns a frame; a new one is named module+0xaddress until profile_resolve. */
uint32_t profile_frame(struct profile *profile, uint32_t module, uint64_t address);

/* A frame of its own, never shared: for files whose locations have no address. Needs
 * profile_resolve. */
uint32_t profile_frame_unique(struct profile *profile, uint32_t module, uint64_t address);

/* The frame that stands for a mark such as "[truncated]". Resolved from the start. */
uint32_t profile_mark(struct profile *profile, const char *mark);

/*
 * Gives a frame its names, innermost inlined function first. n = 0: there is none; `start` (0
 * unknown) is then the first address of its function, so that all of a nameless function becomes
 * one row, module+0xstart.
 */
void profile_resolve(struct profile *profile, uint32_t frame, const struct line *lines, size_t n,
                     uint64_t start);

/* Interns a stack, leaf first, 1 <= n <= PROFILE_DEPTH_MAX. */
uint32_t profile_stack(struct profile *profile, const uint32_t *frames, size_t n);

/* The process with this pid that runs now (or ran last); made on demand. */
uint32_t profile_process(struct profile *profile, int pid);

/* A new process, after fork: the pid may have been used before. */
uint32_t profile_process_new(struct profile *profile, int pid, uint32_t parent);

/* The thread of that process, made on demand, named like its process. */
uint32_t profile_thread(struct profile *profile, uint32_t process, int tid);

/* Adds weights: one value per metric. `time_ns` orders the changes. */
void profile_add(struct profile *profile, uint32_t stack, uint32_t thread, int64_t time_ns,
                 const int64_t *values);

/* Typed access to the arrays above; ids must be valid. Pointers hold until the next change of the
 * profile. */
static inline struct module *profile_get_module(const struct profile *p, uint32_t id)
{
    return &g_array_index(p->modules, struct module, id);
}
static inline struct function *profile_get_function(const struct profile *p, uint32_t id)
{
    return &g_array_index(p->functions, struct function, id);
}
static inline struct frame *profile_get_frame(const struct profile *p, uint32_t id)
{
    return &g_array_index(p->frames, struct frame, id);
}
static inline struct stack *profile_get_stack(const struct profile *p, uint32_t id)
{
    return &g_array_index(p->stacks, struct stack, id);
}
static inline const struct line *profile_frame_lines(const struct profile *p, uint32_t frame)
{
    return &g_array_index(p->lines, struct line, profile_get_frame(p, frame)->first_line);
}
static inline const uint32_t *profile_stack_frames(const struct profile *p, uint32_t stack)
{
    return &g_array_index(p->stack_frames, uint32_t, profile_get_stack(p, stack)->first_frame);
}
static inline struct process *profile_get_process(const struct profile *p, uint32_t id)
{
    return &g_array_index(p->processes, struct process, id);
}
static inline struct thread *profile_get_thread(const struct profile *p, uint32_t id)
{
    return &g_array_index(p->threads, struct thread, id);
}
static inline struct entry *profile_get_entry(const struct profile *p, uint32_t id)
{
    return &g_array_index(p->entries, struct entry, id);
}

#endif
