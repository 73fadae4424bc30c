/*
 * Changes the code of a running process so that functions call the collector when they are entered,
 * and changes it back. Two ways:
 *
 *   sled   a function compiled with -fpatchable-function-entry=N,M, M >= 5 and N - M >= 2: five
 *          bytes that nobody executes, before the entry, become a call of the collector; then two
 *          NOPs at the entry become a short jump to it. Each byte by itself leaves a whole
 *          instruction without effect (stc or cmc, whose flag no function expects), so no thread
 *          need be stopped, wherever it is
 *   site   any other function: the first byte of one instruction near its entry becomes that of
 *          jmp rel32, whose displacement are the bytes that follow and stay as they are. What lies
 *          there is mapped for it: a stub that calls the collector, does what the instruction did,
 *          and goes back behind it. One byte is written, so no thread need be stopped, and every
 *          other jump into these instructions stays right
 *
 * What this rests on: a write of one byte is seen whole or not at all by other processors that
 * execute it. The kernel writes through /proc/PID/mem, so the pages' protection stays as it is.
 *
 * Whatever is not surely right is refused, with the reason. Before each write the bytes there are
 * compared with what they must be.
 *
 * Everything in the segment and in the process's memory and files is hostile.
 * Context of all: the sampling thread.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_PATCHER_H
#define PROFTOP_COLLECTORS_CALLS_PATCHER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/session/calls_filter.h"
#include "core/wire/wire_calls.h"

/* A process and what proftop has mapped of its segment. All borrowed. */
struct patcher_options {
    int pid;
    struct wire_calls *wire;
    uint8_t *code;                       /* WIRE_CALLS_CODE_BYTES */
    struct wire_calls_site *sites;       /* WIRE_CALLS_SITES */
    struct wire_calls_mapping *mappings; /* WIRE_CALLS_MAPPINGS */
};

enum patch_state {
    PATCH_WANTED,  /* nothing done yet */
    PATCH_IN,      /* its code is changed */
    PATCH_OUT,     /* its code is as it was, for now */
    PATCH_REFUSED, /* it cannot be: `reason` */
};

/* A function that was asked for. */
struct patch {
    enum patch_state state;
    const char *module; /* path of its file */
    uint64_t bias;      /* address in memory less address as linked */
    uint64_t address;   /* of its entry in memory: as the collector tells it */
    const char *linkage;
    const char *reason; /* "" unless refused: what cannot be done, in words */
};

struct patcher;

/* For one process; `options` is copied, what it points to must live as long. Nothing is looked at
 * or changed yet. */
struct patcher *patcher_new(const struct patcher_options *options);

/*
 * For a forked child of another patcher's process: what was asked for there is asked for here, and
 * what of it is changed in the child's memory is known. What `parent` is for may have ended; it is
 * not needed any more.
 */
struct patcher *patcher_new_child(const struct patcher *parent,
                                  const struct patcher_options *options);

/* Whether it ever had code changed. */
bool patcher_has_changes(const struct patcher *patcher);

/* Leaves the process as it is; NULL is allowed. */
void patcher_free(struct patcher *patcher);

/*
 * Looks at the modules that are mapped now: those that are new are searched for functions that are
 * meant, and what was in those that are gone is forgotten. Cheap when nothing has changed.
 *
 * @filter     NULL: none by name
 * @all_sleds  also every function with a sled
 */
void patcher_scan(struct patcher *patcher, const struct calls_filter *filter, bool all_sleds);

/* What a person points at. */
struct patch_request {
    const char *module; /* path of its file */
    uint64_t address;   /* as linked: of the function's entry, or anywhere in it */
    const char *linkage;
    bool on;
};

/* Wants one function, or no longer. */
void patcher_want(struct patcher *patcher, const struct patch_request *request);

/* Whether what is wanted is to be in. */
void patcher_set_on(struct patcher *patcher, bool on);

/*
 * Carries out what is left to do: analyses, writes stubs, has them mapped and changes the code.
 *
 * @is_waiting  the process waits for wire_calls.go before it begins, and maps by itself what is
 *              ordered; else one of its threads is made to, for an instant
 * @ret_changed set when the state of a patch has changed
 * Returns false when something is left to do later: no thread can be made to do it right now.
 */
bool patcher_carry_out(struct patcher *patcher, bool is_waiting, bool *ret_changed);

/* All that were asked for: struct patch, in the order of asking. Borrowed; valid until the next
 * call. */
const GArray *patcher_patches(const struct patcher *patcher);

#endif
