/*
 * What the keys of all views do: a table of requests and their functions.
 */
#include "tui/views/app_state.h"

#include "tui/views/lens_calls.h"
#include "tui/views/lens_heap.h"

#define MILLISECOND_NS INT64_C(1000000)

static const uint32_t rates_hz[] = {49, 99, 199, 499, 999, 1999, 3999};
static const int intervals_ms[] = {50, 100, 200, 500, 1000, 2000};

/* Says so when there is no session; true when there is one. */
static bool needs_session(struct app *app, const char *what)
{
    if (app->options->session)
        return true;
    app_say(app, ROLE_WARNING, g_strdup_printf("%s: not in a snapshot", what));
    return false;
}

/* Like needs_session, for what needs a target that runs. */
static bool needs_target(struct app *app, const char *what)
{
    if (!needs_session(app, what))
        return false;
    if (app->status.state == SESSION_RUNNING)
        return true;
    app_say(app, ROLE_WARNING, g_strdup_printf("%s: the target has ended", what));
    return false;
}

static void show_help(struct app *app)
{
    app->mode = MODE_HELP;
    app->help_list = (struct list){0};
}

static void quit(struct app *app)
{
    if (app->options->session && app->status.state == SESSION_RUNNING) {
        app->mode = MODE_QUITTING;
        return;
    }
    app->end = APP_QUIT_ENDED;
    app->done = true;
}

static void next_view(struct app *app)
{
    app_switch(app, app->current + 1);
}

static void previous_view(struct app *app)
{
    app_switch(app, app->current - 1);
}

static void open_search(struct app *app)
{
    app->mode = MODE_SEARCH;
    app->regex_before = app->lens.search ? g_regex_ref(app->lens.search) : NULL;
    prompt_clear(&app->prompt);
    prompt_init(&app->prompt, "/");
    app->prompt_remark = NULL;
}

static void search_step(struct app *app, int direction)
{
    if (!app->lens.search) {
        app_say(app, ROLE_NORMAL, g_strdup("nothing to search for yet: / begins a search"));
        return;
    }
    app_lock(app);
    bool found = app->ops[app->current]->search(app->data[app->current], direction);
    app_unlock(app);
    if (!found)
        app_say(app, ROLE_WARNING,
                g_strdup_printf("no match here for %s", g_regex_get_pattern(app->lens.search)));
}

static void search_next(struct app *app)
{
    search_step(app, VIEW_SEARCH_NEXT);
}

static void search_back(struct app *app)
{
    search_step(app, VIEW_SEARCH_BACK);
}

static void pause_display(struct app *app)
{
    if (!needs_session(app, "pause"))
        return;
    app->frozen = !app->frozen;
    app->frozen_ns = app->now_ns;
}

static void toggle_sampling(struct app *app)
{
    if (!needs_target(app, "sampling on/off"))
        return;
    bool on = !app->status.sampling;
    session_set_sampling(app->options->session, on);
    app->status.sampling = on;
    app_say(app, ROLE_NORMAL,
            g_strdup(on ? "sampling is on"
                        : "CPU sampling is off; M chooses how the heap is measured"));
}

static uint32_t neighbour_rate(uint32_t rate_hz, bool up)
{
    uint32_t found = rate_hz;
    for (size_t i = 0; i < G_N_ELEMENTS(rates_hz); i++) {
        if (up && rates_hz[i] > rate_hz)
            return rates_hz[i];
        if (!up && rates_hz[i] < rate_hz)
            found = rates_hz[i];
    }
    return found;
}

static void change_rate(struct app *app, bool up)
{
    if (!needs_target(app, "sampling rate"))
        return;
    uint32_t rate_hz = neighbour_rate(app->status.rate_asked_hz, up);
    GError *error = NULL;
    if (!session_set_rate(app->options->session, rate_hz, &error)) {
        app_say(app, ROLE_WARNING, g_strdup(error->message));
        g_error_free(error);
        return;
    }
    app->status.rate_asked_hz = rate_hz;
    app_say(app, ROLE_NORMAL, g_strdup_printf("sampling at %u Hz", rate_hz));
}

static void rate_down(struct app *app)
{
    change_rate(app, false);
}

static void rate_up(struct app *app)
{
    change_rate(app, true);
}

static void say_window(struct app *app)
{
    GString *text = g_string_new("showing ");
    app_lock(app);
    lens_append_window(&app->lens, text);
    app_unlock(app);
    app_say(app, ROLE_NORMAL, g_string_free(text, FALSE));
}

