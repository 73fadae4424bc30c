/*
 * The bytes that proftop and its collector (libproftop.so, inside the target) share: the handshake
 * on the Unix socket, and the head of the memory segment that the handshake hands over. No GLib and
 * no function here: both sides include it.
 *
 * The handshake (SOCK_SEQPACKET, so a message arrives whole or not at all):
 *     collector: connect, send `struct wire_hello`
 *     proftop:   checks uid, size, magic, major version and token; replies `struct wire_welcome`
 * with one memfd in SCM_RIGHTS, sealed against shrinking and growing; closes the connection
 *     collector: checks seals and size, maps it MAP_SHARED, closes both descriptors. It owns no
 * descriptor from then on.
 *
 * Versions: the major number must be equal; a minor number only adds (new feature bits, words that
 * were reserved). A bit or an offset, once given, is never used for anything else. All integers are
 * in the machine's byte order: both sides run on one machine.
 *
 * Who writes what: proftop fills the segment before it sends the memfd; the words from `state` on
 * belong to the collector, which changes them with relaxed atomics. Once sent, proftop writes only
 * what `struct wire_sampler` marks as its own and the state of slots that it has emptied. Proftop
 * must treat all of it as hostile: copy first, then check, and never take a size or an offset from
 * the mapped copy, not even one that it wrote itself.
 */
#ifndef PROFTOP_CORE_WIRE_WIRE_H
#define PROFTOP_CORE_WIRE_WIRE_H

#include <assert.h>
#include <stdint.h>

#define WIRE_MAGIC_HELLO   UINT64_C(0x31484c4c48465250) /* "PRFHLLH1" */
#define WIRE_MAGIC_WELCOME UINT64_C(0x31434c5748465250) /* "PRFHWLC1" */
#define WIRE_MAGIC_SEGMENT UINT64_C(0x3147455346525050) /* "PPRFSEG1" */

/* What the segment's memfd is called, in /proc/PID/maps as well. */
#define WIRE_SEGMENT_NAME "proftop-segment"

/* The environment by which a process learns where to say hello. The collector takes these out
 * again. */
#define WIRE_ENV_SOCKET   "PROFTOP_SOCKET"   /* path of the socket */
#define WIRE_ENV_TOKEN    "PROFTOP_TOKEN"    /* 32 hexadecimal digits */
#define WIRE_ENV_CHILDREN "PROFTOP_CHILDREN" /* "1": children say hello too; "0": they do not */
#define WIRE_ENV_SECCOMP  "PROFTOP_SECCOMP"  /* "1": proftop itself runs under a seccomp filter */

enum {
    WIRE_VERSION_MAJOR = 1,
    WIRE_VERSION_MINOR = 3, /* 1: the CPU sampler; 2: the heap; 3: calls */
    WIRE_TOKEN_BYTES = 16,
    WIRE_SOCKET_PATH_MAX = 107,            /* sun_path less its NUL */
    WIRE_SEGMENT_HEAD_BYTES = 4096,        /* all else starts at or after this offset */
    WIRE_SEGMENT_DEFAULT_BYTES = 64 << 10, /* sparse: only touched pages cost memory */
};

/* Bits of `features`: what the sender can do. Each side uses what both have. */
enum wire_feature {
    WIRE_FEATURE_LIFECYCLE =
        1 << 0, /* state, forks, execs, spawns and coverage are kept up to date */
    WIRE_FEATURE_CPU_TIMER = 1 << 1, /* the segment has a struct wire_sampler */
    WIRE_FEATURE_HEAP = 1 << 2,      /* the segment has a struct wire_heap (wire_heap.h) */
    WIRE_FEATURE_CALLS = 1 << 3,     /* the segment has a struct wire_calls (wire_calls.h) */
};

/* Bits of `wire_hello.flags`: how this process came to say hello. */
enum wire_hello_flag {
    WIRE_HELLO_EXEC =
        1 << 0, /* a program was started: the launched command, or an exec by any process */
    WIRE_HELLO_FORK = 1 << 1, /* a fork without exec; the parent keeps its own segment */
};

enum wire_state {
    WIRE_STATE_NEW = 0,     /* handed over, not yet mapped by the collector */
    WIRE_STATE_RUNNING = 1, /* mapped */
    WIRE_STATE_EXEC = 2,    /* the process is calling exec; back to RUNNING when that fails */
    WIRE_STATE_EXIT = 3,    /* destructors run. A killed process never gets here: watch its pidfd */
};

