/*
 * What of the profile the views look at, and how: window of time, thread, names, units, patterns.
 * It owns the call trees that the views draw from.
 *
 * Everything here needs the holder of the profile's lock. Context: UI thread.
 */
#ifndef PROFTOP_TUI_VIEWS_LENS_H
#define PROFTOP_TUI_VIEWS_LENS_H

#include "core/model/calltree.h"
#include "core/model/heap_rows.h"
#include "core/session/session.h"

enum lens_window {
    LENS_WHOLE,
    LENS_LAST_10_S,
    LENS_LAST_30_S,
    LENS_LAST_60_S,
    LENS_SINCE_MARK,
    LENS_WINDOWS,
};

enum lens_unit {
    LENS_VALUE, /* the profile's main metric: mostly time */
    LENS_SAMPLES,
    LENS_SHARE, /* per cent only */
    LENS_UNITS,
};

/* What Flame is weighed by. */
struct lens_weight {
    enum calltree_subject of;
    enum heap_column column;      /* of the heap */
    enum call_weight call_weight; /* of calls */
};

struct lens_calls;

struct lens {
    const struct profile *profile;
    bool live;        /* there is a session: windows are possible */
    bool ended;       /* the target is gone, or this is a file */
    int64_t start_ns; /* of the run, CLOCK_MONOTONIC; live only */
    enum lens_window window;
    int64_t mark_ns;          /* CLOCK_MONOTONIC; 0 none */
    int64_t updated_ns;       /* last lens_update */
    uint32_t process, thread; /* only these; PROFILE_NONE all */
    bool full_names;
    enum lens_unit unit;
    bool inverted, fold;                 /* of the flame tree */
    struct lens_weight weight;           /* of Flame */
    int64_t flame_updated_ns;            /* of a tree of the heap or of calls */
    const struct session_status *status; /* borrowed; of a file: made from its info */
    GArray *allocated;                   /* see lens_allocated */
    struct heap_rows *allocating;        /* that it is made from; NULL: not needed yet */
    uint64_t allocated_generation;       /* of the heap, then */
    int64_t allocated_ns;
    uint32_t allocated_process;
    struct lens_calls *calls; /* see lens_calls.h */
    GRegex *search, *filter;  /* NULL none */
    char *filter_text;        /* "" none */
    uint32_t focus;           /* function that Flame is asked to show; PROFILE_NONE none */
    struct calltree *tree;    /* top-down, for Functions */
    struct calltree *flame;   /* as Flame wants it; the same as tree where it can be */
    uint64_t generation;      /* grows when the trees were made anew: node ids are others then */
};

/* Looks at all of a profile, which is borrowed. Context: UI thread. */
void lens_init(struct lens *lens, const struct profile *profile, bool live);

/* Frees what it holds. Context: UI thread. */
void lens_clear(struct lens *lens);

/* Brings the trees up to date as of `now_ns`. Cheap: only what is new. Context: UI thread with the
 * lock. */
void lens_update(struct lens *lens, int64_t now_ns);

/* After a change of window, thread, inverted or fold: weighs the trees anew, as of the last update.
 * Context: UI thread with the lock. */
void lens_rebuild(struct lens *lens);

/* Brings Flame's tree up to date, if that is one of the heap or of calls (they are many: only twice
 * a second). Context: UI thread with the lock. */
void lens_update_flame(struct lens *lens);

/* Weighs Flame by something: rebuilds if that is a change. Context: UI thread with the lock. */
void lens_weigh_flame(struct lens *lens, struct lens_weight weight);

/* Whether Flame is weighed by the profile's main metric. Context: UI thread. */
bool lens_flame_is_of_samples(const struct lens *lens);

/* Weight of everything in sight. Context: UI thread with the lock. */
struct weight lens_total(const struct lens *lens);

/* Likewise, of what Flame shows. Context: UI thread with the lock. */
struct weight lens_flame_total(const struct lens *lens);

/* Name of a function as it is to be shown. Context: UI thread with the lock. */
const char *lens_function_name(const struct lens *lens, uint32_t function);

/* Appends "file.c:12", nothing when unknown. Context: UI thread with the lock. */
void lens_append_source(const struct lens *lens, GString *out, uint32_t function);

/* The note that says why nothing of the program can be sampled; NULL: it can. Context: UI thread
 * with the lock. */
const char *lens_why_unsampled(const struct lens *lens);

/* Says why there is nothing to show. Context: UI thread with the lock. */
const char *lens_no_samples(const struct lens *lens);

/* Appends who a function is, on one line: its whole name, its file and source, or, of a mark such
 * as "[truncated]", what that means. Context: UI thread with the lock. */
void lens_append_identity(const struct lens *lens, GString *out, uint32_t function);

/* Appends a share with one decimal, without the sign: "31.2", "<0.1". Context: any thread. */
void lens_append_share(GString *out, int64_t part, int64_t whole);

/* Appends a value of the main metric ("3.90 s"). Context: UI thread with the lock. */
void lens_append_value(const struct lens *lens, GString *out, int64_t value);

/* Appends a weight in the chosen unit: "3.90 s", "390", "31.2 %". Context: UI thread with the
 * lock. */
void lens_append_weight(const struct lens *lens, GString *out, struct weight weight);

/* Whether a name is what the search looks for. Context: UI thread. */
bool lens_matches(const struct lens *lens, const char *name);

/* No filter any more. Context: UI thread. */
void lens_clear_filter(struct lens *lens);

/* Appends whose samples are in sight, "thread 4243 worker", "pid 4242 shop"; nothing for all.
 * Context: UI thread with the lock. */
void lens_append_owner(const struct lens *lens, GString *out);

/* Appends what window of time is in sight: "whole run", "last 10 s", "since 00:12", and how much of
 * it is still known when that is less. Context: UI thread with the lock. */
void lens_append_window(const struct lens *lens, GString *out);

/* Appends minutes and seconds, "00:12", with hours when there are. Context: any thread. */
void lens_append_clock(GString *out, int64_t ns);

#endif
