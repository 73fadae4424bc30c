/*
 * Where the processes of a target say hello: a Unix socket in a private directory and a thread of
 * its own that checks each caller and hands it a memory segment (core/wire/wire.h). A caller that
 * is slow, silent or wrong is dropped and counted, and never keeps another one waiting.
 *
 * Who may say hello: a process of our own user id or root's, that knows the token and speaks our
 * major version. A target that has given up root cannot enter the directory any more, so such
 * children are not covered.
 */
#ifndef PROFTOP_CORE_SESSION_LISTENER_H
#define PROFTOP_CORE_SESSION_LISTENER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/wire/wire.h"

enum { LISTENER_PROCESSES_MAX = 10000, LISTENER_TAPS_MAX = 3 };

/*
 * A process that said hello. What the wire says is the collector's in `segment` is written by that
 * process: hostile. Counted references: the listener holds one until listener_release().
 */
struct listener_process {
    pid_t pid;      /* by the kernel, in our pid namespace; a pid that runs exec appears again */
    bool is_forked; /* by fork; otherwise a program was started */
    uint64_t features;
    struct wire_segment *segment; /* mapped for reading and writing until released */
    size_t segment_bytes;         /* the true size, to be used instead of the header's */
    uint64_t segment_inode;       /* of its memfd */
    int references;               /* private */
};

struct listener_options {
    size_t segment_bytes; /* at least; 0: WIRE_SEGMENT_DEFAULT_BYTES; rounded up to whole pages */
    /* Called on the listener's thread just before the process is let on. */
    void (*on_process)(struct listener_process *process, void *data);
    void *data;
};

/* Who gives the segments a part of their content beyond the head. */
struct listener_tap {
    size_t bytes;      /* of its part: whole pages, sparse */
    uint64_t features; /* of enum wire_feature, that it serves */
    /* Called on the listener's thread before the memfd is sent: may write into the segment, where
     * its part begins at `offset`, and keeps the process with listener_process_ref(). */
    void (*on_process)(struct listener_process *process, size_t offset, void *data);
    void *data; /* also tells taps apart */
};

/* What went wrong with callers, each counted once. */
struct listener_counts {
    unsigned accepted;
    unsigned foreign;   /* another user, or a pid outside our namespace */
    unsigned malformed; /* not a hello of this version */
    unsigned bad_token;
    unsigned silent;  /* said nothing for a second, or hung up */
    unsigned refused; /* LISTENER_PROCESSES_MAX reached, or no memory */
};

struct listener;

/*
 * Makes the directory ($XDG_RUNTIME_DIR/proftop/run-XXXXXX, else /tmp/proftop-UID-XXXXXX), the
 * socket and a token, and starts the thread. NULL on error: PROFTOP_ERROR_NOT_PERMITTED when the
 * directory is not safely ours, else PROFTOP_ERROR_FAILED. Context: any thread; the thread blocks
 * all signals.
 */
struct listener *listener_new(const struct listener_options *options, GError **error);

/* Path of the socket. Borrowed. Context: any thread. */
const char *listener_socket_path(const struct listener *listener);

/* The token as 32 hex digits. Borrowed. Context: any thread. */
const char *listener_token_hex(const struct listener *listener);

/* The counts so far. Context: any thread. */
void listener_get_counts(struct listener *listener, struct listener_counts *ret_counts);

/*
 * Lets `tap` (copied) fill its part of the segments of processes that say hello from now on. Parts
 * lie one behind the other, in the order of adding; at most LISTENER_TAPS_MAX. Context: any thread
 * but the listener's.
 */
void listener_add_tap(struct listener *listener, const struct listener_tap *tap);

/* Ends that for the tap with this data; its on_process is not running any more when this returns.
 * Context: as listener_add_tap(). */
void listener_remove_tap(struct listener *listener, const void *data);

/* Keeps the process and its segment until listener_process_unref. Context: any thread. */
struct listener_process *listener_process_ref(struct listener_process *process);

/* Lets go of it; the last one unmaps the segment. Context: any thread. */
void listener_process_unref(struct listener_process *process);

/*
 * Forgets a process, so that LISTENER_PROCESSES_MAX counts those of interest only. Context: any
 * thread, on_process excepted.
 */
void listener_release(struct listener *listener, struct listener_process *process);

/*
 * Stops the thread, lets go of all processes, removes the socket and, when nothing else is in it,
 * the directory. NULL is allowed. Context: any thread but the listener's own.
 */
void listener_free(struct listener *listener);

#endif
