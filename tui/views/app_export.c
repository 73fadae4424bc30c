/*
 * Pictures of views in files of their own, never over another file.
 */
#include "core/formats/new_file.h"
#include "core/formats/snapshot.h"
#include "tui/views/app_state.h"

static bool write_new(const char *path, const GString *content, GError **error)
{
    struct new_file *file = new_file_new(path, false, error);
    bool ok = file && new_file_write(file, content->str, content->len, error) &&
              new_file_commit(file, error);
    new_file_free(file);
    return ok;
}

/* The disk may be slow: only the picture is made with the lock held. */
void app_export(struct app *app)
{
    app_lock(app);
    GString *picture = app->ops[app->current]->picture(app->data[app->current]);
    char *name = snapshot_name_after(app->lens.profile, ".svg");
    app_unlock(app);
    GError *error = NULL;
    if (write_new(name, picture, &error))
        app_say(app, ROLE_STRONG, g_strdup_printf("wrote %s", name));
    else
        app_say(app, ROLE_WARNING, g_strdup(error->message));
    g_clear_error(&error);
    g_free(name);
    g_string_free(picture, TRUE);
}
