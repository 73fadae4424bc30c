/*
 * The application's state: views, refreshing, and where keys and mouse go.
 */
#include "tui/views/app_state.h"

#include "tui/views/lens_heap.h"

#include <string.h>

#define MESSAGE_NS  INT64_C(6000000000)
#define INTERVAL_NS INT64_C(100000000)

enum { WHEEL_ROWS = 3 };

void app_lock(struct app *app)
{
    if (app->options->session)
        session_lock(app->options->session);
}

void app_unlock(struct app *app)
{
    if (app->options->session)
        session_unlock(app->options->session);
}

/* A file has no session to ask: its own notes say how it was measured. */
static void status_of_file(struct session_status *status, const struct profile_info *info)
{
    *status = (struct session_status){
        .state = SESSION_ENDED,
        .wait_status = info->wait_status,
        .elapsed_ns = info->duration_ns,
        .rate_asked_hz = info->rate_asked_hz,
        .rate_real_hz = info->rate_real_hz,
        .samples = info->samples,
        .lost = info->lost,
        .truncated = info->truncated,
        .broken = info->broken,
        .rss_bytes = -1,
        .heap_cost_percent = -1,
        .engine = info->engine,
    };
}

static void create_views(struct app *app)
{
    for (int i = 0; views[i]; i++) {
        if (views[i]->exists && !views[i]->exists(app->options))
            continue;
        app->ops[app->n_views] = views[i];
        app->data[app->n_views] = views[i]->create(app->options, &app->lens);
        app->n_views++;
    }
}

/* Behind what may be said already: that calls that were asked for are refused. */
static void say_start_note(struct app *app)
{
    const char *note = app->status.start_note;
    if (note)
        app_say(app, ROLE_WARNING,
                app->message ? g_strdup_printf("%s; %s", app->message, note) : g_strdup(note));
}

void app_init(struct app *app, const struct app_options *options)
{
    struct session *session = options->session;
    *app = (struct app){
        .options = options, .interval_ns = INTERVAL_NS, .now_ns = g_get_monotonic_time() * 1000};
    if (!session)
        status_of_file(&app->status, &options->profile->info);
    app_lock(app);
    lens_init(&app->lens, session ? session_profile(session) : options->profile, session != NULL);
    app->lens.ended = !session;
    app->lens.status = &app->status;
    create_views(app);
    app_unlock(app);
    app_refresh(app, app->now_ns);
    say_start_note(app);
}

void app_clear(struct app *app)
{
    for (int i = 0; i < app->n_views; i++)
        app->ops[i]->destroy(app->data[i]);
    prompt_clear(&app->prompt);
    g_clear_pointer(&app->regex_before, g_regex_unref);
    g_free(app->filter_before);
    g_free(app->message);
    app_lock(app);
    lens_clear(&app->lens);
    app_unlock(app);
}

void app_say(struct app *app, enum role role, char *text)
{
    g_free(app->message);
    app->message = text;
    app->message_role = role;
    app->message_until_ns = app->now_ns + MESSAGE_NS;
}

/* The target has ended just now: say how, and no longer ask what to do with it. */
static void note_end(struct app *app)
{
    char *how = app_describe_end(app->status.wait_status);
    app_say(app, ROLE_STRONG,
            g_strdup_printf("%s; q quits%s", how,
                            app->options->output_path ? ", 0 shows its output" : ""));
    g_free(how);
    if (app->mode == MODE_QUITTING || app->mode == MODE_TYPING)
        app->mode = MODE_NORMAL;
}

/* The meter goes on after the end, and would dilute what it said of the run. */
static void keep_meter(struct session_status *status, const struct session_status *before)
{
    status->rate_real_hz = before->rate_real_hz;
    status->cost_percent = before->cost_percent;
    status->n_history = before->n_history;
    status->heap_cost_percent = before->heap_cost_percent;
    status->n_heap_history = before->n_heap_history;
    memcpy(status->heap_history, before->heap_history, sizeof status->heap_history);
    if (before->memory.rss_bytes > 0)
        status->memory = before->memory;
    memcpy(status->cpu_history, before->cpu_history, sizeof status->cpu_history);
}

/* What was asked for cannot be: known only some time after the key. */
static void note_refusal(struct app *app, const struct session_status *before)
{
    if (app->status.calls_refused > before->calls_refused && app->status.calls_refusal)
        app_say(app, ROLE_WARNING,
                g_strdup_printf("calls are not counted: %s", app->status.calls_refusal));
}

