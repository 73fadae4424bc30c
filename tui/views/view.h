/*
 * What a view is: a table of functions in views.c. A new view is one file and one line there.
 *
 * All are called by the UI thread with the profile's lock held; none may block.
 */
#ifndef PROFTOP_TUI_VIEWS_VIEW_H
#define PROFTOP_TUI_VIEWS_VIEW_H

#include "tui/term/keys.h"
#include "tui/term/surface.h"
#include "tui/term/theme.h"
#include "tui/views/app.h"
#include "tui/views/lens.h"

enum view_reaction {
    VIEW_PASS,       /* not for this view: the application looks at it */
    VIEW_HANDLED,    /* draw anew */
    VIEW_REFRESH,    /* what the views ask for has changed: query, then draw */
    VIEW_REBUILD,    /* the lens looks at something else now: lens_rebuild, then all of that */
    VIEW_OPEN_FLAME, /* show lens->focus in Flame */
    VIEW_NO_HEAP,    /* say why the heap is not measured */
    VIEW_EXPORT,     /* write the view's picture to a file */
    VIEW_TYPE,       /* keys go to the target from now on */
    VIEW_PROMPT_FILTER,
};

struct canvas {
    struct surface *surface;
    const struct theme *theme;
    struct area area; /* the view's rows */
};

enum { VIEW_SEARCH_HERE = 0, VIEW_SEARCH_NEXT = 1, VIEW_SEARCH_BACK = -1 };

struct view_ops {
    const char *name;
    int number; /* key and tab */
    enum key_context context;

    /* Whether there is anything to show in this run; NULL: always. */
    bool (*exists)(const struct app_options *options);

    /* The view's own data. `lens` is borrowed and outlives it. */
    void *(*create)(const struct app_options *options, struct lens *lens);
    void (*destroy)(void *view);

    /* The lens has new data, or looks elsewhere. Called while the view is shown, and before. */
    void (*refresh)(void *view);

    void (*draw)(void *view, const struct canvas *canvas);

    enum view_reaction (*request)(void *view, enum request request);

    /* Mouse at the surface's (y, x). */
    enum view_reaction (*click)(void *view, int y, int x, bool twice);
    void (*wheel)(void *view, int rows);

    /* Moves to a match of lens->search: at or after the cursor, behind it, before it. false: none.
     */
    bool (*search)(void *view, int direction);

    /* What is shown as a file for other programs, SVG; NULL: the view never asks for it. */
    GString *(*picture)(void *view);

    /* The function under the cursor, PROFILE_NONE where there is none; NULL: the view has no
     * functions. */
    uint32_t (*selected)(const void *view);
};

extern const struct view_ops view_functions, view_flame, view_memory, view_threads, view_output;

/* All views in the order of their tabs, NULL-terminated. */
extern const struct view_ops *const views[];

enum { VIEWS_MAX = 10 };

#endif