/* Bits of `wire_segment.coverage`: what happened that the collector cannot see into. */
enum wire_coverage {
    WIRE_COVERAGE_CHILD_PRIVILEGED =
        1 << 0, /* exec of a program with more privileges (set-user-ID ...) */
    WIRE_COVERAGE_CHILD_STATIC = 1 << 1,    /* exec of a statically linked program */
    WIRE_COVERAGE_CHILD_FOREIGN = 1 << 2,   /* other architecture, 32-bit, or another libc */
    WIRE_COVERAGE_CHILD_SANITIZER = 1 << 3, /* its sanitizer must be the first library */
    WIRE_COVERAGE_CHILD_UNREADABLE =
        1 << 4, /* the file, or the collector from there, cannot be read */
    WIRE_COVERAGE_CHILD_ENVIRONMENT = 1 << 5, /* its environment is too large to add to */
    WIRE_COVERAGE_CHILD_SHELL = 1 << 6, /* system() or popen(): libc starts their shell by itself */
};

struct wire_hello {
    uint64_t magic; /* WIRE_MAGIC_HELLO */
    uint16_t version_major;
    uint16_t version_minor;
    uint32_t size_bytes; /* of this message; later minors may send more, at most 4096 */
    uint64_t features;
    uint8_t token[WIRE_TOKEN_BYTES];
    int32_t pid;  /* as the process sees itself; proftop goes by the peer credentials */
    int32_t ppid; /* likewise */
    uint32_t flags;
    uint32_t reserved32;
    uint64_t reserved[8]; /* 0 */
};

struct wire_welcome {
    uint64_t magic; /* WIRE_MAGIC_WELCOME */
    uint16_t version_major;
    uint16_t version_minor;
    uint32_t size_bytes;
    uint64_t features;
    uint64_t segment_bytes; /* the memfd's size: a multiple of 4096 */
    uint64_t reserved[12];  /* 0 */
};

/* The head of a segment. What comes behind it is found by offsets; later minors add theirs in
 * `reserved_offsets`. */
struct wire_segment {
    uint64_t magic; /* WIRE_MAGIC_SEGMENT */
    uint16_t version_major;
    uint16_t version_minor;
    uint32_t head_bytes; /* WIRE_SEGMENT_HEAD_BYTES */
    uint64_t features;
    uint64_t segment_bytes;
    int32_t pid; /* in proftop's pid namespace */
    uint32_t hello_flags;
    uint64_t sampler_offset;       /* of a struct wire_sampler; 0: none (since minor 1) */
    uint64_t heap_offset;          /* of a struct wire_heap; 0: none (since minor 2) */
    uint64_t calls_offset;         /* of a struct wire_calls; 0: none (since minor 3) */
    uint64_t reserved_offsets[24]; /* 0 */

    /* From here on (offset 256, a cache line of its own) the collector writes. */
    uint32_t state;      /* enum wire_state */
    uint32_t coverage;   /* enum wire_coverage bits, only ever set */
    uint64_t forks;      /* calls of fork() that returned in the parent */
    uint64_t execs;      /* exec calls by this process, failed ones included */
    uint64_t spawns;     /* posix_spawn calls, and execs by its vfork children */
    uint64_t unfollowed; /* started programs that were left alone; `coverage` says why */
    uint64_t reserved_words[475];
};

/*
 * CPU sampling by timers in the target. A pool of slots, shared by all threads of the process: the
 * signal handler claims a free one, copies registers and stack into it and marks it ready; proftop
 * copies what is ready and frees it. A pool needs no memory per thread, and since the lowest free
 * slot is taken first, only as many pages are touched as samples wait at once.
 */
enum {
    WIRE_SLOT_BYTES = 64 << 10, /* a struct wire_sample and the stack behind it */
    WIRE_SLOT_STACK_OFFSET = 256,
    WIRE_SLOT_STACK_BYTES_MAX = WIRE_SLOT_BYTES - WIRE_SLOT_STACK_OFFSET,
    WIRE_SAMPLE_REGISTERS = 17,
};

