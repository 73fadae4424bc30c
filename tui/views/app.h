/*
 * The full-screen interface: one call that runs until the user leaves.
 */
#ifndef PROFTOP_TUI_VIEWS_APP_H
#define PROFTOP_TUI_VIEWS_APP_H

#include "core/model/profile.h"
#include "core/session/session.h"

struct app_options {
    struct session *session; /* live; NULL: a file */
    struct profile *profile; /* of a file; borrowed */
    const char *title;       /* cleaned text: the command or the file */
    bool attached;           /* the target ran already */
    const char *output_path; /* target's terminal output so far, a growing file; NULL none */
    void (*type_to_target)(void *arg, const char *bytes,
                           size_t n);                     /* NULL: it cannot be typed to */
    void (*resize_target)(void *arg, int rows, int cols); /* NULL: nobody cares */
    char *(*save)(void *arg, GError **error); /* writes a snapshot, returns its name (g_free) */
    void *arg;
    bool ascii;
    bool color;
};

enum app_end {
    APP_QUIT_LEAVE, /* leave the target running */
    APP_QUIT_STOP,  /* the user asked to stop it */
    APP_QUIT_ENDED, /* the target had ended, or there was none */
    APP_HANGUP,     /* the terminal is gone, or SIGTERM came (the terminal is restored then) */
};

/*
 * Shows the session or the file until the user quits.
 *
 * None of the options' functions is called with the profile's lock held. false: the terminal cannot
 * be used, and the error says how to mend it. Context: the thread that owns the session.
 */
bool app_run(const struct app_options *options, enum app_end *ret_end, GError **error);

#endif
