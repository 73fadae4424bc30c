/*
 * See calls_source.h. Segments are read while their processes run, and once more after their end:
 * what a killed process had counted is there until then.
 */
#include "collectors/calls/calls_source.h"

#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "collectors/calls/calls_reader.h"
#include "collectors/calls/open_calls.h"
#include "collectors/calls/patch_detour.h"
#include "collectors/calls/patcher.h"
#include "core/session/coverage.h"
#include "core/session/ingest.h"
#include "core/target/proc_maps.h"

enum {
    SECOND_NS = 1000000000,
    READY_MOST_NS = 200 * 1000 * 1000,
    ENDED_MAX = 64,
    STOP_TRIES = 20, /* to have code put back at the end, each a pause later */
    STOP_PAUSE_NS = 10 * 1000 * 1000,
    READING_SHARE = 50, /* reading takes one part in so many of the time, at most */
};

/* A process that counts. */
struct watched {
    struct calls_hello *hello;   /* the reader's, once there is one */
    struct calls_reader *reader; /* NULL: the profile may not know of the process yet */
    struct patcher *patcher;
    bool is_left;       /* something is left to do to its code */
    uint32_t n_refused; /* of its patches, as of the last look */
    bool was_patched;   /* its code is or was changed */
    uint64_t inode;     /* of its segment */
    uint64_t serial;    /* those that came later have a greater one */
};

struct calls_source {
    struct calls_tap tap;
    struct calls_reader_options options;
    GPtrArray *watched; /* struct watched, oldest first */
    GPtrArray *ended;   /* struct watched without reader: what children of theirs may have of them,
                           that have not been fetched yet */
    uint64_t n_watched; /* ever */
    const struct calls_filter *filter;
    GArray *wanted; /* struct patch_request: what was asked for by key, for processes to come */
    enum calls_policy policy;
    struct calls_source_status status;
    char *last_refusal;
    int64_t next_scan_ns, next_read_ns;
    const struct calls_hello *asked; /* whose return addresses were asked for last */
    int asked_tid;
};

static void free_watched(gpointer data)
{
    struct watched *w = data;
    if (w->reader)
        calls_reader_free(w->reader);
    else
        calls_hello_free(w->hello);
    patcher_free(w->patcher);
    g_free(w);
}

static int64_t now_ns(void)
{
    return g_get_monotonic_time() * 1000;
}

static bool wants_sleds(const struct calls_source *s)
{
    return s->policy == CALLS_POLICY_ALL;
}

static void *calls_start(const struct calls_source_options *options)
{
    struct calls_source *s = g_new0(struct calls_source, 1);
    s->policy = options->policy;
    s->filter = options->filter;
    s->watched = g_ptr_array_new_with_free_func(free_watched);
    s->ended = g_ptr_array_new_with_free_func(free_watched);
    s->wanted = g_array_new(FALSE, FALSE, sizeof(struct patch_request));
    calls_tap_init(&s->tap, coverage_listener(options->coverage), options->only_pid,
                   options->wake_fd);
    s->options = (struct calls_reader_options){.start = s->tap.start,
                                               .clock = s->tap.clock,
                                               .ticks_per_ns = 1,
                                               .run_start_ns = options->start_ns,
                                               .scopes = g_hash_table_new(g_str_hash, g_str_equal)};
    calls_tap_set(&s->tap, s->policy != CALLS_POLICY_OFF, s->filter || wants_sleds(s));
    return s;
}

/* ---- changing code ---- */

/* Whether a process had a segment mapped when it said hello: before it had one of its own. */
static bool has_segment(const struct calls_hello *hello, uint64_t inode)
{
    for (guint i = 0; i < hello->maps->len; i++) {
        const struct proc_map *map = &g_array_index(hello->maps, struct proc_map, i);
        if (map->inode == inode && strstr(map->path, WIRE_SEGMENT_NAME))
            return true;
    }
    return false;
}

/* The patcher of the process that another one was forked from; NULL: it has changed nothing. A
 * child has the code of all its forebears mapped: the latest of them is its parent, which may have
 * ended by now. */
