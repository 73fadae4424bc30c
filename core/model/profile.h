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
 * Context of all functions: whoever holds that.
 */
#ifndef PROFTOP_CORE_MODEL_PROFILE_H
#define PROFTOP_CORE_MODEL_PROFILE_H

#include <glib.h>

#include "core/model/calls.h"
#include "core/model/entities.h"
#include "core/model/heap.h"

struct profile {
    struct metric metrics[PROFILE_METRICS_MAX];
    uint32_t n_metrics;
    uint32_t count_metric; /* which one counts samples; PROFILE_NONE */
    uint32_t main_metric;  /* which one the shares are of */
    struct profile_info info;
    GPtrArray *notes;    /* const char *: what could not be seen, and how to mend it */
    uint32_t n_standing; /* notes at the front that are the same on every run of the engine */
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
    GArray *values;       /* int64_t, n_metrics for each entry */
    struct heap *heap;    /* what was allocated */
    struct calls *calls;  /* what was called, counted exactly */

    /* Ring of the latest changes; change i is at changes[i % changes_size], for first_change <= i <
     * n_changes. */
    struct change *changes;
    uint64_t changes_size, first_change, n_changes;
    uint32_t resolved_generation; /* grows whenever a frame gets its names */

    struct profile_index *index; /* hash tables behind the interning functions */
};

/* An empty profile without metrics. Never NULL. Context: any thread. */
struct profile *profile_new(void);

/* Frees it and everything in it; NULL is allowed. */
void profile_free(struct profile *profile);

/* Adds a metric and returns its index. At most PROFILE_METRICS_MAX, all before the first weight.
 * The texts are copied. */
uint32_t profile_add_metric(struct profile *profile, const char *type, const char *unit);

/* Copies a text that may be hostile: cleaned and interned, valid as long as the profile. NULL gives
 * "". */
const char *profile_text(struct profile *profile, const char *text);

/* Adds a text, copied likewise, to the notes. Returns the copy. */
const char *profile_note(struct profile *profile, const char *text);

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

/* The function of that id. */
static inline struct function *profile_get_function(const struct profile *p, uint32_t id)
{
    return &g_array_index(p->functions, struct function, id);
}

/* The frame of that id. */
static inline struct frame *profile_get_frame(const struct profile *p, uint32_t id)
{
    return &g_array_index(p->frames, struct frame, id);
}

/* The stack of that id. */
static inline struct stack *profile_get_stack(const struct profile *p, uint32_t id)
{
    return &g_array_index(p->stacks, struct stack, id);
}

/* The n_lines of a frame. */
static inline const struct line *profile_frame_lines(const struct profile *p, uint32_t frame)
{
    return &g_array_index(p->lines, struct line, profile_get_frame(p, frame)->first_line);
}

/* The n_frames of a stack. */
static inline const uint32_t *profile_stack_frames(const struct profile *p, uint32_t stack)
{
    return &g_array_index(p->stack_frames, uint32_t, profile_get_stack(p, stack)->first_frame);
}

/* The process of that id. */
static inline struct process *profile_get_process(const struct profile *p, uint32_t id)
{
    return &g_array_index(p->processes, struct process, id);
}

/* The thread of that id. */
static inline struct thread *profile_get_thread(const struct profile *p, uint32_t id)
{
    return &g_array_index(p->threads, struct thread, id);
}

/* The n_metrics values of an entry. */
static inline int64_t *profile_entry_values(const struct profile *p, uint32_t entry)
{
    return &g_array_index(p->values, int64_t, (size_t)entry * p->n_metrics);
}

/* The entry of that id. */
static inline struct entry *profile_get_entry(const struct profile *p, uint32_t id)
{
    return &g_array_index(p->entries, struct entry, id);
}

#endif
