/*
 * The front end under load: 100,000 distinct stacks, 16 busy threads at 1 kHz, 10 pictures a
 * second; then also the calls of 100,000 paths. Prints for each view what a picture costs, as a
 * share of one core, the slowest answer to a key, and the memory used.
 *
 * Everything up to the cells of the screen is real; only the session is played (its functions
 * below) and no terminal is written to.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "core/model/profile.h"
#include "tui/views/app_state.h"

enum {
    STACKS = 100000,
    THREADS = 16,
    FUNCTIONS = 8000,
    DEPTH = 30,
    PICTURES = 100,
    PICTURE_NS = 100 * 1000 * 1000,
    SAMPLES_A_PICTURE = THREADS * 100,
    ROWS = 50,
    COLUMNS = 200,
};

struct session {
    struct profile *profile;
    struct session_status status;
    uint32_t stacks[STACKS], threads[THREADS];
    int64_t now_ns;
    uint64_t random;
};

void session_lock(struct session *session)
{
    (void)session;
}

void session_unlock(struct session *session)
{
    (void)session;
}

struct profile *session_profile(struct session *session)
{
    return session->profile;
}

void session_get_status(struct session *session, struct session_status *ret_status)
{
    *ret_status = session->status;
}

void session_set_sampling(struct session *session, bool on)
{
    session->status.sampling = on;
}

bool session_set_rate(struct session *session, uint32_t rate_hz, GError **error)
{
    (void)error;
    session->status.rate_asked_hz = rate_hz;
    return true;
}

void session_set_heap_policy(struct session *session, enum heap_policy policy)
{
    session->status.heap_policy = policy;
}

void session_set_calls_policy(struct session *session, enum calls_policy policy)
{
    session->status.calls_policy = policy;
}

void session_set_function_calls(struct session *session, uint32_t function, bool on)
{
    (void)session;
    (void)function;
    (void)on;
}

/* SplitMix64: the same load in every run. */
static uint64_t next_random(struct session *s)
{
    uint64_t z = s->random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static void make_frames(struct session *s, uint32_t *frames)
{
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        char path[32], name[48];
        snprintf(path, sizeof path, "/usr/lib/libmodule%u.so", i % 20);
        snprintf(name, sizeof name, "subsystem_%u_function_%u", i % 50, i);
        uint32_t module = profile_module(s->profile, path, NULL, MODULE_FILE);
        struct line line = {
            .function = profile_function(s->profile, &(struct function_spec){.module = module,
                                                                             .name = name,
                                                                             .file = "source.c",
                                                                             .decl_line = i})};
        frames[i] = profile_frame(s->profile, module, 0x1000 + i * 64);
        profile_resolve(s->profile, frames[i], &line, 1, 0);
    }
}

/* Which of its callees a function calls: half of the time the first, a quarter the second, ... */
static uint32_t callee(struct session *s, uint32_t function)
{
    uint32_t choice = (uint32_t)__builtin_ctzll(next_random(s) | 1u << 8);
    return (function * 9 + 1 + choice) % FUNCTIONS;
}

/* Walks through a fixed call graph, until there are as many distinct stacks as wanted. */
static void make_stacks(struct session *s, const uint32_t *frames)
{
    for (int i = 0; i < STACKS;) {
        uint32_t stack[DEPTH], function = 0;
        for (uint32_t d = 0; d < DEPTH; d++, function = callee(s, function))
            stack[DEPTH - 1 - d] = frames[function];
        s->stacks[i] = profile_stack(s->profile, stack, DEPTH);
        i += s->profile->stacks->len > (guint)i;
    }
}

static void make_profile(struct session *s)
{
    uint32_t *frames = g_new(uint32_t, FUNCTIONS);
    s->profile = profile_new();
    s->profile->count_metric = profile_add_metric(s->profile, "samples", "count");
    s->profile->main_metric = profile_add_metric(s->profile, "cpu", "nanoseconds");
    make_frames(s, frames);
    make_stacks(s, frames);
    for (int i = 0; i < THREADS; i++)
        s->threads[i] = profile_thread(s->profile, profile_process(s->profile, 100), 100 + i);
    s->status = (struct session_status){.wait_status = -1,
                                        .sampling = true,
                                        .pid = 100,
                                        .n_threads = THREADS,
                                        .rate_asked_hz = 999,
                                        .engine = "perf"};
    g_free(frames);
}

