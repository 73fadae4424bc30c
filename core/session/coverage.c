/*
 * Hellos come in on the listener's thread; the table between it and the sampling thread has its own
 * lock. exec takes the collector away and keeps the process, so with each hello goes the program
 * that said it: the name of /proc/PID/exe, which touches no other file system.
 */
#include "core/session/coverage.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "core/wire/program.h"

/* A hello, and who said it. */
struct covered {
    struct listener_process *process; /* the listener's reference until released */
    char *program;                    /* "": cannot be told */
};

struct coverage {
    struct listener *listener;
    pthread_mutex_t lock;
    GPtrArray *covered;  /* struct covered, in order of their hellos */
    GHashTable *seen;    /* process ids (of the profile) that the last round found without hello */
    GHashTable *checked; /* process ids that were looked at when they had ended */
};

static void covered_free(gpointer data)
{
    struct covered *covered = data;
    g_free(covered->program);
    g_free(covered);
}

/* "" when the process is gone or another user's. */
static char *program_of(int pid)
{
    char link[32], program[PATH_MAX];
    g_snprintf(link, sizeof link, "/proc/%d/exe", pid);
    ssize_t n = readlink(link, program, sizeof program);
    return g_strndup(program, n > 0 ? (gsize)n : 0);
}

/* Why a process that runs has said no hello, as the end of a sentence. */
static const char *reason_of(int pid)
{
    char link[32];
    struct program program;
    g_snprintf(link, sizeof link, "/proc/%d/exe", pid);
    program_inspect(AT_FDCWD, link, &program);
    const char *verdict = program_verdict_text(program.verdict);
    return verdict ? verdict
                   : "it was started without the environment that loads the collector, as by "
                     "system(), popen() or a cleared one";
}

/* The caller waits for its welcome, so the program is the one that said hello. */
static void on_process(struct listener_process *process, void *data)
{
    struct coverage *coverage = data;
    struct covered *covered = g_new(struct covered, 1);
    *covered = (struct covered){.process = process, .program = program_of(process->pid)};
    pthread_mutex_lock(&coverage->lock);
    g_ptr_array_add(coverage->covered, covered);
    pthread_mutex_unlock(&coverage->lock);
}

struct coverage *coverage_new(GError **error)
{
    struct coverage *coverage = g_new0(struct coverage, 1);
    pthread_mutex_init(&coverage->lock, NULL);
    coverage->covered = g_ptr_array_new_with_free_func(covered_free);
    coverage->seen = g_hash_table_new(NULL, NULL);
    coverage->checked = g_hash_table_new(NULL, NULL);
    coverage->listener =
        listener_new(&(struct listener_options){.on_process = on_process, .data = coverage}, error);
    if (coverage->listener)
        return coverage;
    coverage_free(coverage);
    return NULL;
}

void coverage_free(struct coverage *coverage)
{
    if (!coverage)
        return;
    listener_free(coverage->listener);
    g_ptr_array_unref(coverage->covered);
    g_hash_table_unref(coverage->seen);
    g_hash_table_unref(coverage->checked);
    pthread_mutex_destroy(&coverage->lock);
    g_free(coverage);
}

struct listener *coverage_listener(const struct coverage *coverage)
{
    return coverage->listener;
}

/* The last hello of a process counts, as long as it runs the program that said it. */
static bool is_covered(const struct coverage *coverage, int pid)
{
    for (guint i = coverage->covered->len; i-- > 0;) {
        const struct covered *covered = g_ptr_array_index(coverage->covered, i);
        if (covered->process->pid != pid)
            continue;
        char *program = program_of(pid);
        bool same = !*program || !*covered->program || strcmp(program, covered->program) == 0;
        g_free(program);
        return same;
    }
    return false;
}

/*
 * The kernel ends the measurement of a process whose privileges grow, and says no more than that it
 * ended; but it runs on. (One that waits to be reaped has no program any more.)
 */
static void check_ended(struct coverage *coverage, struct profile *profile, uint32_t id)
{
    struct process *process = profile_get_process(profile, id);
    if (process->pid <= 0 || !g_hash_table_add(coverage->checked, GUINT_TO_POINTER(id)))
        return;
    char *program = program_of(process->pid);
    if (*program)
        process->coverage =
            profile_text(profile, "it runs on with other privileges (set-user-ID, set-group-ID or "
                                  "capabilities), and the kernel ended its measurement");
    g_free(program);
}

static void update_process(struct coverage *coverage, struct profile *profile, uint32_t id)
{
    struct process *process = profile_get_process(profile, id);
    if (*process->coverage)
        return;
    if (process->ended)
        check_ended(coverage, profile, id);
    else if (is_covered(coverage, process->pid))
        g_hash_table_remove(coverage->seen, GUINT_TO_POINTER(id));
    else if (!g_hash_table_add(coverage->seen, GUINT_TO_POINTER(id)))
        process->coverage = profile_text(profile, reason_of(process->pid));
}

static void release_ended(struct coverage *coverage, const struct profile *profile)
{
    GHashTable *alive = g_hash_table_new(NULL, NULL);
    for (uint32_t i = 0; i < profile->processes->len; i++)
        if (!profile_get_process(profile, i)->ended)
            g_hash_table_add(alive, GINT_TO_POINTER(profile_get_process(profile, i)->pid));
    guint kept = 0;
    for (guint i = 0; i < coverage->covered->len; i++) {
        struct covered *covered = g_ptr_array_index(coverage->covered, i);
        if (g_hash_table_contains(alive, GINT_TO_POINTER(covered->process->pid))) {
            coverage->covered->pdata[i] = coverage->covered->pdata[kept];
            coverage->covered->pdata[kept++] = covered;
        } else {
            listener_release(coverage->listener, covered->process);
        }
    }
    g_ptr_array_set_size(coverage->covered, (gint)kept); /* frees the others */
    g_hash_table_unref(alive);
}

void coverage_update(struct coverage *coverage, struct profile *profile)
{
    pthread_mutex_lock(&coverage->lock);
    for (uint32_t i = 0; i < profile->processes->len; i++)
        update_process(coverage, profile, i);
    release_ended(coverage, profile);
    pthread_mutex_unlock(&coverage->lock);
}
