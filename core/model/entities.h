/*
 * What a profile consists of: modules, functions, frames, stacks, processes, threads and their
 * weights.
 */
#ifndef PROFTOP_CORE_MODEL_ENTITIES_H
#define PROFTOP_CORE_MODEL_ENTITIES_H

#include <stdbool.h>
#include <stdint.h>

#define PROFILE_NONE UINT32_MAX

enum {
    PROFILE_METRICS_MAX = 8,
    PROFILE_CHANGES_MAX = 1 << 20, /* changes remembered: 17 minutes of one thread at 1 kHz */
    /* Frames of one stack, before inlined ones are told apart; the last may be a mark. */
    PROFILE_KERNEL_FRAMES_MAX =
        128, /* the kernel's own limit is 127 (kernel.perf_event_max_stack) */
    PROFILE_USER_FRAMES_MAX = 1024,
    PROFILE_DEPTH_MAX = PROFILE_KERNEL_FRAMES_MAX + PROFILE_USER_FRAMES_MAX + 1,
};

/* Frames that stand for what is not known: modules of kind MODULE_SPECIAL. */
#define PROFILE_MARK_TRUNCATED   "[truncated]"      /* the copy of the stack ended first */
#define PROFILE_MARK_BROKEN      "[no unwind info]" /* nothing tells who called this */
#define PROFILE_MARK_UNKNOWN     "[unknown]"        /* neither a stack nor an address */
#define PROFILE_MARK_NOT_SAMPLED "[not sampled]"    /* CPU time that no sample stands for */

#define PROFILE_MARK_OTHER       "[other]"   /* stacks for which there was no room */
#define PROFILE_MARK_PROFTOP     "[proftop]" /* the collector's own work in the program */

/* What scopes that a program names by proftop.h are functions of. */
#define PROFILE_MODULE_SCOPES "[scopes]"

/* How the note begins that says why nothing of a program has samples. */
#define PROFILE_NOTE_UNSAMPLED "nothing of this program is sampled"

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

/* One thread in one stack; what it spent there: profile_entry_values. */
struct entry {
    uint32_t stack;
    uint32_t thread;
};

/* One addition to an entry, kept for a while so that views can follow and windows can slide. */
struct change {
    int64_t time_ns; /* CLOCK_MONOTONIC */
    uint32_t entry;
    int32_t count; /* of count_metric */
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
    int attached_pid; /* of a process that ran already; 0: proftop started it */
    int wait_status;  /* of the first process; -1 while it runs or when unknown */
};

#endif