static void add_samples(struct session *s, int n)
{
    for (int i = 0; i < n; i++)
        profile_add(s->profile, s->stacks[next_random(s) % STACKS], s->threads[i % THREADS],
                    s->now_ns += PICTURE_NS / n, (int64_t[]){1, 1001001});
    s->status.samples += n;
}

/* Some more calls of every path: all of them are counted anew. */
static void add_calls(struct session *s)
{
    struct calls *calls = s->profile->calls;
    for (int i = 0; i < STACKS; i++) {
        struct call_record *record =
            calls_record_get(calls, s->stacks[i], s->threads[i % THREADS], false);
        int64_t ns = (int64_t)(next_random(s) % 100000 + 1);
        struct call_stats more = {.calls = 1,
                                  .total_ns = ns,
                                  .self_ns = ns / DEPTH,
                                  .sum_ns = ns,
                                  .min_ns = ns,
                                  .max_ns = ns};
        more.buckets[calls_bucket(ns)] = 1;
        call_stats_add(&record->stats, &more);
    }
    calls_touch(calls);
}

static int64_t cpu_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* CPU time of one picture: what is new is taken in, and all is drawn. */
static int64_t picture(struct app *app, struct surface *surface, const struct theme *theme)
{
    int64_t begin = cpu_ns();
    app_refresh(app, app->options->session->now_ns);
    app_draw(app, surface, theme);
    return cpu_ns() - begin;
}

static int64_t slowest_key(struct app *app, struct surface *surface, const struct theme *theme)
{
    static const char keys[] = "jjjkGgsIsu";
    int64_t slowest = 0;
    for (const char *key = keys; *key; key++) {
        int64_t begin = cpu_ns();
        app_key(app, (uint32_t)*key);
        app_draw(app, surface, theme);
        slowest = MAX(slowest, cpu_ns() - begin);
    }
    return slowest;
}

static void measure_view(struct app *app, int view, struct surface *surface,
                         const struct theme *theme)
{
    struct session *s = app->options->session;
    bool with_calls = calls_are_measured(s->profile->calls);
    int64_t sum = 0;
    app_switch(app, view);
    picture(app, surface, theme); /* the first one builds what the view needs */
    for (int i = 0; i < PICTURES; i++) {
        add_samples(s, SAMPLES_A_PICTURE);
        if (with_calls)
            add_calls(s);
        sum += picture(app, surface, theme);
    }
    printf("%-10s %5.2f %% of a core at 10 Hz, slowest key %5.2f ms\n", app->ops[view]->name,
           100.0 * (double)sum / PICTURES / PICTURE_NS,
           (double)slowest_key(app, surface, theme) / 1e6);
}

static void measure_views(struct app *app, struct surface *surface, const struct theme *theme)
{
    for (int view = 0; view < app->n_views; view++)
        if (app->ops[view]->number != 0) /* the target's output has nothing to do with the load */
            measure_view(app, view, surface, theme);
}

int main(void)
{
    static struct session session = {.random = 1};
    struct app_options options = {.session = &session, .title = "./load", .color = true};
    const struct theme theme = {.colors = 256};
    struct app app;
    struct rusage usage;
    make_profile(&session);
    add_samples(&session, 2 * STACKS);
    app_init(&app, &options);
    struct surface *surface = surface_new(ROWS, COLUMNS, false);
    printf("front end: %u distinct stacks of %d frames, %d threads at 1 kHz, %dx%d\n",
           session.profile->stacks->len, DEPTH, THREADS, COLUMNS, ROWS);
    measure_views(&app, surface, &theme);
    add_calls(&session);
    printf("the same with calls of %u paths\n", session.profile->calls->records->len);
    measure_views(&app, surface, &theme);
    getrusage(RUSAGE_SELF, &usage);
    printf("memory     %ld MB\n", usage.ru_maxrss / 1024);
    surface_free(surface);
    app_clear(&app);
    profile_free(session.profile);
    return 0;
}
