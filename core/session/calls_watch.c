/* See calls_watch.h. */
#include "core/session/calls_watch.h"

#include "core/session/coverage.h"
#include "core/session/ingest.h"

struct function_request {
    uint32_t function;
    bool on;
};

struct calls_watch {
    const struct calls_source_ops *ops;
    void *source;
    /* Guarded by the session's lock. */
    GArray *functions; /* struct function_request */
    enum calls_policy policy;
    bool policy_pending;
};

static const char *why_not(const struct calls_watch_options *options)
{
    if (!options->session->argv)
        return "proftop came when the program ran already; to count its calls, start it with "
               "proftop";
    if (!options->coverage)
        return "the collector, libproftop.so, was not found beside proftop or in ../lib/proftop";
    if (!options->session->calls)
        return "this run did not ask for them";
    return NULL;
}

static const char *off_text(enum calls_policy policy)
{
    return policy == CALLS_POLICY_OFF ? "they were switched off (--calls=off)" : "";
}

struct calls_watch *calls_watch_new(const struct calls_watch_options *options,
                                    struct profile *profile)
{
    const struct session_options *session = options->session;
    const char *reason = why_not(options);
    profile->calls->why_not =
        profile_text(profile, reason ? reason : off_text(session->calls_policy));
    if (reason)
        return NULL;
    struct calls_watch *watch = g_new0(struct calls_watch, 1);
    watch->ops = session->calls;
    watch->policy = session->calls_policy;
    watch->functions = g_array_new(FALSE, FALSE, sizeof(struct function_request));
    watch->source = watch->ops->start(
        &(struct calls_source_options){.coverage = options->coverage,
                                       .only_pid = session->children ? 0 : options->pid,
                                       .policy = session->calls_policy,
                                       .filter = session->calls_filter,
                                       .wake_fd = options->wake_fd,
                                       .start_ns = options->start_ns});
    return watch;
}

void calls_watch_free(struct calls_watch *watch)
{
    if (!watch)
        return;
    watch->ops->stop(watch->source);
    g_array_unref(watch->functions);
    g_free(watch);
}

void calls_watch_fetch(struct calls_watch *watch)
{
    if (watch)
        watch->ops->fetch(watch->source);
}

static void follow_requests(struct calls_watch *watch, struct ingest *ingest)
{
    struct profile *profile = ingest_lock(ingest);
    GArray *functions = watch->functions;
    bool has_policy = watch->policy_pending;
    enum calls_policy policy = watch->policy;
    watch->functions = g_array_new(FALSE, FALSE, sizeof(struct function_request));
    watch->policy_pending = false;
    if (has_policy && !calls_are_measured(profile->calls))
        profile->calls->why_not = profile_text(profile, off_text(policy));
    ingest_unlock(ingest);
    if (has_policy)
        watch->ops->set_policy(watch->source, policy);
    for (guint i = 0; i < functions->len; i++) {
        const struct function_request *request =
            &g_array_index(functions, struct function_request, i);
        watch->ops->set_function(watch->source, ingest, request->function, request->on);
    }
    g_array_unref(functions);
}

void calls_watch_drain(struct calls_watch *watch, struct ingest *ingest, bool last)
{
    if (!watch)
        return;
    follow_requests(watch, ingest);
    watch->ops->drain(watch->source, ingest, last);
}

void calls_watch_ask_policy(struct calls_watch *watch, enum calls_policy policy)
{
    if (!watch)
        return;
    watch->policy = policy;
    watch->policy_pending = true;
}

void calls_watch_ask_function(struct calls_watch *watch, uint32_t function, bool on)
{
    const struct function_request request = {.function = function, .on = on};
    if (watch)
        g_array_append_val(watch->functions, request);
}

void calls_watch_update(struct calls_watch *watch, struct profile *profile,
                        struct session_status *status)
{
    struct calls_source_status source;
    if (!watch)
        return;
    watch->ops->get_status(watch->source, &source);
    status->has_calls_source = true;
    status->calls_patched = source.n_patched;
    status->calls_refused = source.n_refused;
    status->calls_refusal = source.last_refusal ? profile_text(profile, source.last_refusal) : NULL;
    if (!watch->policy_pending)
        status->calls_policy = source.policy;
}

void calls_watch_get_hijack(void *data, int pid, int tid, struct unwind_hijack *ret_hijack)
{
    struct calls_watch *watch = data;
    if (watch)
        watch->ops->get_hijack(watch->source, pid, tid, ret_hijack);
}
