/*
 * The main loop: one screen, one application, a picture after every event that changed something.
 *
 * It waits for keys, signals and the next refresh, whichever comes first. A key is drawn at once
 * from the data at hand. When a refresh turns out expensive the next ones come later, so that the
 * screen never takes more than a few per cent of a core.
 */
#include "tui/views/app_state.h"

/* A refresh that took t is followed by at least this many t of rest. */
enum { REST_FACTOR = 40 };

static int64_t now_ns(void)
{
    return g_get_monotonic_time() * 1000;
}

static void finish(struct app *app, enum app_end end)
{
    app->end = end;
    app->done = true;
}

static void obey(struct app *app, struct screen *screen, const struct screen_event *event)
{
    switch (event->kind) {
    case SCREEN_KEY:
        app_key(app, event->key);
        break;
    case SCREEN_CLICK:
    case SCREEN_DOUBLE_CLICK:
    case SCREEN_WHEEL_UP:
    case SCREEN_WHEEL_DOWN:
        app_mouse(app, event);
        break;
    case SCREEN_HANGUP:
    case SCREEN_TERMINATE:
        finish(app, APP_HANGUP);
        break;
    case SCREEN_RESIZED:
    case SCREEN_NOTHING:
        break;
    }
    if (app->wants_suspend)
        screen_suspend(screen);
    if (app->wants_redraw)
        screen_redraw(screen);
    app->wants_suspend = app->wants_redraw = false;
}

static void draw(struct app *app, struct screen *screen)
{
    app_draw(app, screen_surface(screen), screen_theme(screen));
    screen_show(screen);
}

static int64_t refresh_and_draw(struct app *app, struct screen *screen)
{
    int64_t begin = now_ns();
    app_refresh(app, begin);
    draw(app, screen);
    int64_t end = now_ns();
    return MAX(begin + app->interval_ns, end + (end - begin) * REST_FACTOR);
}

/* Returns whether the terminal is still there. */
static bool loop(struct app *app, struct screen *screen)
{
    int64_t next_refresh = refresh_and_draw(app, screen);
    while (!app->done) {
        int64_t left = next_refresh - now_ns();
        struct screen_event event = {.kind = SCREEN_NOTHING};
        if (left > 0)
            event = screen_wait(screen, (int)(left / 1000000) + 1);
        if (event.kind != SCREEN_NOTHING) {
            obey(app, screen, &event);
            if (event.kind == SCREEN_HANGUP)
                return false;
            if (!app->done)
                draw(app, screen);
        } else if (now_ns() >= next_refresh) {
            next_refresh = refresh_and_draw(app, screen);
        }
    }
    return true;
}

bool app_run(const struct app_options *options, enum app_end *ret_end, GError **error)
{
    struct screen *screen = screen_open(options->color, options->ascii, error);
    if (!screen)
        return false;
    struct app app;
    app_init(&app, options);
    if (loop(&app, screen))
        screen_close(screen);
    else
        screen_abandon(screen);
    *ret_end = app.end;
    app_clear(&app);
    return true;
}