static void next_window(struct app *app)
{
    if (!needs_session(app, "window of time"))
        return;
    app->lens.window = (app->lens.window + 1) % LENS_WINDOWS;
    if (app->lens.window == LENS_SINCE_MARK && app->lens.mark_ns == 0)
        app->lens.window = LENS_WHOLE;
    app_react(app, VIEW_REBUILD);
    say_window(app);
}

static void reset_window(struct app *app)
{
    if (!needs_session(app, "reset"))
        return;
    app->lens.window = LENS_SINCE_MARK;
    app->lens.mark_ns = app->now_ns;
    app_react(app, VIEW_REBUILD);
    app_say(app, ROLE_NORMAL, g_strdup("showing what comes from now on; m goes back"));
}

/* What a policy means, for whoever has just chosen it. */
static const char *const policy_texts[] = {
    [HEAP_POLICY_AUTO] = "every block, and samples when that costs too much",
    [HEAP_POLICY_EXACT] = "every block, whatever it costs",
    [HEAP_POLICY_SAMPLED] = "samples; figures become estimates",
    [HEAP_POLICY_OFF] = "nothing from now on",
};

static void next_heap_policy(struct app *app)
{
    if (!needs_target(app, "measuring the heap"))
        return;
    app_lock(app);
    const struct heap *heap = app->lens.profile->heap;
    bool is_off = app->status.heap_policy == HEAP_POLICY_OFF; /* that can be mended */
    char *why_not = *heap->why_not && !is_off ? lens_no_heap(&app->lens) : NULL;
    app_unlock(app);
    if (why_not) {
        app_say(app, ROLE_WARNING, why_not);
        return;
    }
    enum heap_policy policy =
        (enum heap_policy)((app->status.heap_policy + 1) % G_N_ELEMENTS(policy_texts));
    session_set_heap_policy(app->options->session, policy);
    app->status.heap_policy = policy;
    app_say(app, ROLE_NORMAL,
            g_strdup_printf("heap: %s: %s", heap_policy_name(policy), policy_texts[policy]));
}

/* Says why there are none in this session; true when calls can be counted. */
static bool can_count_calls(struct app *app)
{
    if (!needs_target(app, "counting calls"))
        return false;
    if (app->status.has_calls_source)
        return true;
    app_lock(app);
    const char *why = app->lens.profile->calls->why_not;
    app_say(app, ROLE_WARNING,
            g_strdup_printf("calls are not counted: %s",
                            *why ? why : "nothing in this session can count them"));
    app_unlock(app);
    return false;
}

/* Why functions of such modules cannot be counted; NULL: perhaps they can. */
static const char *const uncountable[] = {
    [MODULE_FILE] = NULL,
    [MODULE_KERNEL] = "it is the kernel's",
    [MODULE_VDSO] = "it is the kernel's",
    [MODULE_JIT] = "its code was made at run time",
    [MODULE_SPECIAL] = "it is no function",
};

/* The function under the cursor. */
struct selected {
    uint32_t function; /* PROFILE_NONE: there is none, and nothing below */
    char *name;        /* as it is shown (g_free) */
    bool counted;
    const char *why_not; /* it cannot be; NULL: perhaps it can */
};

static struct selected selected_function(struct app *app)
{
    const struct view_ops *ops = app->ops[app->current];
    const struct profile *p = app->lens.profile;
    struct selected selected = {.function = PROFILE_NONE};
    app_lock(app);
    if (ops->selected)
        selected.function = ops->selected(app->data[app->current]);
    if (selected.function != PROFILE_NONE) {
        uint32_t module = profile_get_function(p, selected.function)->module;
        selected.name = g_strdup(lens_function_name(&app->lens, selected.function));
        selected.counted = lens_counts_function(&app->lens, selected.function);
        selected.why_not = uncountable[profile_get_module(p, module)->kind];
    }
    app_unlock(app);
    return selected;
}

static void count_calls(struct app *app)
{
    if (!can_count_calls(app))
        return;
    struct selected selected = selected_function(app);
    if (selected.function == PROFILE_NONE) {
        app_say(app, ROLE_NORMAL, g_strdup("no function is selected here: 1 shows them all"));
        return;
    }
    if (selected.why_not) {
        app_say(app, ROLE_WARNING,
                g_strdup_printf("calls are not counted: %s: %s", selected.name, selected.why_not));
    } else {
        session_set_function_calls(app->options->session, selected.function, !selected.counted);
        const char *from_when = app->status.calls_policy == CALLS_POLICY_OFF
                                    ? "counted as soon as X switches counting on"
                                    : "counted from now on";
        app_say(app, ROLE_NORMAL,
                g_strdup_printf("the calls of %s are %s", selected.name,
                                selected.counted ? "no longer counted" : from_when));
    }
    g_free(selected.name);
}

