/*
 * The application without a terminal: its state, what keys do to it, and its picture. app.c
 * connects it to a screen; tests drive it directly.
 *
 * Context of all: UI thread, without the profile's lock, which is taken inside as needed.
 */
#ifndef PROFTOP_TUI_VIEWS_APP_STATE_H
#define PROFTOP_TUI_VIEWS_APP_STATE_H

#include "tui/term/screen.h"
#include "tui/views/view.h"
#include "tui/widgets/w_list.h"
#include "tui/widgets/w_prompt.h"

enum {
    APP_ROWS_MIN = 10,
    APP_COLS_MIN = 40,
};

enum app_mode {
    MODE_NORMAL,
    MODE_HELP,
    MODE_SEARCH,
    MODE_FILTER,
    MODE_TYPING,
    MODE_QUITTING, /* asks what to do with the target */
};

struct app {
    const struct app_options *options;
    struct lens lens;
    const struct view_ops *ops[VIEWS_MAX]; /* those that exist */
    void *data[VIEWS_MAX];
    int n_views, current;
    struct session_status status; /* of a file: made from its info */
    int64_t now_ns;               /* CLOCK_MONOTONIC, of the last refresh */
    int64_t interval_ns;
    bool frozen;
    int64_t frozen_ns;
    enum app_mode mode;
    struct prompt prompt;
    const char *prompt_remark;
    GRegex *regex_before; /* search or filter before the prompt */
    char *filter_before;
    struct list help_list;
    bool escape_typed; /* while typing: the key before was Esc */
    char *message;
    enum role message_role;
    int64_t message_until_ns;
    int rows, cols;           /* of the surface drawn last */
    int body_rows, body_cols; /* of the views, as last told to the target */
    bool wants_redraw, wants_suspend;
    bool done;
    enum app_end end;
};

/* Begins in the first view. `options` is borrowed. Context: UI thread. */
void app_init(struct app *app, const struct app_options *options);

/* Frees what it holds. Context: UI thread. */
void app_clear(struct app *app);

/* Takes over what is new as of `now_ns`, unless frozen. Context: UI thread. */
void app_refresh(struct app *app, int64_t now_ns);

/* Does what a key asks for; sets app->done when that is to quit. Context: UI thread. */
void app_key(struct app *app, uint32_t key);

/* Obeys the mouse. Context: UI thread. */
void app_mouse(struct app *app, const struct screen_event *event);

/* Draws everything. Context: UI thread. */
void app_draw(struct app *app, struct surface *surface, const struct theme *theme);

/* Shows a line at the bottom for some seconds; `text` becomes the app's (g_free). Context: UI
 * thread. */
void app_say(struct app *app, enum role role, char *text);

/* Goes to a view by its index. Context: UI thread. */
void app_switch(struct app *app, int view);

/* Does what the view's answer asks for. Context: UI thread. */
void app_react(struct app *app, enum view_reaction reaction);

/* Does what concerns the whole application; false when the request does not. Context: UI thread. */
bool app_request(struct app *app, enum request request);

/* Writes the picture of the view that is shown to a new file, and says its name. Context: UI
 * thread. */
void app_export(struct app *app);

/* From here to app_unlock the profile may be read; a file needs no lock. Context: UI thread. */
void app_lock(struct app *app);

/* Ends what app_lock began. Context: UI thread. */
void app_unlock(struct app *app);

/* Rows of the header, and of everything that is not the view's. Context: any thread. */
int app_header_rows(int rows);

/* Draws the header's lines from row 0. The profile's lock is held. Context: UI thread. */
void app_header_draw(const struct app *app, struct surface *surface, const struct theme *theme);

/* That the target ended and how: "ended: exit 0", "ended: killed by SIGSEGV (core dumped)", "ended"
 * when that is not known (-1). Free with g_free. Context: any thread. */
char *app_describe_end(int wait_status);

/* Draws the help over the screen; app->help_list knows how far it is scrolled. Context: UI thread.
 */
void app_help_draw(struct app *app, struct surface *surface, const struct theme *theme);

/* The tab at column x of the tab line, or -1. Context: UI thread. */
int app_tab_at(const struct app *app, int cols, int x);

#endif
