/*
 * See engine.h.
 */
#include "core/session/engine.h"

static const char *add_note(struct profile *profile, char *note)
{
    const char *text = profile_note(profile, note);
    g_free(note);
    return text;
}

/* Whether it can run; its notes are kept then. */
static bool can_run(const struct source_ops *source, const struct source_options *asked,
                    struct profile *profile, GError **error)
{
    GPtrArray *notes = g_ptr_array_new();
    bool can = source->probe(asked, notes, error);
    /* What the kernel hides from an engine outside can be permitted; what one inside can't see is
     * its nature. */
    if (can && source->needs_collector)
        profile->n_standing = notes->len;
    for (guint i = 0; i < notes->len; i++) {
        if (can)
            add_note(profile, g_ptr_array_index(notes, i));
        else
            g_free(g_ptr_array_index(notes, i));
    }
    g_ptr_array_unref(notes);
    return can;
}

const struct source_ops *engine_choose(const struct source_ops *const *sources,
                                       const struct source_options *asked, struct profile *profile,
                                       GError **error)
{
    GError *first = NULL;
    if (can_run(sources[0], asked, profile, &first))
        return sources[0];
    for (size_t i = 1; sources[i]; i++) {
        if (!can_run(sources[i], asked, profile, NULL))
            continue;
        add_note(profile, g_strdup_printf("engine %s was not available: %s", sources[0]->name,
                                          first->message));
        g_error_free(first);
        return sources[i];
    }
    g_propagate_error(error, first);
    return NULL;
}

const char *engine_note_command(const struct source_ops *engine, const char *reason,
                                struct profile *profile)
{
    if (!engine->needs_collector || !reason)
        return NULL;
    return add_note(profile,
                    g_strdup_printf(PROFILE_NOTE_UNSAMPLED ": the engine %s "
                                                           "needs the collector in it, and %s",
                                    engine->name, reason));
}

void engine_note_unsampled(const struct source_ops *engine, int64_t unsampled_ns, int64_t cpu_ns,
                           struct profile *profile)
{
    enum { WORTH_A_NOTE_PERCENT = 10, LEAST_CPU_NS = 100 * 1000 * 1000 };
    if (unsampled_ns * 100 < cpu_ns * WORTH_A_NOTE_PERCENT || cpu_ns < LEAST_CPU_NS)
        return;
    const char *why = engine->why_unsampled;
    if (profile->info.lost && !engine->needs_collector)
        why = "records were lost while proftop could not keep up, a lower rate (-F) loses fewer";
    add_note(profile, g_strdup_printf("%d %% of the CPU time has no samples: %s",
                                      (int)(100 * unsampled_ns / cpu_ns), why));
}