static void refresh_status(struct app *app)
{
    struct session_status status_before = app->status;
    enum session_state before = status_before.state;
    session_get_status(app->options->session, &app->status);
    note_refusal(app, &status_before);
    app->lens.ended = app->status.state == SESSION_ENDED;
    if (before == SESSION_ENDED)
        keep_meter(&app->status, &status_before);
    else /* later, the elapsed time stands still while the clock goes on */
        app->lens.start_ns = app->now_ns - app->status.elapsed_ns;
    if (before == SESSION_RUNNING && app->status.state == SESSION_ENDED)
        note_end(app);
}

static void refresh_view(struct app *app)
{
    app->ops[app->current]->refresh(app->data[app->current]);
}

void app_refresh(struct app *app, int64_t now_ns)
{
    app->now_ns = now_ns;
    if (app->options->session)
        refresh_status(app);
    if (app->frozen)
        return;
    app_lock(app);
    lens_update(&app->lens, now_ns);
    refresh_view(app);
    app_unlock(app);
}

void app_switch(struct app *app, int view)
{
    app->current = (view + app->n_views) % app->n_views;
    app_lock(app);
    refresh_view(app);
    app_unlock(app);
}

static void switch_to(struct app *app, const struct view_ops *ops)
{
    for (int i = 0; i < app->n_views; i++)
        if (app->ops[i] == ops)
            app_switch(app, i);
}

static void open_filter(struct app *app)
{
    app->mode = MODE_FILTER;
    app->filter_before = g_strdup(app->lens.filter_text);
    app->regex_before = app->lens.filter ? g_regex_ref(app->lens.filter) : NULL;
    prompt_clear(&app->prompt);
    prompt_init(&app->prompt, "filter: ");
    app->prompt_remark = "regular expression; Enter keeps it";
}

/* What was attached to keeps its own terminal, and a snapshot has none. */
static void begin_typing(struct app *app)
{
    if (!app->options->type_to_target) {
        app_say(app, ROLE_WARNING,
                g_strdup(app->options->attached
                             ? "typing: the program was attached to and keeps its own terminal"
                             : "typing: there is no program to type to"));
        return;
    }
    app->mode = MODE_TYPING;
    app->escape_typed = false;
}

void app_react(struct app *app, enum view_reaction reaction)
{
    switch (reaction) {
    case VIEW_REBUILD:
        app_lock(app);
        lens_rebuild(&app->lens);
        refresh_view(app);
        app_unlock(app);
        return;
    case VIEW_REFRESH:
        app_switch(app, app->current);
        return;
    case VIEW_OPEN_FLAME:
        switch_to(app, &view_flame);
        return;
    case VIEW_NO_HEAP:
        app_lock(app);
        app_say(app, ROLE_WARNING, lens_no_heap(&app->lens));
        app_unlock(app);
        return;
    case VIEW_EXPORT:
        app_export(app);
        return;
    case VIEW_TYPE:
        begin_typing(app);
        return;
    case VIEW_PROMPT_FILTER:
        open_filter(app);
        return;
    case VIEW_PASS:
    case VIEW_HANDLED:
        return;
    }
}

static void normal_key(struct app *app, uint32_t key)
{
    const struct view_ops *ops = app->ops[app->current];
    enum request request = keys_lookup(ops->context, key);
    if (request == REQUEST_VIEW) {
        for (int i = 0; i < app->n_views; i++)
            if ((uint32_t)app->ops[i]->number == key - '0')
                app_switch(app, i);
        return;
    }
    if (request == REQUEST_NONE || app_request(app, request))
        return;
    app_lock(app);
    enum view_reaction reaction = ops->request(app->data[app->current], request);
    app_unlock(app);
    app_react(app, reaction);
}

static void help_key(struct app *app, uint32_t key)
{
    enum request request = keys_lookup(KEYS_ALL, key);
    if (request == REQUEST_HELP || request == REQUEST_QUIT || key == KEY_CODE_ESC)
        app->mode = MODE_NORMAL;
    else
        list_scroll_request(&app->help_list, request);
}

/* Esc goes to the target too: the second one in a row ends the typing. */
static void typing_key(struct app *app, uint32_t key)
{
    bool second_escape = key == KEY_CODE_ESC && app->escape_typed;
    app->escape_typed = key == KEY_CODE_ESC;
    if (second_escape || keys_lookup(KEYS_TYPING, key) == REQUEST_TYPE_END) {
        app->mode = MODE_NORMAL;
        return;
    }
    char bytes[8];
    size_t n = key_code_bytes(key, bytes);
    if (n > 0)
        app->options->type_to_target(app->options->arg, bytes, n);
}

