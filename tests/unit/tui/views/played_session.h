/*
 * The application without a terminal, on a file or on a session that the test plays itself: the
 * functions below replace the real ones. For one test program each.
 */
#ifndef PROFTOP_TESTS_UNIT_TUI_VIEWS_PLAYED_SESSION_H
#define PROFTOP_TESTS_UNIT_TUI_VIEWS_PLAYED_SESSION_H

#include "tests/unit/tui/views/small_profile.h"
#include "tui/views/app_state.h"

#include <string.h>

/* --- a session of the test's own --- */

struct session {
    struct small_profile small;
    struct session_status status;
    int locks;
    char typed[32];
};

void session_lock(struct session *session)
{
    assert_int_equal(session->locks++, 0);
}

void session_unlock(struct session *session)
{
    assert_int_equal(session->locks--, 1);
}

struct profile *session_profile(struct session *session)
{
    return session->small.profile;
}

void session_get_status(struct session *session, struct session_status *ret_status)
{
    assert_int_equal(session->locks, 0);
    *ret_status = session->status;
}

void session_set_sampling(struct session *session, bool on)
{
    assert_int_equal(session->locks, 0);
    session->status.sampling = on;
}

bool session_set_rate(struct session *session, uint32_t rate_hz, GError **error)
{
    (void)error;
    assert_int_equal(session->locks, 0);
    session->status.rate_asked_hz = rate_hz;
    return true;
}

void session_set_heap_policy(struct session *session, enum heap_policy policy)
{
    assert_int_equal(session->locks, 0);
    session->status.heap_policy = policy;
}

void session_set_calls_policy(struct session *session, enum calls_policy policy)
{
    assert_int_equal(session->locks, 0);
    session->status.calls_policy = policy;
}

/* As soon as it is asked for. */
void session_set_function_calls(struct session *session, uint32_t function, bool on)
{
    GHashTable *counted = session->small.profile->calls->counted;
    assert_int_equal(session->locks, 0);
    if (on)
        g_hash_table_add(counted, GUINT_TO_POINTER(function));
    else
        g_hash_table_remove(counted, GUINT_TO_POINTER(function));
}

/* --- fixture --- */

struct fixture {
    struct session session;
    struct app_options options;
    struct app app;
    struct theme theme;
};

static inline void type_to_target(void *arg, const char *bytes, size_t n)
{
    struct session *session = arg;
    strncat(session->typed, bytes, n);
}

static inline struct fixture *new_fixture(bool live, bool attached)
{
    struct fixture *f = g_new0(struct fixture, 1);
    small_init(&f->session.small);
    f->session.status = (struct session_status){.state = SESSION_RUNNING,
                                                .pid = 100,
                                                .wait_status = -1,
                                                .sampling = true,
                                                .elapsed_ns = INT64_C(12400000000),
                                                .n_threads = 2,
                                                .n_processes = 1,
                                                .rate_asked_hz = 999,
                                                .rate_real_hz = 997.2,
                                                .samples = 100,
                                                .cpu_percent = 187,
                                                .rss_bytes = -1,
                                                .engine = "perf"};
    f->options = (struct app_options){.title = "./small", .arg = &f->session};
    if (attached) {
        f->options.session = &f->session;
        f->options.attached = true;
    } else if (live) {
        f->options.session = &f->session;
        f->options.output_path = "/dev/null";
        f->options.type_to_target = type_to_target;
    } else {
        f->options.profile = f->session.small.profile;
    }
    app_init(&f->app, &f->options);
    return f;
}

static inline int set_up_live(void **state)
{
    *state = new_fixture(true, false);
    return 0;
}

static inline int set_up_attached(void **state)
{
    *state = new_fixture(true, true);
    return 0;
}

static inline int set_up_file(void **state)
{
    *state = new_fixture(false, false);
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    app_clear(&f->app);
    small_clear(&f->session.small);
    g_free(f);
    return 0;
}

static inline char *picture(struct fixture *f, int rows, int cols, bool ascii)
{
    struct surface *surface = surface_new(rows, cols, ascii);
    struct theme theme = {.colors = 0, .ascii = ascii};
    app_draw(&f->app, surface, &theme);
    char *dump = surface_dump(surface);
    surface_free(surface);
    return dump;
}

static inline void assert_picture(struct fixture *f, const char *expected)
{
    char *dump = picture(f, 10, 40, true);
    assert_string_equal(dump, expected);
    g_free(dump);
}

static inline void assert_shows(struct fixture *f, const char *text)
{
    char *dump = picture(f, 24, 80, false);
    if (!strstr(dump, text))
        fail_msg("no '%s' in:\n%s", text, dump);
    g_free(dump);
}

static inline void assert_hides(struct fixture *f, const char *text)
{
    char *dump = picture(f, 24, 80, false);
    if (strstr(dump, text))
        fail_msg("'%s' in:\n%s", text, dump);
    g_free(dump);
}

static inline void keys(struct fixture *f, const char *text)
{
    for (; *text; text++)
        app_key(&f->app, (uint8_t)*text);
}

static inline void refresh(struct fixture *f)
{
    app_refresh(&f->app, f->app.now_ns + 100000000);
}

#endif