/* What a policy means, for whoever has just chosen it. */
static const struct {
    enum calls_policy next;
    const char *text;
} calls_policies[] = {
    [CALLS_POLICY_OFF] = {CALLS_POLICY_AUTO, "off: none"},
    [CALLS_POLICY_AUTO] = {CALLS_POLICY_ALL,
                           "auto: of what calls proftop by itself, and of what x has chosen"},
    [CALLS_POLICY_ALL] = {CALLS_POLICY_OFF, "all: of all functions that are compiled for it"},
};

static void next_calls_policy(struct app *app)
{
    if (!can_count_calls(app))
        return;
    enum calls_policy policy = calls_policies[app->status.calls_policy].next;
    session_set_calls_policy(app->options->session, policy);
    app->status.calls_policy = policy;
    app_say(app, ROLE_NORMAL, g_strdup_printf("calls: %s", calls_policies[policy].text));
}

static void next_unit(struct app *app)
{
    static const char *const names[LENS_UNITS] = {"time", "samples", "shares only"};
    app->lens.unit = (app->lens.unit + 1) % LENS_UNITS;
    if (app->lens.unit == LENS_SAMPLES && app->lens.profile->count_metric == PROFILE_NONE)
        app->lens.unit = LENS_SHARE; /* it does not count samples */
    app_say(app, ROLE_NORMAL, g_strdup_printf("unit: %s", names[app->lens.unit]));
}

static void toggle_names(struct app *app)
{
    app->lens.full_names = !app->lens.full_names;
    app_say(app, ROLE_NORMAL, g_strdup(app->lens.full_names ? "full names" : "short names"));
}

static void save(struct app *app)
{
    if (!app->options->save) {
        app_say(app, ROLE_WARNING, g_strdup("this cannot be saved from here"));
        return;
    }
    GError *error = NULL;
    char *name = app->options->save(app->options->arg, &error);
    if (name)
        app_say(app, ROLE_STRONG, g_strdup_printf("saved %s", name));
    else
        app_say(app, ROLE_WARNING, g_strdup(error ? error->message : "not saved"));
    g_clear_error(&error);
    g_free(name);
}

static void change_interval(struct app *app, int step)
{
    int at = 0;
    while (at + 1 < (int)G_N_ELEMENTS(intervals_ms) &&
           intervals_ms[at] * MILLISECOND_NS < app->interval_ns)
        at++;
    at = CLAMP(at + step, 0, (int)G_N_ELEMENTS(intervals_ms) - 1);
    app->interval_ns = intervals_ms[at] * MILLISECOND_NS;
    app_say(app, ROLE_NORMAL, g_strdup_printf("refresh every %d ms", intervals_ms[at]));
}

static void faster(struct app *app)
{
    change_interval(app, -1);
}

static void slower(struct app *app)
{
    change_interval(app, 1);
}

static void redraw(struct app *app)
{
    app->wants_redraw = true;
}

static void suspend(struct app *app)
{
    app->wants_suspend = true;
}

static void (*const actions[REQUESTS])(struct app *) = {
    [REQUEST_HELP] = show_help,
    [REQUEST_QUIT] = quit,
    [REQUEST_NEXT_VIEW] = next_view,
    [REQUEST_PREVIOUS_VIEW] = previous_view,
    [REQUEST_SEARCH] = open_search,
    [REQUEST_SEARCH_NEXT] = search_next,
    [REQUEST_SEARCH_BACK] = search_back,
    [REQUEST_PAUSE] = pause_display,
    [REQUEST_SAMPLING] = toggle_sampling,
    [REQUEST_RATE_DOWN] = rate_down,
    [REQUEST_RATE_UP] = rate_up,
    [REQUEST_WINDOW] = next_window,
    [REQUEST_RESET] = reset_window,
    [REQUEST_HEAP_POLICY] = next_heap_policy,
    [REQUEST_COUNT_CALLS] = count_calls,
    [REQUEST_CALLS_POLICY] = next_calls_policy,
    [REQUEST_UNIT] = next_unit,
    [REQUEST_NAMES] = toggle_names,
    [REQUEST_SAVE] = save,
    [REQUEST_FASTER] = faster,
    [REQUEST_SLOWER] = slower,
    [REQUEST_REDRAW] = redraw,
    [REQUEST_SUSPEND] = suspend,
};

bool app_request(struct app *app, enum request request)
{
    if (!actions[request])
        return false;
    actions[request](app);
    return true;
}
