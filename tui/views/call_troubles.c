/*
 * Troubles of calls: reasons, losses, calls that ended in another way than by returning.
 */
#include "tui/views/call_troubles.h"

#include "core/base/text.h"
#include "tui/views/lens_calls.h"
#include "tui/widgets/w_paragraph.h"

enum { MARGIN = 2 };

static void append_loss(GString *out, const struct calls_process *calls, unsigned loss)
{
    const struct calls_loss_info *info = &calls_losses[loss];
    int64_t count = calls_loss(calls, loss);
    if (count <= 0)
        return;
    g_string_append(out, out->len ? ", " : "");
    text_append_count(out, count);
    g_string_append_printf(out, " %s%s %s", info->thing, count == 1 ? "" : "s", info->what);
}

/* "shop (pid 42): why; 12 calls not counted, ..."; NULL: nothing is wrong. */
static char *trouble_of(const struct profile *p, const struct calls_process *calls)
{
    const struct process *process = profile_get_process(p, calls->process);
    GString *losses = g_string_new(NULL);
    for (unsigned i = 0; i < CALLS_LOSSES; i++)
        append_loss(losses, calls, i);
    char *text = NULL;
    if (losses->len || *calls->trouble)
        text = g_strdup_printf("exact calls of %s (pid %d): %s%s%s", process->name, process->pid,
                               calls->trouble, losses->len && *calls->trouble ? "; " : "",
                               losses->str);
    g_string_free(losses, TRUE);
    return text;
}

void call_troubles_draw(const struct lens *lens, const struct canvas *canvas, int from)
{
    const struct profile *p = lens->profile;
    int cols = canvas->surface->cols - 2 * MARGIN;
    for (guint i = 0; i < p->calls->processes->len && from < canvas->area.rows; i++) {
        const struct calls_process *calls =
            &g_array_index(p->calls->processes, struct calls_process, i);
        if (!lens_calls_include(lens, calls->process))
            continue;
        char *text = trouble_of(p, calls);
        if (!text)
            continue;
        bool lost = calls->missed > 0 || calls->untimed > 0 || *calls->trouble;
        paragraph_draw(canvas->surface, (struct span){canvas->area.y + from, MARGIN, cols},
                       canvas->area.rows - from,
                       theme_style(canvas->theme, lost ? ROLE_WARNING : ROLE_FAINT), text);
        from += paragraph_rows(text, cols);
        g_free(text);
    }
}