static void quitting_key(struct app *app, uint32_t key)
{
    switch (keys_lookup(KEYS_QUIT, key)) {
    case REQUEST_QUIT_LEAVE:
        app->end = APP_QUIT_LEAVE;
        app->done = true;
        return;
    case REQUEST_QUIT_STOP:
        app->end = APP_QUIT_STOP;
        app->done = true;
        return;
    case REQUEST_QUIT_CANCEL:
        app->mode = MODE_NORMAL;
        return;
    default:
        return;
    }
}

/* --- patterns --- */

static void set_filter(struct app *app, GRegex *regex, const char *text)
{
    g_clear_pointer(&app->lens.filter, g_regex_unref);
    app->lens.filter = regex;
    g_free(app->lens.filter_text);
    app->lens.filter_text = g_strdup(text);
    app_react(app, VIEW_REFRESH);
}

static void set_search(struct app *app, GRegex *regex)
{
    g_clear_pointer(&app->lens.search, g_regex_unref);
    app->lens.search = regex;
    if (!regex)
        return;
    app_lock(app);
    bool found = app->ops[app->current]->search(app->data[app->current], VIEW_SEARCH_HERE);
    app_unlock(app);
    app->prompt_remark = found ? NULL : "(no match here)";
}

static void pattern_changed(struct app *app)
{
    GError *error = NULL;
    GRegex *regex = prompt_regex(app->prompt.text->str, &error);
    app->prompt_remark = NULL;
    if (error) {
        app->prompt_remark = "(not a complete pattern yet)";
        g_error_free(error);
        return;
    }
    if (app->mode == MODE_FILTER)
        set_filter(app, regex, app->prompt.text->str);
    else
        set_search(app, regex);
}

static void pattern_cancelled(struct app *app)
{
    GRegex *before = g_steal_pointer(&app->regex_before);
    if (app->mode == MODE_FILTER) {
        set_filter(app, before, app->filter_before);
        return;
    }
    g_clear_pointer(&app->lens.search, g_regex_unref);
    app->lens.search = before;
}

static void prompt_mode_key(struct app *app, uint32_t key)
{
    enum prompt_reaction reaction = prompt_key(&app->prompt, key);
    if (reaction == PROMPT_CHANGED)
        pattern_changed(app);
    if (reaction == PROMPT_CANCELLED)
        pattern_cancelled(app);
    if (reaction == PROMPT_ACCEPTED && app->prompt.text->len == 0)
        pattern_changed(app); /* an empty pattern clears the one before */
    if (reaction != PROMPT_ACCEPTED && reaction != PROMPT_CANCELLED)
        return;
    app->mode = MODE_NORMAL;
    g_clear_pointer(&app->regex_before, g_regex_unref);
    g_clear_pointer(&app->filter_before, g_free);
}

void app_key(struct app *app, uint32_t key)
{
    switch (app->mode) {
    case MODE_NORMAL:
        normal_key(app, key);
        return;
    case MODE_HELP:
        help_key(app, key);
        return;
    case MODE_SEARCH:
    case MODE_FILTER:
        prompt_mode_key(app, key);
        return;
    case MODE_TYPING:
        typing_key(app, key);
        return;
    case MODE_QUITTING:
        quitting_key(app, key);
        return;
    }
}

static void wheel(struct app *app, int rows)
{
    if (app->mode == MODE_HELP) {
        list_scroll(&app->help_list, rows);
        return;
    }
    app_lock(app);
    app->ops[app->current]->wheel(app->data[app->current], rows);
    app_unlock(app);
}

static void click(struct app *app, const struct screen_event *event)
{
    int header = app_header_rows(app->rows);
    if (event->y == header) {
        int tab = app_tab_at(app, app->cols, event->x);
        if (tab >= 0)
            app_switch(app, tab);
        return;
    }
    app_lock(app);
    enum view_reaction reaction = app->ops[app->current]->click(
        app->data[app->current], event->y, event->x, event->kind == SCREEN_DOUBLE_CLICK);
    app_unlock(app);
    app_react(app, reaction);
}

void app_mouse(struct app *app, const struct screen_event *event)
{
    if (event->kind == SCREEN_WHEEL_UP || event->kind == SCREEN_WHEEL_DOWN)
        wheel(app, event->kind == SCREEN_WHEEL_UP ? -WHEEL_ROWS : WHEEL_ROWS);
    else if (app->mode == MODE_NORMAL)
        click(app, event);
}