/* Why a thread is not sampled: index into wire_sampler.unsampled_threads. */
enum wire_unsampled {
    WIRE_UNSAMPLED_NO_TIMER,       /* timer_create failed: RLIMIT_SIGPENDING is used up */
    WIRE_UNSAMPLED_SMALL_SIGSTACK, /* its own signal stack has no room for our handler */
    WIRE_UNSAMPLED_BLOCKED,        /* the signal was blocked when it started */
    WIRE_UNSAMPLED_NO_MEMORY,      /* no memory for its state or signal stack */
    WIRE_UNSAMPLED_SIGNAL_TAKEN,   /* libc does not keep the signal for itself, as it must */
    WIRE_UNSAMPLED_SECCOMP,        /* the program has forbidden itself the system calls */
    WIRE_UNSAMPLED_REASONS,
};

/* Parts of wire_sampler.map_generation. */
enum { WIRE_UNLOADING_MASK = 0xffff, WIRE_UNLOADED = WIRE_UNLOADING_MASK + 1 };

struct wire_sampler {
    /* Proftop's. Those marked * may change while the target runs; the collector reads them with
     * relaxed atomics. */
    uint64_t period_ns;   /* * CPU time of a thread between two expirations of its timer */
    uint32_t enabled;     /* * 0: the handler takes no sample */
    uint32_t has_seccomp; /* * the process has a seccomp filter: the handler makes no system call */
    uint32_t stack_bytes; /* of stack to copy at most; at most WIRE_SLOT_STACK_BYTES_MAX */
    uint32_t n_slots;
    uint64_t slots_offset; /* of the first slot, from the segment's start; whole pages */
    uint64_t reserved[12]; /* 0 */

    /* The collector's, from offset 128. */
    uint32_t signal_number;  /* that the timers send; 0: no timer is armed */
    uint32_t armed_threads;  /* threads that have a timer now */
    uint64_t dropped;        /* samples for which no slot was free */
    uint64_t map_generation; /* how many libraries are being unloaded now (WIRE_UNLOADING_MASK), and
                                above that how many have been: one word, so that both are of one
                                moment */
    uint64_t unsampled_threads[8]; /* by enum wire_unsampled: threads that were never armed, or have
                                      lost their timer */
    uint64_t reserved_words[5];
};

enum wire_slot_state { WIRE_SLOT_FREE = 0, WIRE_SLOT_WRITING = 1, WIRE_SLOT_READY = 2 };

enum wire_sample_flag {
    WIRE_SAMPLE_STACK_CUT = 1 << 0,  /* there is more stack than was copied */
    WIRE_SAMPLE_STACK_NONE = 1 << 1, /* the stack pointer leads nowhere: registers only */
};

/* The head of a slot; the stack, from rsp upwards, follows at WIRE_SLOT_STACK_OFFSET. */
struct wire_sample {
    uint32_t state; /* enum wire_slot_state: the collector sets WRITING and READY, proftop FREE */
    uint32_t flags; /* enum wire_sample_flag */
    int32_t tid;    /* as the process sees it */
    uint32_t thread_serial;  /* tells threads of one tid apart: a new one for each armed thread */
    int64_t time_ns;         /* CLOCK_MONOTONIC */
    uint64_t cpu_ns;         /* of the thread since its timer was armed, in whole periods: exact to
                                one period, however late the kernel's tick delivered the signal */
    uint64_t map_generation; /* of the sampler, when it was taken */
    uint64_t registers[WIRE_SAMPLE_REGISTERS]; /* by DWARF number: rax rdx rcx rbx rsi rdi rbp rsp
                                                  r8..r15 rip */
    uint32_t stack_bytes;
    uint32_t reserved;
};

static_assert(sizeof(struct wire_sampler) == 256, "the sampler's size is part of the protocol");
static_assert(__builtin_offsetof(struct wire_sampler, signal_number) == 128,
              "the collector's part begins at a fixed offset");
static_assert(sizeof((struct wire_sampler *)0)->unsampled_threads / sizeof(uint64_t) >=
                  WIRE_UNSAMPLED_REASONS,
              "each reason has its count");
static_assert(sizeof(struct wire_sample) <= WIRE_SLOT_STACK_OFFSET, "the stack must not overlap");
static_assert(sizeof(struct wire_hello) == 120, "hello's size is part of the protocol");
static_assert(sizeof(struct wire_welcome) == 128, "welcome's size is part of the protocol");
static_assert(sizeof(struct wire_segment) <= WIRE_SEGMENT_HEAD_BYTES, "the head must fit");
static_assert(__builtin_offsetof(struct wire_segment, state) == 256, "state is at a fixed offset");
static_assert(WIRE_SEGMENT_DEFAULT_BYTES % 4096 == 0, "segments are whole pages");

#endif
