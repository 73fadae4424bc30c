/*
 * The last walk of each thread, to take its outer frames over when they are still the same.
 *
 * A walk is a function of the mappings, the registers and the stack it reads. When a frame has the
 * registers that a frame of the last walk had (all that are known in a frame that called), the
 * mappings have not changed, and the stack from its rsp up to the highest word that the last walk
 * read is equal byte by byte, then the frames above must be equal too: a frame reads at or above
 * its own rsp only. Frames up to the last guess or signal trampoline are not offered, because
 * guesses also depend on where the copy ends, and a signal may have changed stacks.
 *
 * Context: one thread at a time.
 */
#ifndef PROFTOP_CORE_UNWIND_LAST_WALK_H
#define PROFTOP_CORE_UNWIND_LAST_WALK_H

#include "core/unwind/frame.h"

enum { KEPT_REGISTERS = 8 };

/* A frame that called, and that was reached by unwind information. */
struct kept_frame {
    uint64_t r[KEPT_REGISTERS]; /* rip, rsp, and those that calls keep */
    uint64_t pc;
};

struct last_walk;
struct last_walks;

/* Remembers up to `n_max` threads, the most recently used. Context: one thread at a time, with all
 * that it gives. */
struct last_walks *last_walks_new(size_t n_max);

/* NULL is allowed. */
void last_walks_free(struct last_walks *walks);

/* The thread's last walk, perhaps an empty one. Valid until the next call. */
struct last_walk *last_walks_get(struct last_walks *walks, uint32_t thread_key);

/* Prepares for comparing with a new sample. @generation of the address map: another one empties the
 * walk. */
void last_walk_begin(struct last_walk *walk, uint64_t generation);

/* Fills ret_kept from a frame that called; false when other registers than those of a call are
 * known. */
bool kept_frame_fill(const struct frame *frame, uint64_t pc, struct kept_frame *ret_kept);

/*
 * The number of frames of the last walk, from `frame` to the root, that are certain to be those of
 * this walk too; 0: not known. Ask from the leaf outwards, in order.
 */
size_t last_walk_match(struct last_walk *walk, const struct kept_frame *frame,
                       const struct stack_view *view);

/* pc of the frame that is `i` frames below the root. */
uint64_t last_walk_pc(const struct last_walk *walk, size_t i);

/* Up to where the stack was read. */
uint64_t last_walk_read_end(const struct last_walk *walk);

/*
 * Keeps a walk that reached the root.
 *
 * @n_same  what last_walk_match gave: so many frames stay
 * @frames  the n frames before those, leaf first: those that may be offered
 * @view    its read_end must cover the frames that stay
 */
void last_walk_keep(struct last_walk *walk, size_t n_same, const struct kept_frame *frames,
                    size_t n, const struct stack_view *view);

/* Empties it: the walk did not reach the root. */
void last_walk_drop(struct last_walk *walk);

#endif