static const struct patcher *find_parent(const struct calls_source *s,
                                         const struct calls_hello *hello)
{
    const struct patcher *parent = NULL;
    uint64_t serial = 0;
    for (guint i = 0; i < s->watched->len + s->ended->len; i++) {
        const struct watched *w = i < s->watched->len
                                      ? g_ptr_array_index(s->watched, i)
                                      : g_ptr_array_index(s->ended, i - s->watched->len);
        if (w->serial <= serial || !has_segment(hello, w->inode))
            continue;
        parent = w->patcher;
        serial = w->serial;
    }
    return parent;
}

static struct patcher *new_patcher(const struct calls_source *s, const struct calls_hello *hello)
{
    const struct listener_process *process = hello->process;
    const struct calls_layout *layout = hello->layout;
    struct patcher_options options = {
        .pid = process->pid,
        .wire = hello->wire,
        .code = hello->part + layout->code,
        .sites = (void *)(hello->part + layout->sites),
        .mappings = (void *)(hello->part + layout->mappings),
    };
    const struct patcher *parent = process->is_forked ? find_parent(s, hello) : NULL;
    return parent ? patcher_new_child(parent, &options) : patcher_new(&options);
}

static void wake_up(struct calls_hello *hello)
{
    __atomic_store_n(&hello->wire->go, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &hello->wire->go, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

/* The answer to a hello is on its way back when it is fetched: the collector is about to map its
 * part. It is not waited for long, whoever is at the other end. */
static void await_collector(const struct calls_hello *hello)
{
    int64_t until_ns = now_ns() + READY_MOST_NS, left_ns;
    while (hello->is_waiting && !__atomic_load_n(&hello->wire->is_ready, __ATOMIC_ACQUIRE) &&
           (left_ns = until_ns - now_ns()) > 0) {
        const struct timespec left = {.tv_nsec = left_ns};
        syscall(SYS_futex, &hello->wire->is_ready, FUTEX_WAIT, 0, &left, NULL, 0);
    }
}

static void carry_out(struct calls_source *s, struct watched *w, bool is_waiting)
{
    bool changed = false;
    patcher_set_on(w->patcher, s->policy != CALLS_POLICY_OFF);
    w->is_left = !patcher_carry_out(w->patcher, is_waiting, &changed);
    w->was_patched |= changed;
}

static void refuse(struct calls_source *s, const char *name, const char *reason)
{
    g_free(s->last_refusal);
    s->last_refusal = g_strdup_printf("%s: %s", name, reason);
    s->status.n_refused++;
}

/* Counts what is changed, and tells of what is refused since it was asked last. A forked child
 * refuses what its parent has refused. */
static void count_patches(struct calls_source *s, struct watched *w)
{
    const GArray *patches = patcher_patches(w->patcher);
    uint32_t n_refused = 0;
    for (guint i = 0; i < patches->len; i++) {
        const struct patch *patch = &g_array_index(patches, struct patch, i);
        s->status.n_patched += patch->state == PATCH_IN;
        n_refused += patch->state == PATCH_REFUSED;
        if (patch->state == PATCH_REFUSED && n_refused > w->n_refused &&
            !w->hello->process->is_forked)
            refuse(s, patch->linkage, patch->reason);
    }
    w->n_refused = n_refused;
}

static void calls_fetch(void *source)
{
    struct calls_source *s = source;
    GPtrArray *hellos = calls_tap_fetch(&s->tap);
    while (hellos->len > 0) {
        struct watched *w = g_new0(struct watched, 1);
        w->hello = g_ptr_array_steal_index(hellos, 0);
        await_collector(w->hello);
        w->patcher = new_patcher(s, w->hello);
        w->was_patched = patcher_has_changes(w->patcher);
        w->inode = w->hello->process->segment_inode;
        w->serial = ++s->n_watched;
        for (guint i = 0; i < s->wanted->len; i++)
            patcher_want(w->patcher, &g_array_index(s->wanted, struct patch_request, i));
        patcher_scan(w->patcher, s->filter, wants_sleds(s));
        carry_out(s, w, w->hello->is_waiting);
        if (w->hello->is_waiting)
            wake_up(w->hello);
        count_patches(s, w); /* it may be gone when it is looked at again */
        g_ptr_array_add(s->watched, w);
    }
    g_ptr_array_unref(hellos);
}

/* ---- processes that begin and end ---- */

/* Its children may be about to come in. */
static void keep_patcher(struct calls_source *s, struct watched *w)
{
    if (!w->was_patched) {
        free_watched(w);
        return;
    }
    if (s->ended->len >= ENDED_MAX)
        g_ptr_array_remove_index(s->ended, 0);
    g_ptr_array_add(s->ended, w);
    if (w->reader)
        calls_reader_free(w->reader);
    else
        calls_hello_free(w->hello);
    w->reader = NULL;
    w->hello = NULL;
}

static void end_reading(struct calls_source *s, struct ingest *ingest, guint i)
{
    struct watched *w = g_ptr_array_steal_index(s->watched, i);
    if (w->reader)
        calls_reader_update(w->reader, ingest, true);
    keep_patcher(s, w);
}

/* Another program in a process that is known: its first program's calls are history. */
static guint replace_image(struct calls_source *s, struct ingest *ingest, guint before, int pid)
{
    for (guint i = before; i-- > 0;) {
        const struct watched *old = g_ptr_array_index(s->watched, i);
        if (old->hello->process->pid == pid) {
            end_reading(s, ingest, i);
            before--;
        }
    }
    return before;
}

static void begin_all(struct calls_source *s, struct ingest *ingest)
{
    for (guint i = 0; i < s->watched->len; i++) {
        struct watched *w = g_ptr_array_index(s->watched, i);
        if (w->reader)
            continue;
        if (s->options.clock == WIRE_CALLS_TSC && s->options.ticks_per_ns == 1)
            s->options.ticks_per_ns = tsc_ticks_per_ns(&s->tap.start);
        if (!w->hello->process->is_forked)
            i = replace_image(s, ingest, i, w->hello->process->pid);
        w->reader = calls_reader_new(w->hello, &s->options, ingest);
        /* it may have changed since the process was let on */
        __atomic_store_n(&w->hello->wire->enabled, s->policy != CALLS_POLICY_OFF, __ATOMIC_RELAXED);
    }
}

static bool has_ended(struct ingest *ingest, const struct calls_reader *reader)
{
    const struct profile *profile = ingest_lock(ingest);
    bool ended = profile_get_process(profile, calls_reader_process(reader))->ended;
    ingest_unlock(ingest);
    return ended;
}

static void end_gone(struct calls_source *s, struct ingest *ingest)
{
    for (guint i = s->watched->len; i-- > 0;) {
        const struct watched *w = g_ptr_array_index(s->watched, i);
        if (has_ended(ingest, w->reader))
            end_reading(s, ingest, i);
    }
}

/* ---- what people are told ---- */

static void look_at_patches(struct calls_source *s)
{
    s->status.n_patched = 0;
    for (guint i = 0; i < s->watched->len; i++)
        count_patches(s, g_ptr_array_index(s->watched, i));
}

/* What has come of a request: in the process where it went best. NULL: nothing yet. */
static const struct patch *find_patch(const struct calls_source *s,
                                      const struct patch_request *request)
{
    const struct patch *found = NULL;
    for (guint i = 0; i < s->watched->len; i++) {
        const struct watched *w = g_ptr_array_index(s->watched, i);
        const GArray *patches = patcher_patches(w->patcher);
        for (guint k = 0; k < patches->len; k++) {
            const struct patch *patch = &g_array_index(patches, struct patch, k);
            if (g_str_equal(patch->linkage, request->linkage) &&
                g_str_equal(patch->module, request->module) && (!found || patch->state == PATCH_IN))
                found = patch;
        }
    }
    return found;
}

static void note_unmatched(const struct calls_source *s, struct ingest *ingest)
{
    if (!s->filter)
        return;
    GPtrArray *patterns = calls_filter_unmatched(s->filter);
    for (guint i = 0; i < patterns->len; i++) {
        char *note = g_strdup_printf("no function matches %s (see --calls)",
                                     (const char *)g_ptr_array_index(patterns, i));
        ingest_note(ingest, note);
        g_free(note);
    }
    g_ptr_array_unref(patterns);
}

static void note_refused(const struct calls_source *s, struct ingest *ingest)
{
    if (!s->last_refusal)
        return;
    char *note = g_strdup_printf("not all functions that were asked for could be counted, as %s",
                                 s->last_refusal);
    ingest_note(ingest, note);
    g_free(note);
}

/* ---- the session's calls ---- */

/* Libraries may have come and gone. What could not be done before is tried again, sooner. */
static void look_at_code(struct calls_source *s, bool is_round)
{
    for (guint i = 0; i < s->watched->len; i++) {
        struct watched *w = g_ptr_array_index(s->watched, i);
        if (is_round)
            patcher_scan(w->patcher, s->filter, wants_sleds(s));
        if (is_round || w->is_left)
            carry_out(s, w, false);
    }
    if (is_round)
        look_at_patches(s);
}

static void read_all(struct calls_source *s, struct ingest *ingest)
{
    int64_t before_ns = now_ns();
    for (guint i = 0; i < s->watched->len; i++) {
        const struct watched *w = g_ptr_array_index(s->watched, i);
        calls_reader_update(w->reader, ingest, false);
    }
    s->next_read_ns = before_ns + (now_ns() - before_ns) * READING_SHARE;
}

static void calls_drain(void *source, struct ingest *ingest, bool last)
{
    struct calls_source *s = source;
    int64_t now = now_ns();
    begin_all(s, ingest);
    end_gone(s, ingest);
    if (!last) {
        look_at_code(s, now >= s->next_scan_ns);
        s->next_scan_ns = now >= s->next_scan_ns ? now + SECOND_NS : s->next_scan_ns;
    }
    if (last || now >= s->next_read_ns)
        read_all(s, ingest);
    if (last) {
        note_unmatched(s, ingest);
        note_refused(s, ingest);
    }
}

static void calls_set_policy(void *source, enum calls_policy policy)
{
    struct calls_source *s = source;
    s->policy = policy;
    s->next_scan_ns = 0;
    calls_tap_set(&s->tap, policy != CALLS_POLICY_OFF, s->filter || wants_sleds(s));
    for (guint i = 0; i < s->watched->len; i++) {
        const struct watched *w = g_ptr_array_index(s->watched, i);
        __atomic_store_n(&w->hello->wire->enabled, policy != CALLS_POLICY_OFF, __ATOMIC_RELAXED);
    }
}

/* An address inside of the function, from any frame that belongs to it. */
static bool find_function(const struct profile *profile, uint32_t function,
                          struct patch_request *ret_request)
{
    const struct function *f = profile_get_function(profile, function);
    for (uint32_t i = 0; i < profile->frames->len; i++) {
        const struct frame *frame = profile_get_frame(profile, i);
        const struct line *lines = profile_frame_lines(profile, i);
        if (frame->state != FRAME_RESOLVED || lines[frame->n_lines - 1].function != function)
            continue;
        *ret_request = (struct patch_request){
            .module = profile_get_module(profile, frame->module)->path,
            .address = frame->address,
            .linkage = f->linkage,
        };
        return true;
    }
    return false;
}

static void calls_set_function(void *source, struct ingest *ingest, uint32_t function, bool on)
{
    struct calls_source *s = source;
    struct patch_request request;
    const struct profile *profile = ingest_lock(ingest);
    const char *name = profile_get_function(profile, function)->brief;
    bool found = find_function(profile, function, &request);
    ingest_unlock(ingest);
    if (!found) {
        refuse(s, name, "all of it is inlined where it is called: it has no code of its own");
        return;
    }
    request.on = on;
    g_array_append_val(s->wanted, request);
    for (guint i = 0; i < s->watched->len; i++) {
        struct watched *w = g_ptr_array_index(s->watched, i);
        patcher_want(w->patcher, &request);
        carry_out(s, w, false);
    }
    uint32_t n_refused = s->status.n_refused;
    look_at_patches(s);
    const struct patch *patch = find_patch(s, &request);
    if (on && patch && patch->state == PATCH_REFUSED && s->status.n_refused == n_refused)
        refuse(s, patch->linkage, patch->reason); /* once more, as it was asked for once more */
    GHashTable *counted = ingest_lock(ingest)->calls->counted;
    if (on && patch && patch->state == PATCH_IN)
        g_hash_table_add(counted, GUINT_TO_POINTER(function));
    else
        g_hash_table_remove(counted, GUINT_TO_POINTER(function));
    ingest_unlock(ingest);
}

static void calls_get_status(const void *source, struct calls_source_status *ret_status)
{
    const struct calls_source *s = source;
    *ret_status = s->status;
    ret_status->policy = s->policy;
    ret_status->last_refusal = s->last_refusal;
}

static size_t return_addresses(void *data, uint64_t slot, uint64_t *ret_addresses, size_t n)
{
    const struct calls_source *s = data;
    return open_calls_return_addresses(s->asked, s->asked_tid, slot, ret_addresses, n);
}

static bool detour(void *data, uint64_t from, uint64_t address, struct unwind_detour *ret_detour)
{
    const struct calls_source *s = data;
    return patch_detour_find(s->asked, from, address, ret_detour);
}

/* From its hello on: what probes take is measured by calls that are hijacked too. */
static void calls_get_hijack(void *source, int pid, int tid, struct unwind_hijack *ret_hijack)
{
    struct calls_source *s = source;
    for (guint i = s->watched->len; i-- > 0;) {
        const struct watched *w = g_ptr_array_index(s->watched, i);
        if (w->hello->process->pid != pid || w->hello->wire->leave == 0)
            continue;
        s->asked = w->hello;
        s->asked_tid = tid;
        *ret_hijack = (struct unwind_hijack){.address = w->hello->wire->leave,
                                             .return_addresses = return_addresses,
                                             .detour = detour,
                                             .data = s};
        return;
    }
}

/* A library may be on its way just now, or a process stopped: those that are left are tried again,
 * all together for no longer than STOP_TRIES pauses. */
static void put_back_all(struct calls_source *s)
{
    const struct timespec pause = {.tv_nsec = STOP_PAUSE_NS};
    bool is_left = true;
    for (int i = 0; i < STOP_TRIES && is_left; i++) {
        is_left = false;
        if (i > 0)
            nanosleep(&pause, NULL);
        for (guint k = 0; k < s->watched->len; k++) {
            struct watched *w = g_ptr_array_index(s->watched, k);
            if (i > 0 && !w->is_left)
                continue;
            patcher_scan(w->patcher, s->filter, wants_sleds(s));
            carry_out(s, w, false);
            is_left |= w->is_left;
        }
    }
}

/* Code is put back as it was; what was counted stays in the segments. */
static void calls_stop(void *source)
{
    struct calls_source *s = source;
    calls_set_policy(s, CALLS_POLICY_OFF);
    calls_fetch(s); /* children that were forked just now, with their parents' changed code */
    put_back_all(s);
    calls_tap_clear(&s->tap);
    g_ptr_array_unref(s->watched);
    g_ptr_array_unref(s->ended);
    g_array_unref(s->wanted);
    g_hash_table_unref(s->options.scopes);
    g_free(s->last_refusal);
    g_free(s);
}

const struct calls_source_ops calls_source_ops = {
    .start = calls_start,
    .fetch = calls_fetch,
    .drain = calls_drain,
    .set_policy = calls_set_policy,
    .set_function = calls_set_function,
    .get_status = calls_get_status,
    .get_hijack = calls_get_hijack,
    .stop = calls_stop,
};
