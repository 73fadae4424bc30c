/*
 * proftop view: a snapshot on the screen.
 */
#include <stdio.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/formats/snapshot.h"
#include "tui/cli/command.h"
#include "tui/cli/look.h"
#include "tui/views/app.h"

/* The file is there already; W copies it. */
static char *save_copy(void *arg, GError **error)
{
    const struct profile *profile = arg;
    char *path = snapshot_name_after(profile, ".pb.gz");
    if (snapshot_save(profile, path, false, error))
        return path;
    g_free(path);
    return NULL;
}

static int view(const struct look *look, const char *file, GError **error)
{
    struct profile *profile = snapshot_load(file, error);
    if (!profile)
        return 1;
    if (!isatty(STDOUT_FILENO)) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED,
                    "the output is no terminal: use 'proftop report %s'", file);
        profile_free(profile);
        return 1;
    }
    enum app_end end;
    bool ok = app_run(
        &(struct app_options){.profile = profile,
                              .title = *profile->info.command ? profile->info.command : file,
                              .save = save_copy,
                              .arg = profile,
                              .ascii = look->ascii,
                              .color = look->color},
        &end, error);
    profile_free(profile);
    return ok ? 0 : 1;
}

static const struct command_usage usage = {
    .words = "FILE",
    .summary = "Shows a snapshot in the terminal.",
};

static int run(const struct command_context *context, int argc, char **argv, GError **error)
{
    (void)context;
    struct look look;
    look_init(&look);
    GOptionEntry entries[LOOK_ENTRIES + 1] = {0};
    look_fill_entries(&look, entries);
    int status = 2;
    if (command_parse(&usage, entries, &argc, &argv, error) && look_finish(&look, error)) {
        if (argc != 2)
            g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_USAGE,
                        "view takes one snapshot: proftop view FILE");
        else
            status = view(&look, argv[1], error);
    }
    look_clear(&look);
    return status;
}

const struct command cmd_view = {
    .name = "view", .summary = "show a snapshot on the screen", .run = run};
