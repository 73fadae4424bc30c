/*
 * Reasons: of the whole heap, or process by process.
 */
#include "tui/views/memory_troubles.h"

#include "tui/views/lens_heap.h"
#include "tui/widgets/w_paragraph.h"

enum { MARGIN = 2 };

/* Returns the rows it takes, which may be more than there were. */
static int draw_text(const struct canvas *canvas, int from, enum role role, const char *text)
{
    int cols = canvas->surface->cols - 2 * MARGIN;
    struct span first = {canvas->area.y + from, MARGIN, cols};
    paragraph_draw(canvas->surface, first, canvas->area.rows - from,
                   theme_style(canvas->theme, role), text);
    return paragraph_rows(text, cols);
}

void memory_unmeasured_draw(const struct lens *lens, const struct canvas *canvas)
{
    GString *text = g_string_new("The heap is not measured: ");
    lens_append_why_no_heap(lens, text);
    g_string_append_c(text, '.');
    draw_text(canvas, 1, ROLE_NORMAL, text->str);
    g_string_free(text, TRUE);
}

void memory_troubles_draw(const struct lens *lens, const struct canvas *canvas, int from)
{
    const struct profile *p = lens->profile;
    uint32_t only = lens_heap_process(lens);
    for (guint i = 0; i < p->heap->processes->len && from < canvas->area.rows; i++) {
        const struct heap_process *heap =
            &g_array_index(p->heap->processes, struct heap_process, i);
        if (!*heap->trouble || (only != PROFILE_NONE && only != heap->process))
            continue;
        const struct process *process = profile_get_process(p, heap->process);
        char *text = g_strdup_printf("%s (pid %d): %s", process->name, process->pid, heap->trouble);
        from += draw_text(canvas, from, ROLE_WARNING, text);
        g_free(text);
    }
}
